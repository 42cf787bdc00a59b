"""The page's results, with a fake detector and a fake estimator."""

import re
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from src.demo.arguments import Arguments
from src.demo.web import images, videos
from src.demo.web.page import model_card
from src.demo.web.service import Service
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


def values_of(session):
    """The values of the tab's components by name."""
    components = "session image note table chart csv copy".split()
    return dict(zip(components, images.view(session), strict=True))


def test_faces_are_numbered_within_images(service, gallery):
    session = images.updated(service, gallery, None)
    assert values_of(session)["table"].to_numpy().tolist() == [
        ["a.png", 1, "20.0", "19-21", "female 90%"],
        ["a.png", 2, "60.0", "59-61", "male 90%"],
        ["c.png", 1, "30.0", "29-31", "female 90%"],
        ["c.png", 2, "60.0", "59-61", "male 90%"],
    ]
    assert session.faces == [(0, 0), (0, 1), (2, 0), (2, 1)]


def test_only_new_files_are_analysed(service, gallery):
    first = images.updated(service, gallery[:2], None)
    second = images.updated(service, gallery, first)
    paths = [path for path, _ in gallery]
    assert all(second.uploads[path] is first.uploads[path] for path in paths[:2])
    assert second.image == 2  # the new one is shown
    assert list(images.updated(service, gallery[1:], second).uploads) == paths[1:]


def test_curve_of_chosen_face_is_drawn_last(service, gallery):
    [upload, *_] = images.updated(service, gallery, None).uploads.values()
    curves = images.curves_of(upload.result, chosen=0)
    assert curves["face"].unique().tolist() == ["face 2", "face 1"]
    chosen = curves[curves["face"] == "face 1"]
    assert chosen["age"].tolist() == list(AGES)
    assert chosen["probability"][19:22].tolist() == [0.25, 0.5, 0.25]


def test_face_at_point_of_a_shrunk_image(monkeypatch, service, gallery):
    monkeypatch.setattr(images, "SIDE", 60)  # half the size
    [upload] = images.updated(service, gallery[:1], None).uploads.values()
    assert upload.shown.shape == (40, 60, 3)
    assert [images.face_at(upload, *point) for point in ((6, 6), (54, 29), (0, 0))] == [0, 1, None]


def test_csv_equals_the_scripts(service, gallery):
    lines = Path(images.updated(service, gallery, None).csv).read_text().splitlines()
    assert lines[0].startswith("file,face,left,top,right,bottom,age,")
    assert lines[1].startswith("a.png,1,10,10,50,50,20.00,19,21,0.9")
    assert len(lines) == 5


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


@pytest.mark.parametrize("stop, limit, count", [(0.45, 180, 6), (9, 0.25, 4)])
def test_stopped_or_long_clip_keeps_its_frames(monkeypatch, service, clip, stop, limit, count):
    monkeypatch.setattr(videos, "MAX_SECONDS", limit)
    copy, *_ = videos.answer(service, clip, lambda r, video: r.frame.time < stop)
    assert len(frames(copy)) == count


def test_unreadable_clip_is_an_alert(service, tmp_path):
    (tmp_path / "clip.mp4").write_text("no video")
    _, note, *_ = videos.answer(service, tmp_path / "clip.mp4", None)
    assert 'role="alert"' in note and "clip.mp4" in note
    assert str(tmp_path) not in note


def test_model_card_needs_no_other_page(finding, tmp_path):
    estimator = SimpleNamespace(description=None)
    card = model_card(Service(finding(BOXES), estimator, Arguments(web=True), tmp_path))
    assert "## Limitations" in card and "license_name" not in card
    assert set(re.findall(r"\]\((\w+:)?", card)) == {"https:"}
