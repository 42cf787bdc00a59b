"""demo.py as a user runs it, on real photos with the original toolkit's weights."""

import csv
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from glob import glob
from types import SimpleNamespace
from xml.etree import ElementTree

import cv2
import dlib
import h5py
import numpy as np
import pytest

import demo
from src import cli
from src.data import faces
from src.data.images import Box
from src.estimation import estimator
from src.models import wide_resnet
from src.models.checkpoints import Description, load_checkpoint, save_checkpoint
from tests.helpers import ROOT, assert_one_line_error, heed_ctrl_c, make_picture, run

HEADER = "file,face,left,top,right,bottom,age,age_low,age_high,p_female"
ACCENTED = "Mr Président 日本.JPG"
TURNED = "turned.jpg"
NO_SCREEN = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}


def turned_jpeg(image):
    """A JPEG of `image` lying on its side, with the EXIF tag that says how to put it upright."""
    _, data = cv2.imencode(".jpg", cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE))
    # One little-endian directory of one entry: tag 0x112 (orientation), a short, 6 (turn right).
    tags = b"II*\0\x08\0\0\0" + b"\x01\0" + b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0" + b"\0\0\0\0"
    exif = b"Exif\0\0" + tags
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    data = data.tobytes()
    return data[:2] + segment + data[2:]


def read_csv(path):
    """The rows by file, as dicts of text."""
    rows = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["file"], []).append(row)
    return rows


def box_of(row):
    return Box(*(int(row[side]) for side in Box._fields))


def overlap(a, b):
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def bytes_by_name(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def album(shared, original_weights, tmp_path_factory):
    """One run over every kind of file: what it printed, read and left behind."""
    work = tmp_path_factory.mktemp("album")
    photos = work / "my photos"
    shutil.copytree(shared / "demo" / "groups", photos)
    for name in ("obama.jpg", "biden.jpg"):
        shutil.copy(shared / "demo" / name, photos)
    shutil.copy(shared / "demo" / "obama2.jpg", photos / ACCENTED)
    obama = cv2.imread(str(photos / "obama.jpg"))
    (photos / TURNED).write_bytes(turned_jpeg(obama))
    (photos / "text.jpg").write_text("no picture")
    whole = (photos / "obama.jpg").read_bytes()
    (photos / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    before = bytes_by_name(photos)
    done = run(
        *("demo.py", "--image_dir", photos, "--weight_file", original_weights),
        *("--csv", work / "faces.csv", "--output_dir", work / "copies"),
        **NO_SCREEN,
    )
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(
        work=work, photos=photos, before=before, done=done, rows=read_csv(work / "faces.csv")
    )


def test_csv_header(album):
    assert (album.work / "faces.csv").read_text(encoding="utf-8").splitlines()[0] == HEADER


def test_exactly_the_named_files_are_left(album):
    assert {path.name for path in album.work.iterdir()} == {"my photos", "faces.csv", "copies"}
    assert bytes_by_name(album.photos) == album.before


def test_every_picture_has_its_rows_and_nothing_else_has(album):
    pictures = {name for name in album.before if name.lower().endswith(".jpg")}
    assert set(album.rows) == pictures - {"text.jpg", "cut.jpg"}
    assert {ACCENTED, TURNED, "dogs.jpg"} < set(album.rows)


def test_faces_are_numbered_within_their_picture(album):
    for name in set(album.rows) - {"dogs.jpg"}:
        assert [row["face"] for row in album.rows[name]] == [
            str(i) for i in range(len(album.rows[name]))
        ]


def test_a_picture_without_a_face_is_one_row_with_an_empty_face(album):
    assert [list(row.values()) for row in album.rows["dogs.jpg"]] == [["dogs.jpg"] + [""] * 9]


def test_unreadable_pictures_are_reported_and_named(album):
    lines = album.done.stderr.splitlines()
    assert len(lines) == 2
    assert "cut.jpg" in lines[0] and "text.jpg" in lines[1]


@pytest.mark.parametrize("labels", ["testing.xml", "training.xml"])
def test_every_labelled_face_is_found(album, labels):
    for image in ElementTree.parse(album.photos / labels).iter("image"):
        found = [box_of(row) for row in album.rows[image.get("file")]]
        for true in image.iter("box"):
            left, top, width, height = (
                int(true.get(k)) for k in ("left", "top", "width", "height")
            )
            best = max(overlap((left, top, left + width, top + height), box) for box in found)
            assert best > 0.4, (image.get("file"), true.attrib)


def test_nothing_but_the_labelled_faces_is_found(album):
    for labels in ("testing.xml", "training.xml"):
        for image in ElementTree.parse(album.photos / labels).iter("image"):
            assert len(album.rows[image.get("file")]) == len(list(image.iter("box")))


def test_boxes_lie_within_the_picture(album):
    for name in set(album.rows) - {"dogs.jpg", TURNED}:
        data = np.fromfile(album.photos / name, np.uint8)
        height, width = cv2.imdecode(data, cv2.IMREAD_COLOR).shape[:2]
        for left, top, right, bottom in map(box_of, album.rows[name]):
            assert 0 <= left < right <= width and 0 <= top < bottom <= height


@pytest.mark.parametrize("name", ["obama.jpg", "biden.jpg", "Tom_Cruise_avp_2014_4.jpg"])
def test_the_box_is_where_the_original_toolkit_finds_the_face(album, name):
    """It shrank pictures to 640 pixels and let dlib double them."""
    image = cv2.imread(str(album.photos / name))
    scale = 640 / max(image.shape[:2])
    small = cv2.resize(image, (int(image.shape[1] * scale), int(image.shape[0] * scale)))
    [face] = dlib.get_frontal_face_detector()(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), 1)
    edges = (face.left(), face.top(), face.right() + 1, face.bottom() + 1)
    [row] = album.rows[name]
    assert overlap(box_of(row), [edge / scale for edge in edges]) > 0.85


@pytest.fixture(scope="module")
def original_model(original_weights):
    return load_checkpoint(original_weights)[0]


@pytest.mark.parametrize("name", ["obama.jpg", "2008_001322.jpg", "2008_004176.jpg"])
def test_ages_and_genders_are_the_original_toolkit_s_formula(album, original_model, name):
    """Its demo.py: a margin of 0.4, clipped, both ends inside; bilinear; the expectation."""
    image = cv2.imread(str(album.photos / name))
    img_h, img_w = image.shape[:2]
    cut = []
    for x1, y1, x2, y2 in map(box_of, album.rows[name]):
        w, h = x2 - x1, y2 - y1
        xw1, yw1 = max(int(x1 - 0.4 * w), 0), max(int(y1 - 0.4 * h), 0)
        xw2, yw2 = min(int(x2 + 0.4 * w), img_w - 1), min(int(y2 + 0.4 * h), img_h - 1)
        cut.append(cv2.resize(image[yw1 : yw2 + 1, xw1 : xw2 + 1], (64, 64)))
    genders, ages = original_model.predict(np.array(cut), verbose=0)
    said = album.rows[name]
    expected = ages.dot(np.arange(0, 101).reshape(101, 1)).flatten()
    assert [float(row["age"]) for row in said] == pytest.approx(expected, abs=0.011)
    assert [float(row["p_female"]) for row in said] == pytest.approx(genders[:, 0], abs=0.0002)


def test_intervals_hold_the_age_nearly_always(album):
    said = [
        [float(row[column]) for column in ("age_low", "age", "age_high")]
        for rows in album.rows.values()
        for row in rows
        if row["face"]
    ]
    low, age, high = np.array(said).T
    assert (low <= high).all()
    assert (0 <= low).all() and (high <= 100).all()
    assert ((low <= age) & (age <= high)).mean() > 0.9


@pytest.mark.parametrize("name", ["obama.jpg", "biden.jpg", ACCENTED, "bald_guys.jpg"])
def test_men_are_called_men(album, name):
    assert all(float(row["p_female"]) < 0.5 for row in album.rows[name])


def test_a_turned_photo_s_box_is_in_upright_pixels(album):
    [upright], [turned] = album.rows["obama.jpg"], album.rows[TURNED]
    assert overlap(box_of(upright), box_of(turned)) > 0.9


def test_without_a_screen_every_face_is_a_line(album):
    lines = album.done.stdout.splitlines()
    assert len(lines) == sum(map(len, album.rows.values()))
    [obama] = [line for line in lines if line.startswith("obama.jpg: ")]
    [row] = album.rows["obama.jpg"]
    years = f"{float(row['age']):.1f} years ({row['age_low']}-{row['age_high']})"
    assert years in obama and ", M " in obama


def test_copies_have_the_pictures_names(album):
    assert {path.name for path in (album.work / "copies").iterdir()} == set(album.rows)


@pytest.mark.parametrize("name", ["obama.jpg", ACCENTED, TURNED, "2008_002470.jpg", "dogs.jpg"])
def test_copies_differ_from_their_pictures_near_faces_only(album, name):
    photo, copy = (
        cv2.imdecode(np.fromfile(folder / name, np.uint8), cv2.IMREAD_COLOR).astype(int)
        for folder in (album.photos, album.work / "copies")
    )
    drawn = np.abs(copy - photo).max(axis=2) > 80  # JPEG alone changes less
    for row in album.rows[name]:
        if not row["face"]:
            continue
        left, top, right, bottom = box_of(row)
        near = (right - left) // 2 + 20  # the label's height, and its width beyond a small box
        around = drawn[max(top - near, 0) : bottom + near, max(left - near, 0) : right + near]
        assert around.mean() > 0.01
        around[:] = False
    assert not drawn.any()


def photos_of(shared, folder, *names):
    folder.mkdir()
    for name in names:
        shutil.copy(shared / "demo" / name, folder)
    return folder


@pytest.fixture(scope="module")
def small_weights(tmp_path_factory):
    """One small untrained network saved twice, once for a narrow and once for a wide margin."""
    folder = tmp_path_factory.mktemp("weights")
    wide_resnet.keras.utils.set_random_seed(0)
    arguments = {"depth": 10, "width": 1}
    model = wide_resnet.build(32, **arguments)
    paths = SimpleNamespace(narrow=folder / "narrow.hdf5", wide=folder / "wide.hdf5")
    for path, margin in ((paths.narrow, 0.1), (paths.wide, 0.9)):
        architecture = {"name": "wide_resnet", **arguments}
        save_checkpoint(path, model, Description(architecture, img_size=32, margin=margin))
    return paths


@pytest.fixture
def run_here(monkeypatch):
    """Run demo.py in this process, where parts of it can be replaced; returns the exit code."""

    def run_demo(*args):
        monkeypatch.setattr(sys, "argv", ["demo.py", *map(str, args)])
        try:
            cli.run(demo.main)
        except SystemExit as end:
            return end.code
        return 0

    return run_demo


def test_the_margin_is_the_checkpoint_s_unless_given(shared, small_weights, run_here, tmp_path):
    photos = photos_of(shared, tmp_path / "photos", "obama.jpg", "biden.jpg")

    def said(*args):
        path = tmp_path / "faces.csv"
        assert run_here("--image_dir", photos, "--csv", path, "--no_display", *args) == 0
        return path.read_text()

    narrow = said("--weight_file", small_weights.narrow)
    wide = said("--weight_file", small_weights.wide)
    assert said("--weight_file", small_weights.narrow, "--margin", 0.9) == wide
    assert said("--weight_file", small_weights.wide, "--margin", 0.1) == narrow
    assert narrow != wide


def test_with_no_display_no_window_is_tried_where_there_is_a_screen(
    shared, small_weights, run_here, monkeypatch, tmp_path
):
    monkeypatch.setattr("src.demo.sinks.has_screen", lambda: True)
    monkeypatch.setattr("src.demo.sinks.window", lambda wait: pytest.fail("tried"))
    photos = photos_of(shared, tmp_path / "photos", "obama.jpg")
    assert run_here("--image_dir", photos, "--weight_file", small_weights.wide, "--no_display") == 0


def test_copies_into_the_picture_s_own_folder_are_refused(small_weights, run_here, tmp_path, capfd):
    make_picture(tmp_path / "a.jpg")
    before = bytes_by_name(tmp_path)
    args = ("--image_dir", tmp_path, "--output_dir", tmp_path / ".", "--no_display")
    assert run_here(*args, "--weight_file", small_weights.wide) == 2
    assert "--output_dir: expected another folder" in capfd.readouterr().err
    assert bytes_by_name(tmp_path) == before


@pytest.mark.parametrize(
    "args, said",
    [
        (["--image_dir", "nowhere"], "nowhere: expected a folder, found nothing there"),
        (["--image_dir", "photos/a.jpg"], "a.jpg: expected a folder, found a file"),
        (["--image_dir", "empty"], "expected pictures"),
        (["--image_dir", "photos", "--csv", "nowhere/f.csv"], "nowhere: expected a folder"),
        (["--image_dir", "photos", "--csv", "empty"], "expected a file to write, found a folder"),
        (["--image_dir", "photos", "--output_dir", "text"], "--output_dir: expected a folder"),
        (["--image_dir", "photos", "--weight_file", "nowhere.hdf5"], "expected a weight file"),
        (["--image_dir", "photos", "--weight_file", "text"], "expected a weight file, HDF5"),
        (["--image_dir", "photos"], "--weight_file: expected a checkpoint, received none"),
        (["--image_dir", "photos", "--margin", "-1"], "expected a number from 0 to 10"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_csv(
    run_here, monkeypatch, tmp_path, capfd, args, said
):
    monkeypatch.chdir(tmp_path)
    make_picture(tmp_path / "photos" / "a.jpg")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("no weights")
    monkeypatch.setattr(estimator, "ORIGINAL_WEIGHTS", tmp_path / "weights.hdf5")
    assert run_here("--csv", "faces.csv", "--no_display", *args) == 2
    [line] = capfd.readouterr().err.splitlines()
    assert line.startswith("demo.py: error: ")
    assert said in line
    assert set(os.listdir(tmp_path)) == {"photos", "empty", "text"}
    assert os.listdir(tmp_path / "photos") == ["a.jpg"]


def test_weights_of_another_network_are_refused_with_what_was_found(run_here, tmp_path, capfd):
    make_picture(tmp_path / "a.jpg")
    with h5py.File(tmp_path / "vgg.hdf5", "w") as file:  # the layout of Keras 1 and 2
        file.attrs["layer_names"] = ["conv1"]
        file.create_group("conv1").attrs["weight_names"] = ["kernel"]
        file["conv1/kernel"] = np.zeros((3, 3, 3, 64))
    args = ("--image_dir", tmp_path, "--weight_file", tmp_path / "vgg.hdf5", "--no_display")
    assert run_here(*args) == 2
    [line] = capfd.readouterr().err.splitlines()
    assert "expected a checkpoint of this toolkit or a WideResNet" in line
    assert "conv1 [(3, 3, 3, 64)]" in line


class Camera:
    """In place of a webcam: it gives one photo for ever."""

    def __init__(self, image):
        self.image = image
        self.isOpened = lambda: True
        self.set = lambda name, value: True
        self.release = lambda: None

    def read(self):
        return True, self.image


def test_a_webcam_without_a_window_ends_by_ctrl_c_and_keeps_its_rows(
    shared, small_weights, run_here, monkeypatch, tmp_path
):
    camera = Camera(cv2.imread(str(shared / "demo" / "obama.jpg")))
    frames = []

    def detect(image):
        frames.append(image)
        if len(frames) == 3:
            raise KeyboardInterrupt
        return [Box(100, 100, 300, 300)]

    monkeypatch.setattr(cv2, "VideoCapture", lambda index: camera)
    monkeypatch.setattr(faces, "DlibDetector", lambda: detect)
    args = ("--csv", tmp_path / "faces.csv", "--no_display")
    assert run_here("--weight_file", small_weights.wide, *args) == 0
    assert list(read_csv(tmp_path / "faces.csv")) == ["frame000000.jpg", "frame000001.jpg"]
    assert os.listdir(tmp_path) == ["faces.csv"]


@pytest.mark.skipif(
    bool(glob("/dev/video*")) or not sys.platform.startswith("linux"), reason="may have a webcam"
)
def test_no_webcam_is_one_line():
    assert_one_line_error(run("demo.py"), "demo.py", "webcam", "--image_dir")


@contextmanager
def running(folder, *args, **environment):
    """demo.py at work in `folder`; whatever becomes of the test, it ends with it."""
    with subprocess.Popen(
        [sys.executable, ROOT / "demo.py", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, **environment},
        preexec_fn=heed_ctrl_c,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def started(shared, small_weights, tmp_path):
    """demo.py at work on many pictures, its first line read."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(100):
        (photos / f"{i:02d}.jpg").symlink_to(shared / "demo" / "obama.jpg")
    args = ("--image_dir", photos, "--csv", "faces.csv", "--weight_file", small_weights.wide)
    with running(tmp_path, *args, **NO_SCREEN) as process:
        assert process.stdout.readline().startswith("00.jpg: ")
        yield process


def test_ctrl_c_leaves_nothing_half_written(started, tmp_path):
    started.send_signal(signal.SIGINT)
    assert started.wait(60) == 130
    assert started.stderr.read() == "demo.py: interrupted\n"
    assert os.listdir(tmp_path) == ["photos"]


def test_a_reader_that_has_enough_ends_it_quietly(started, tmp_path):
    started.stdout.close()
    assert started.wait(60) == 1
    assert started.stderr.read() == ""
    assert os.listdir(tmp_path) == ["photos"]


@pytest.fixture
def screen(tmp_path):
    """The name of an X display of the test's own."""
    if not (shutil.which("Xvfb") and shutil.which("xdotool")):
        pytest.skip("Xvfb and xdotool are not installed")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1400x24"]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        with os.fdopen(reading) as number:
            yield f":{number.readline().strip()}"
        server.terminate()


def test_the_window_opens_and_esc_ends_it(shared, small_weights, screen, tmp_path):
    photos = photos_of(shared, tmp_path / "photos", "biden.jpg", "obama.jpg")
    args = ("--image_dir", photos, "--csv", "faces.csv", "--weight_file", small_weights.wide)
    with running(tmp_path, *args, DISPLAY=screen) as process:
        window = xdotool(screen, "search", "--sync", "--onlyvisible", "--name", "^result$")
        for _ in range(100):  # the window is there before the first picture is
            xdotool(screen, "key", "--window", window, "Escape")
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
                break
        assert process.poll() == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "")
    assert list(read_csv(tmp_path / "faces.csv")) == ["biden.jpg"]


def xdotool(screen, *args):
    environment = {**os.environ, "DISPLAY": screen}
    done = subprocess.run(
        ["xdotool", *args], env=environment, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()
