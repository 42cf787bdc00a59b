"""Sinks: lines, tables, copies, crops, tracks, counts, pages."""

import base64
import csv
import re
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from src.demo.arguments import Arguments
from src.demo.job import Job
from src.demo.overlay import COLOURS
from src.demo.sinks import console, images, video
from src.demo.sinks.images import labelled_images
from src.faces.crop import TEMPLATES
from src.faces.detectors import get_detector
from src.faces.images import Box
from tests.demo.made import job, result, two_faces
from tests.helpers import names
from tests.portraits import BOXES, hopper, two_people


def run_sink(sink, own, found):
    with sink(own) as add:
        for one in found:
            add(one)


def test_lines_per_face(capsys):
    run_sink(console.face_lines, job(), [two_faces(), result("dogs.jpg")])
    assert capsys.readouterr().out == (
        "a.jpg: 20.1 years (15-25), F 0.99\na.jpg: 60.0 years (55-65), M 0.75\ndogs.jpg: no face\n"
    )


def cells(text):
    """The rows of a printed table, and the line below it."""
    header, _, *rows, last = text.splitlines()
    return [line.split() for line in (header, *rows)], last


def test_table_has_a_row_per_face(capsys):
    """Also for images of an earlier run."""
    own = job(images=["a.jpg"], table=True, done={"a.jpg": two_faces().without_pixels()})
    run_sink(console.image_summary, own, [result("dogs.jpg")])
    rows, last = cells(capsys.readouterr().out)
    assert rows == [
        ["file", "face", "age", "80", "%", "gender"],
        ["a.jpg", "1", "20.1", "15-25", "female", "99%"],
        ["a.jpg", "2", "60.0", "55-65", "male?", "75%"],
    ]
    assert last == "2 faces in 2 images"


def video_results():
    yield two_faces(time=0.0, tracks=[1, 2])
    yield result(boxes=[Box(0, 0, 9, 9)], ages=[61], p_female=[0.3], time=0.26, tracks=[2])
    yield result(time=0.3, tracks=[], skipped=4)


CLIP = SimpleNamespace(name="clip", live=False)


@pytest.mark.parametrize(
    "name, written",
    [
        ("inner/Zoë A.PNG", "inner/Zoë A.PNG"),
        ("a.jfif", "a.jfif.annotated.jpg"),
        ("grey.pgm", "grey.pgm.annotated.jpg"),
        ("b.pbm", "b.pbm.annotated.jpg"),
        ("IMG_0004", "IMG_0004.annotated.jpg"),
    ],
)
def test_copies_show_the_annotation(tmp_path, name, written):
    one = result(name, [Box(10, 20, 30, 40)], [20], [0.9])
    own = job(images=[name], output_dir=tmp_path / "made" / "c")
    run_sink(images.annotated_copies, own, [one])
    data = np.fromfile(tmp_path / "made" / "c" / written, np.uint8)
    copy = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert np.abs(copy[30, 30].astype(int) - COLOURS[0]).max() < 60


def test_crops_are_the_network_s_faces(tmp_path):
    one = two_faces("inner/a.jpg")
    one.crops[1] = 200
    run_sink(images.face_crops, job(images=["inner/a.jpg"], crops=tmp_path / "crops"), [one])
    assert names(tmp_path / "crops" / "inner") == {"a.jpg_1.png", "a.jpg_2.png"}
    crop = cv2.imread(str(tmp_path / "crops" / "inner" / "a.jpg_2.png"))
    assert (crop == one.crops[1]).all()


def summarise(folder, found, **flags):
    folder.mkdir(exist_ok=True)
    run_sink(video.track_summary, job(CLIP, output_dir=folder, **flags), found)
    with (folder / "clip.tracks.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_longest_track_is_first(tmp_path):
    first, second = summarise(tmp_path, video_results())
    assert (second["track"], second["frames"], second["gender"]) == ("1", "1", "female")
    assert (first["from"], first["to"], first["frames"]) == ("0.000", "0.260", "2")
    assert (first["age"], first["age_low"], first["p_female"]) == ("61.00", "56", "0.3000")
    assert [first["picture"], second["picture"]] == ["clip.tracks/2.jpg", "clip.tracks/1.jpg"]
    assert names(tmp_path / "clip.tracks") == {"1.jpg", "2.jpg"}


@pytest.mark.parametrize("anonymize, kept", [(True, set()), (False, {"2.jpg"})])
def test_only_images_of_earlier_tracks_are_deleted(tmp_path, anonymize, kept):
    summarise(tmp_path, video_results())
    (tmp_path / "clip.tracks" / "notes.txt").touch()
    [row] = summarise(tmp_path, list(video_results())[1:], anonymize=anonymize)
    assert row["picture"] == ("" if anonymize else "clip.tracks/2.jpg")
    assert names(tmp_path / "clip.tracks") == kept | {"notes.txt"}


def test_summary_counts_images_and_faces(capsys):
    own = job(images=["a.jpg", "b.jpg", "c.jpg"], min_quality=0.3)
    run_sink(console.image_summary, own, [two_faces(skipped=1), result("b.jpg", skipped=2)])
    counts, skipped = capsys.readouterr().err.splitlines()
    assert [int(word) for word in counts.split() if word.isdigit()] == [2, 3, 2, 1]
    assert skipped.startswith("3 faces are not shown: below --min_quality")


@pytest.mark.parametrize("found, words", [(result(), "90 pixels"), (two_faces(), "")])
def test_min_face_is_hinted_at(capsys, found, words):
    run_sink(console.image_summary, job(images=["a.jpg"], min_face=90), [found])
    hint = capsys.readouterr().err
    assert words in hint and bool(words) == bool(hint)


@pytest.mark.parametrize(
    "images, written",
    [
        (["a.jpg"], "ages_by_gender.png"),
        (["a.jpg", "Ages_by_gender.png", "ages_by_gender-2.png"], "ages_by_gender-2-2.png"),
    ],
)
def test_histogram_replaces_no_copy(tmp_path, images, written):
    """Its bars have the colours of the boxes."""
    own = job(images=images, image_dir=tmp_path, output_dir=tmp_path)
    run_sink(console.image_summary, own, [two_faces()])
    assert names(tmp_path) == {written, "gallery.html"}
    image = cv2.imread(str(tmp_path / written))
    for colour in COLOURS:
        assert (image == colour).all(axis=2).sum() > 100


def test_gallery_shows_every_copy(tmp_path):
    """Names are escaped; formats that cannot be written in colour are shown as JPEG."""
    images = ["inner/two & more.jpg", "grey.pgm"]
    own = job(images=images, image_dir=tmp_path, output_dir=tmp_path)
    run_sink(console.image_summary, own, [two_faces(images[0]), result(images[1])])
    text = (tmp_path / "gallery.html").read_text(encoding="utf-8")
    assert "<h1>2 images</h1>" in text
    assert re.findall('src="(.*?)"', text) == [
        "inner/two%20%26%20more.jpg",
        "grey.pgm.annotated.jpg",
    ]
    assert re.findall("<td>([^<]+)</td>", text) == [
        *("inner/two &amp; more.jpg", "1: 20 (15-25) F; 2: 60 (55-65) M?"),
        *("grey.pgm", "no face"),
    ]


def write_labelled(folder, labels, found):
    """The rows of table.html as text, and its images."""
    (folder / "labels.csv").write_text(labels)
    arguments = Arguments(labels=str(folder / "labels.csv"), output_dir=folder)
    images, records = labelled_images(arguments)
    run_sink(console.image_summary, Job(arguments, images, labels=records), found)
    text = (folder / "table.html").read_text(encoding="utf-8")
    rows = [
        [re.sub(r"<img[^>]*>", "", cell) for cell in re.findall("<t[hd]>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", text, re.DOTALL)
    ]
    data = re.findall(r'src="data:image/jpeg;base64,([^"]*)" alt="([^"]*)"', text)
    images = [cv2.imdecode(np.frombuffer(base64.b64decode(d), np.uint8), 1) for d, _ in data]
    return rows, dict(zip((name for _, name in data), images, strict=True))


LABELS = "path,age,age_low,age_high,gender\ninner/two.png,,30,39,male\ndogs & cats.jpg,,,,\n"


def test_largest_face_has_a_row(tmp_path):
    image = two_people(640)
    (tmp_path / "inner").mkdir()
    cv2.imwrite(str(tmp_path / "inner" / "two.png"), image)
    cv2.imwrite(str(tmp_path / "dogs & cats.jpg"), image[:60, :80])
    boxes = [Box(110, 86, 206, 182), Box(*BOXES[1])]
    two = result("inner/two.png", boxes, [20, 36.7], [0.9, 0.2])
    rows, images = write_labelled(tmp_path, LABELS, [two, result("dogs & cats.jpg")])
    assert rows == [
        ["file", "raw", "aligned", "true", "predicted"],
        ["inner/two.png", "", "", "30-39, male", "37 (31-41), male"],
        ["dogs &amp; cats.jpg", "", "", "?, ?", "no face found"],
    ]
    raw, aligned, dogs = images.values()
    assert list(images) == ["inner/two.png", "aligned", "dogs &amp; cats.jpg"]
    assert raw.shape == (121, 224, 3)
    small = cv2.resize(image, (224, 121), interpolation=cv2.INTER_AREA)
    assert np.abs(raw.astype(int) - small).mean() < 3
    assert dogs.shape == (60, 80, 3)
    [face] = get_detector("centerface")(aligned)
    assert np.abs(face.points - TEMPLATES["five_points"] * 112).max() < 6


def test_wrong_estimates_are_marked(tmp_path):
    cv2.imwrite(str(tmp_path / "a.jpg"), hopper())
    labels, wrong = "path,age,gender\na.jpg,70,male\n", result("a.jpg", BOXES[:1], [50], [0.9])
    rows, _ = write_labelled(tmp_path, labels, [wrong])
    assert rows[1][-1] == "<mark>50 (45-55)</mark>, <mark>female</mark>"


def test_ended_demo_writes_no_page(tmp_path):
    own = job(images=["a.jpg"], image_dir=tmp_path, output_dir=tmp_path)
    with pytest.raises(KeyboardInterrupt), console.image_summary(own) as add:
        add(two_faces())
        raise KeyboardInterrupt
    assert names(tmp_path) == set()
