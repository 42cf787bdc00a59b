"""demo.py as a user runs it, on real faces."""

import json
import shutil
import signal
import sys
from glob import glob
from types import SimpleNamespace

import cv2
import keras
import numpy as np
import pytest

from src import shipped
from src.faces.crop import FaceCrop
from src.faces.images import Box
from src.files import partial_of
from src.models import build_model
from src.models.checkpoints import Description, load_checkpoint, save_checkpoint
from tests.cli.demo_runs import NO_SCREEN, read_faces, running, write_small
from tests.helpers import assert_one_line_error, make_picture, names, run

ACCENTED = "Mr Président 日本.JPG"


def box_of(row):
    return Box(*(int(row[side]) for side in Box._fields))


def bytes_by_name(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def album(portraits, shipped, tmp_path_factory):
    """One run over every kind of file: printed lines, inputs and outputs."""
    work = tmp_path_factory.mktemp("album")
    photos = work / "my photos"
    photos.mkdir()
    for portrait in portraits.glob("*.jpg"):
        shutil.copy(portrait, photos)
    shutil.copy(portraits / "astronaut.jpg", photos / ACCENTED)
    (photos / "text.jpg").write_text("no picture")
    (photos / "faces.xml").write_text("<images/>")
    whole = (photos / "hopper.jpg").read_bytes()
    (photos / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    before = bytes_by_name(photos)
    done = run(
        *("demo.py", "--image_dir", photos, "--weight_file", shipped),
        *("--csv", work / "faces.csv", "--jsonl", work / "faces.jsonl"),
        *("--output_dir", work / "copies"),
        **NO_SCREEN,
    )
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(
        work=work, photos=photos, before=before, done=done, rows=read_faces(work / "faces.csv")
    )


def test_only_named_outputs_are_written(album):
    assert names(album.work) == {"my photos", "faces.csv", "faces.jsonl", "copies"}
    assert bytes_by_name(album.photos) == album.before


def test_unreadable_images_are_reported(album):
    others, cut, text, total = album.done.stderr.splitlines()
    assert " 1 " in others  # .xml
    assert "cut.jpg" in cut and "text.jpg" in text
    assert total.startswith(f"{len(album.rows)} of {len(album.rows) + 2} images")


def test_estimates_equal_the_original_toolkits(portraits, original_weights, run_here, tmp_path):
    """The original demo.py: a margin of 0.4, clipped, inclusive; bilinear; the expectation."""
    args = (portraits / "two_people.jpg", "--weight_file", original_weights, "--no_display")
    assert run_here("demo.py", *args, "--csv", tmp_path / "faces.csv").returncode == 0
    [rows] = read_faces(tmp_path / "faces.csv").values()
    image = cv2.imread(str(portraits / "two_people.jpg"))
    img_h, img_w = image.shape[:2]
    cut = []
    for x1, y1, x2, y2 in map(box_of, rows):
        w, h = x2 - x1, y2 - y1
        xw1, yw1 = max(int(x1 - 0.4 * w), 0), max(int(y1 - 0.4 * h), 0)
        xw2, yw2 = min(int(x2 + 0.4 * w), img_w - 1), min(int(y2 + 0.4 * h), img_h - 1)
        cut.append(cv2.resize(image[yw1 : yw2 + 1, xw1 : xw2 + 1], (64, 64)))
    network, _ = load_checkpoint(original_weights)
    genders, ages = network.predict(np.array(cut), verbose=0)
    expected = ages.dot(np.arange(0, 101).reshape(101, 1)).flatten()
    assert [float(row["age"]) for row in rows] == pytest.approx(expected, abs=0.011)
    assert [float(row["p_female"]) for row in rows] == pytest.approx(genders[:, 0], abs=0.0002)


def test_copies_keep_image_names(album):
    assert names(album.work / "copies") == {*album.rows, "ages_by_gender.png", "gallery.html"}


@pytest.fixture(scope="module")
def small_weights(tmp_path_factory):
    """One small untrained network saved twice, once for a narrow and once for a wide margin."""
    folder = tmp_path_factory.mktemp("weights")
    keras.utils.set_random_seed(0)
    architecture = {"name": "small_cnn"}
    model = build_model(architecture, 32)
    paths = SimpleNamespace(narrow=folder / "narrow.hdf5", wide=folder / "wide.hdf5")
    for path, margin in ((paths.narrow, 0.1), (paths.wide, 0.9)):
        save_checkpoint(path, model, Description(architecture, FaceCrop(32, margin)))
    return paths


def test_margin_flag_overrides_the_checkpoint(portraits, small_weights, run_here, tmp_path):
    photos = [portraits / f"{name}.jpg" for name in ("hopper", "astronaut")]

    def records(*args):
        path = tmp_path / "faces.csv"
        done = run_here("demo.py", *photos, "--csv", path, "--no_display", *args)
        assert done.returncode == 0
        return path.read_text()

    narrow = records("--weight_file", small_weights.narrow)
    wide = records("--weight_file", small_weights.wide)
    assert records("--weight_file", small_weights.narrow, "--margin", 0.9) == wide
    assert records("--weight_file", small_weights.wide, "--margin", 0.1) == narrow
    assert narrow != wide


@pytest.fixture
def photos(portraits, tmp_path):
    """A portrait in a folder; a portrait and a image without a face in a subfolder."""
    folder = tmp_path / "photos"
    write_small(portraits / "hopper.jpg", folder / "portrait.jpg")
    write_small(portraits / "astronaut.jpg", folder / "inner" / "astronaut.jpg")
    write_small(portraits / "nobody.jpg", folder / "inner" / "nobody.jpg")
    return folder


def test_table_of_labelled_images(photos, exports, run_here, tmp_path):
    (tmp_path / "labels.csv").write_text("path,age,gender\nportrait.jpg,51,male\n")
    done = run_here(
        *("demo.py", "--labels", tmp_path / "labels.csv", "--image_dir", photos, "--no_display"),
        *("--weight_file", exports["onnx"], "--output_dir", tmp_path / "table"),
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "table" / "table.html").read_text(encoding="utf-8")
    assert "<td>51, male</td>" in page
    assert page.count("data:image/jpeg;base64,") == 2
    assert names(tmp_path / "table") == {"table.html", "portrait.jpg"}


def test_copies_never_replace_images(exports, run_here, tmp_path):
    make_picture(tmp_path / "a.jpg")
    before = bytes_by_name(tmp_path)
    args = ("--image_dir", tmp_path, "--output_dir", tmp_path / ".", "--no_display")
    done = run_here("demo.py", *args, "--weight_file", exports["onnx"])
    assert_one_line_error(done, "demo.py", "--output_dir")
    assert bytes_by_name(tmp_path) == before


@pytest.mark.parametrize(
    "args, words",
    [
        (["--image_dir", "photos/a.jpg"], "a.jpg: expected a folder, found a file"),
        (["--image_dir", "empty"], "empty: no images"),
        (["--image_dir", "photos", "--csv", "empty"], "empty"),
        (["--image_dir", "photos", "--jsonl", "no/f.jsonl"], "no: expected a folder"),
        (
            ["--image_dir", "photos", "--output_dir", "text"],
            "text: expected a folder, found a file",
        ),
        (["--image_dir", "photos", "--weight_file", "text"], "expected a weight file, HDF5"),
        (["--image_dir", "photos"], "age_gender"),
        (["--image_dir", "photos", "--margin", "-1"], "--margin: expected a number"),
        (["photos/a.jpg", "photos/b.jpg"], "b.jpg: expected an image"),
        (["--video", "text"], "--video: no frame of text can be read"),
        (["--labels", "text", "--output_dir", "empty"], "text"),
        # incompatible flags
        (["a.jpg", "--image_dir", "photos"], "received images and --image_dir"),
        (["--video", "a.mp4", "--web"], "received --video and --web"),
        (["--labels", "a.csv", "b.jpg"], "received images and --labels"),
        (["photos/a.jpg", "--recursive"], "--recursive requires --image_dir"),
        (["--labels", "a.csv"], "--labels requires --output_dir"),
        (["--resume"], "--resume requires"),
        (["--resume", "--video", "a.mp4"], "--resume requires"),
        (["--camera_size", "1280"], "--camera_size: expected WIDTHxHEIGHT, such as 1280x720"),
        (["https:/example.org/a.jpg"], "https://"),
        (["photos", "--every", "2"], "--every requires --video or the webcam"),
        (["photos/a.jpg", "--anonymize"], "--anonymize requires --output_dir or a window"),
    ],
)
def test_bad_input_leaves_no_csv(run_here, monkeypatch, tmp_path, args, words):
    monkeypatch.chdir(tmp_path)
    make_picture(tmp_path / "photos" / "a.jpg")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("no weights")
    monkeypatch.setattr(shipped, "shipped_path", tmp_path.joinpath)
    done = run_here("demo.py", "--csv", "faces.csv", "--no_display", *args)
    assert_one_line_error(done, "demo.py", words)
    assert names(tmp_path) == {"photos", "empty", "text"}
    assert names(tmp_path / "photos") == {"a.jpg"}


@pytest.mark.skipif(
    bool(glob("/dev/video*")) or not sys.platform.startswith("linux"), reason="may have a webcam"
)
def test_no_webcam_is_one_line():
    assert_one_line_error(run("demo.py"), "demo.py", "webcam", "--image_dir")


MANY, BROKEN = 120, "050.jpg"


@pytest.fixture(scope="module")
def many(portraits, exports, tmp_path_factory):
    """A folder of many images, one of them broken, and the arguments to search it."""
    folder = tmp_path_factory.mktemp("many")
    write_small(portraits / "hopper.jpg", folder / "portrait.jpg")
    write_small(portraits / "two_people.jpg", folder / "two.jpg")
    (folder / "photos").mkdir()
    for i in range(MANY):
        (folder / "photos" / f"{i:03d}.jpg").symlink_to(folder / ("two.jpg", "portrait.jpg")[i % 2])
    (folder / "photos" / BROKEN).unlink()
    (folder / "photos" / BROKEN).write_text("no picture")
    args = ("--image_dir", folder / "photos", "--weight_file", exports["onnx"], "--min_face", 60)
    return (*args, "--csv", "faces.csv", "--jsonl", "faces.jsonl")


def rows_in(path):
    """The number of complete records."""
    return len(path.read_text().splitlines()) - 1 if path.exists() else 0


def lines_of(process):
    """The first lines that the process prints, for several images."""
    return [process.stdout.readline() for _ in range(15)]


def test_resume_after_kill_and_interrupt(many, run_here, monkeypatch, tmp_path):
    partial = partial_of(tmp_path / "faces.csv")
    with running(tmp_path, *many, **NO_SCREEN) as process:
        assert lines_of(process)[0].startswith("000.jpg: ")
        process.kill()
        # Surviving worker processes would keep its output open.
        process.communicate(timeout=60)
    locks = {".faces.csv.lock", ".faces.jsonl.lock"}
    assert names(tmp_path) - locks == {partial.name, partial_of(tmp_path / "faces.jsonl").name}
    killed = rows_in(partial)
    assert 0 < killed < MANY
    with running(tmp_path, *many, "--resume", **NO_SCREEN) as process:
        assert not lines_of(process)[0].startswith("000.jpg: ")
        process.send_signal(signal.SIGINT)
        _, printed = process.communicate(timeout=60)
    assert process.returncode == 130
    assert printed.splitlines()[-1] == ("demo.py: interrupted: resume with --resume")
    assert names(tmp_path) == {partial.name, partial_of(tmp_path / "faces.jsonl").name}
    assert rows_in(partial) > killed
    monkeypatch.chdir(tmp_path)
    resumed = run_here("demo.py", *many, "--resume", "--no_display")
    assert resumed.returncode == 0
    assert names(tmp_path) == {"faces.csv", "faces.jsonl"}
    (tmp_path / "whole").mkdir()
    monkeypatch.chdir(tmp_path / "whole")
    whole = run_here("demo.py", *many, "--no_display")
    line, total = whole.stderr.splitlines()
    assert line.startswith("skipped: ") and BROKEN in line
    assert resumed.stderr.splitlines()[-1] == total
    assert len(resumed.stdout.splitlines()) < len(whole.stdout.splitlines())
    faces = read_faces(tmp_path / "faces.csv")
    assert list(faces) == [f"{i:03d}.jpg" for i in range(MANY) if f"{i:03d}.jpg" != BROKEN]
    assert_same(faces, read_faces(tmp_path / "whole" / "faces.csv"))
    lines = map(json.loads, (tmp_path / "faces.jsonl").read_text().splitlines())
    for line, row in zip(lines, (row for rows in faces.values() for row in rows), strict=True):
        assert f"{line['age']:.2f}" == row["age"]


def assert_same(faces, others):
    assert list(faces) == list(others)
    for rows, other_rows in zip(faces.values(), others.values(), strict=True):
        for row, other in zip(rows, other_rows, strict=True):
            assert row.pop("file") == other.pop("file")
            numbers, expected = ([float(value) for value in r.values()] for r in (row, other))
            assert numbers == pytest.approx(expected, abs=0.0101)


def test_closed_pipe_ends_quietly(many, tmp_path):
    with running(tmp_path, *many, **NO_SCREEN) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 1
        assert "Traceback" not in process.stderr.read()
    # The records are kept for --resume.
    assert names(tmp_path) == {".faces.partial.csv", ".faces.partial.jsonl"}


def test_only_age_or_gender_is_shown(photos, exports, run_here):
    args = (photos / "portrait.jpg", "--weight_file", exports["onnx"], "--no_display")
    age = run_here("demo.py", *args, "--labels", "age").stdout
    gender = run_here("demo.py", *args, "--labels", "gender").stdout
    both = run_here("demo.py", *args).stdout
    assert both == age.replace("\n", f",{gender.partition(':')[2]}")
