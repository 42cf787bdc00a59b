"""The page's results, with a fake detector and a fake estimator."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from src.demo.arguments import Arguments
from src.demo.web import Service, images, videos
from src.demo.web.page import model_card
from src.errors import UserError
from src.estimation.estimator import Estimates
from src.faces import finder
from src.faces.crop import FaceCrop
from src.faces.detectors.base import Face
from src.faces.finder import FaceFinder
from src.faces.images import Box
from src.labels import AGES
from tests.demo.made import frames, write_timed

BOXES = [Box(70, 20, 110, 60), Box(10, 10, 50, 50)]


def estimate(faces):
    """The mean brightness of a face is its age, up to a year; dark faces are female."""
    ages = faces.reshape(len(faces), -1).mean(axis=1).round().astype(int)
    shares = np.zeros((len(faces), len(AGES)), np.float32)
    for years, share in ((-1, 0.25), (0, 0.5), (1, 0.25)):
        shares[np.arange(len(faces)), ages + years] = share
    return Estimates.of(np.where(ages < 50, 0.9, 0.1).astype(np.float32), shares)


@pytest.fixture
def finding(monkeypatch):
    """Finders whose detector finds `boxes`."""

    def make(boxes):
        faces = [Face(box, score=1.0) for box in boxes]
        monkeypatch.setattr(finder, "get_detector", lambda name: lambda image, min_face: faces)
        return FaceFinder("dlib", None, FaceCrop(40, 0.0))

    return make


def service_of(found, folder, **flags):
    return Service(found, estimate, Arguments(web=True, min_quality=0.0, **flags), folder)


@pytest.fixture
def service(finding, tmp_path):
    return service_of(finding(BOXES), tmp_path)


def image(left=20, right=60):
    pixels = np.zeros((80, 120, 3), np.uint8)
    pixels[:, :60], pixels[:, 60:] = left, right
    return pixels


@pytest.fixture
def gallery(tmp_path):
    """Uploads as Gradio passes them: an unreadable file between two images."""
    for name, brightness in (("a.png", 20), ("c.png", 30)):
        cv2.imwrite(str(tmp_path / name), image(brightness))
    (tmp_path / "b.png").write_text("no image")
    return [(str(tmp_path / f"{name}.png"), None) for name in "abc"]


@pytest.fixture
def session(service, gallery):
    with pytest.warns(UserWarning, match=r"b\.png: expected an image"):  # a message on the page
        return images.updated(service, gallery, None)


def test_table_has_the_faces_of_the_chosen_image(session):
    def rows(image):
        _, _, table, file = images.view(replace(session, image=image))
        assert file.value["orig_name"] == "faces.csv"
        return table.to_numpy().tolist() if len(table) else []

    second = [2, "60.0", "59-61", "male 90%"]
    assert rows(0) == [[1, "20.0", "19-21", "female 90%"], second]
    assert rows(1) == []
    assert rows(2) == [[1, "30.0", "29-31", "female 90%"], second]


def test_only_new_files_are_analysed(service, gallery, session):
    kept = [path for path, _ in gallery[1:]]
    cv2.imwrite(added := kept[0].replace("b.png", "d.png"), image())
    second = images.updated(service, [*gallery[1:], (added, None)], session)
    assert list(second.uploads) == [*kept, added]
    assert all(second.uploads[path] is session.uploads[path] for path in kept)
    assert second.image == 2  # the new one is shown


def test_curve_of_chosen_face_is_drawn_last(session):
    curves = images.curves_of(session.chosen.faces, chosen=0)
    assert curves["face"].unique().tolist() == ["face 2", "face 1"]
    chosen = curves[curves["face"] == "face 1"]
    assert chosen["age"].tolist() == list(AGES)
    assert chosen["probability"][19:22].tolist() == [0.25, 0.5, 0.25]


def test_face_at_point_is_the_nearest(session):
    faces = session.chosen.faces
    assert [images.face_at(faces, *point) for point in ((12, 12), (109, 59), (0, 0))] == [
        0,
        1,
        None,
    ]


def test_csv_equals_the_scripts(session):
    lines = Path(session.csv).read_text().splitlines()
    assert lines[0].startswith("file,face,left,top,right,bottom,age,")
    assert lines[1].startswith("a.png,1,10,10,50,50,20.00,19,21,0.9")
    assert [line[:7] for line in lines[1:]] == ["a.png,1", "a.png,2", "c.png,1", "c.png,2"]


def test_stream_ends_tracks_in_a_pause(monkeypatch, service):
    now = 100.0
    monkeypatch.setattr(videos.time, "monotonic", lambda: now)
    stream = videos.Stream(service)
    assert stream(image()).tracks == [1, 2]
    now += 0.5
    assert stream(image()).tracks == [1, 2]
    assert stream.rate == pytest.approx(0.4)  # a running mean
    now += 2.5
    assert (stream(image()).tracks, stream.rate) == ([1, 2], 0)


@pytest.fixture
def clip(tmp_path):
    write_timed(tmp_path / "clip.mp4", [0.1 * i for i in range(12)], images=12 * [image()])
    return tmp_path / "clip.mp4"


def test_long_clip_is_shortened(monkeypatch, service, clip):
    monkeypatch.setattr(videos, "MAX_SECONDS", 0.25)
    shares = []
    copy, *_ = videos.answer(service, clip, lambda share, desc: shares.append(share))
    assert len(frames(copy)) == 4
    assert shares == pytest.approx([0, 0.4, 0.8, 1])


def test_unreadable_clip_is_rejected(service, tmp_path):
    (tmp_path / "clip.mp4").write_text("no video")
    with pytest.raises(UserError, match=r"clip\.mp4"):
        videos.answer(service, tmp_path / "clip.mp4", None)


def test_model_card_needs_no_other_page(finding, tmp_path):
    estimator = SimpleNamespace(description=None)
    card = model_card(Service(finding(BOXES), estimator, Arguments(web=True), tmp_path))
    assert "## Limitations" in card and "license_name" not in card
    assert set(re.findall(r"\]\((\w+:)?", card)) == {"https:"}
