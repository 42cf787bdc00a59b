"""Pages of images: labels next to estimates, and the annotated copies of a folder."""

import base64
import re

import cv2
import numpy as np
import pytest

from src.demo.sinks.pages import MAX_LABELLED, labelled_images, page
from src.errors import UserError
from src.faces.crop import TEMPLATES
from src.faces.detectors import get_detector
from src.faces.images import Box
from tests.demo.made import job, result, two_faces
from tests.portraits import BOXES, hopper, two_people

LABELS = """path,age,age_low,age_high,gender
inner/two.jpg,,30,39,male
dogs & cats.jpg,,,,
old.jpg,70,,,female
"""


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(LABELS)
    return path


def test_image_paths_of_labels(labels, tmp_path):
    names = ["inner/two.jpg", "dogs & cats.jpg", "old.jpg"]
    pictures, records = labelled_images(labels, None)
    assert pictures == {name: tmp_path / name for name in names}
    assert records.loc["old.jpg", "age_low"] == 70
    pictures, _ = labelled_images(labels, tmp_path / "photos")
    assert pictures == {name: tmp_path / "photos" / name for name in names}


def test_missing_labels_are_rejected(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.csv: expected a label file"):
        labelled_images(tmp_path / "nowhere.csv", None)


def open_table(labels, folder):
    pictures, records = labelled_images(labels, None)
    own = job(images=pictures, labels=records, output_dir=folder)
    return page(own)


def test_restored_images_are_read_again(tmp_path):
    (tmp_path / "labels.csv").write_text("path,age\nold.jpg,70\n")
    cv2.imwrite(str(tmp_path / "old.jpg"), hopper())
    restored = result("old.jpg", [Box(159, 129, 361, 332)], [50], [0.1], size=(0, 0))
    restored.restored = True
    with open_table(tmp_path / "labels.csv", tmp_path) as add:
        add(restored)
    text = (tmp_path / "table.html").read_text()
    assert cells(text)[1] == ["", "", "70, ?", "50 (45-55), male"]
    assert pictures_of(text)[0].mean() > 20


def cells(text):
    """Rows of the page, as lists of the cells' text without the images."""
    rows = re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)
    return [
        [re.sub(r"<img[^>]*>", "", cell) for cell in re.findall(r"<t[hd]>(.*?)</t[hd]>", row)]
        for row in rows
    ]


def pictures_of(text):
    data = re.findall(r'src="data:image/jpeg;base64,([^"]*)"', text)
    return [cv2.imdecode(np.frombuffer(base64.b64decode(d), np.uint8), 1) for d in data]


def test_largest_face_has_a_row(labels, tmp_path):
    image = two_people(640)
    boxes = [Box(110, 86, 206, 182), Box(*BOXES[1])]
    two = result("inner/two.jpg", boxes, [20, 36.7], [0.9, 0.2])
    two.frame = two.frame._replace(image=image)
    with open_table(labels, tmp_path) as add:
        add(two)
        add(result("dogs & cats.jpg"))
    text = (tmp_path / "table.html").read_text(encoding="utf-8")
    assert cells(text) == [
        ["raw", "aligned", "true", "predicted"],
        ["", "", "30-39, male", "37 (31-41), male"],
        ["", "", "?, ?", "no face found"],
    ]
    assert 'alt="dogs &amp; cats.jpg"' in text
    raw, aligned, dogs = pictures_of(text)
    assert raw.shape == (121, 224, 3)
    small = cv2.resize(image, (224, 121), interpolation=cv2.INTER_AREA)
    assert np.abs(raw.astype(int) - small).mean() < 3
    assert dogs.shape == (60, 80, 3)
    [face] = get_detector("centerface")(aligned)
    assert np.abs(face.points - TEMPLATES["five_points"] * 112).max() < 6


def test_long_table_is_cut(tmp_path):
    rows = "".join(f"{i}.jpg,{i}\n" for i in range(MAX_LABELLED + 5))
    (tmp_path / "labels.csv").write_text("path,age\n" + rows)
    with open_table(tmp_path / "labels.csv", tmp_path) as add:
        for i in range(MAX_LABELLED + 5):
            add(result(f"{i}.jpg"))
    rows = cells((tmp_path / "table.html").read_text())
    assert [row[2] for row in rows[1:]] == [f"{i}, ?" for i in range(MAX_LABELLED)]


def test_ended_demo_writes_no_table(labels, tmp_path):
    before = set(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt), open_table(labels, tmp_path) as add:
        add(result("old.jpg"))
        raise KeyboardInterrupt
    assert set(tmp_path.iterdir()) == before


def test_gallery_shows_every_copy(tmp_path):
    """Names are escaped; formats that cannot be written in colour are shown as JPEG."""
    images = ["inner/two & more.jpg", "grey.pgm"]
    with page(job(images=images, image_dir=tmp_path, output_dir=tmp_path)) as add:
        add(two_faces(images[0]))
        add(result(images[1]))
    text = (tmp_path / "gallery.html").read_text(encoding="utf-8")
    assert "<h1>2 images</h1>" in text
    assert re.findall('src="(.*?)"', text) == [
        "inner/two%20%26%20more.jpg",
        "grey.pgm.annotated.jpg",
    ]
    assert "two &amp; more.jpg</b><br>1: 20 (15-25) F; 2: 60 (55-65) M?" in text
    assert "no face" in text
