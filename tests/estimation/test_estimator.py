"""Estimates of images of every kind."""

import base64
import doctest
import os
import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest
from PIL import Image, ImageColor

from src.errors import UserError
from src.estimation import estimates, estimator
from src.estimation.estimator import Estimator, to_frame
from src.faces.crop import FaceCrop
from src.faces.detectors import DEFAULT_DETECTOR
from src.faces.detectors.centerface import CenterFace
from src.faces.finder import FaceFinder
from src.faces.images import decode_image, read_image
from src.labels import GENDER_COLOURS, GENDERS
from tests.helpers import ROOT
from tests.models.reference import made_faces


@pytest.fixture(scope="module")
def onnx(exports) -> Estimator:
    return Estimator(exports["onnx"])


@pytest.fixture(scope="module")
def two(portraits) -> Path:
    """A photo of two faces."""
    return portraits / "two_people.jpg"


def test_prediction_of_faces_is_that_of_their_crops(onnx, two):
    image = read_image(two)
    found = FaceFinder(DEFAULT_DETECTOR, None, onnx.crop).find(image)
    expected = onnx(found.crops)
    faces = onnx.predict(two)
    assert [face.box for face in faces] == [face.box for face in found.faces]
    for i, face in enumerate(faces):
        assert face.age == pytest.approx(expected.age[i], abs=1e-3)
        assert face.p_female == pytest.approx(expected.p_female[i], abs=1e-4)
        assert face.gender == ("female" if face.p_female > 0.5 else "male")
        assert face.age_low <= face.age_high and face.age_distribution.shape == (101,)


def test_images_of_every_kind(onnx, two):
    """All are the same pixels, so boxes and ages are the same."""
    image = read_image(two)
    rgb, expected = np.ascontiguousarray(image[..., ::-1]), onnx.predict(two)
    assert len(expected) == 2
    sources = [str(two), two.read_bytes(), image, Image.fromarray(rgb)]
    with open(two, "rb") as file, Image.open(two) as opened:
        results = [*onnx.predict([*sources, file, opened]), onnx.predict(rgb, channels="rgb")]
    for faces in results:
        assert [face.box for face in faces] == [face.box for face in expected]
        ages = [[face.age for face in each] for each in (faces, expected)]
        np.testing.assert_allclose(*ages, atol=0.01)
    grey = Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
    assert len(onnx.predict(grey)) == len(onnx.predict(np.asarray(grey))) == 2


def test_rotated_pil_image_is_upright(onnx, two, tmp_path):
    turned = Image.fromarray(read_image(two)[..., ::-1]).rotate(90, expand=True)
    turned.getexif()[0x0112] = 6  # shown rotated by 90 degrees clockwise
    path = tmp_path / "turned.png"
    turned.save(path, exif=turned.getexif())
    with Image.open(path) as image:
        assert len(onnx.predict(image)) == 2


def test_lists_and_generators(onnx, two, capsys):
    """A list gives a list; a generator, which memory may not hold, is read as needed."""
    blank, once = np.zeros((50, 60, 3), np.uint8), onnx.predict(two)
    several = [two, blank, *[two] * 40]  # faces in two batches
    results = onnx.predict(several, progress=True)
    assert "42/42" in capsys.readouterr().err
    assert list(map(len, results)) == [2, 0, *[2] * 40]
    ages = [[face.age for face in faces] for faces in (*results[2:], *onnx.predict((two,)))]
    np.testing.assert_allclose(ages, [[face.age for face in once]] * 41, atol=1e-3)
    assert onnx.predict([]) == []
    taken = []
    generated = onnx.predict(taken.append(1) or blank for _ in range(10_000))
    assert next(generated) == []
    generated.close()
    assert len(taken) < 100


def test_own_boxes_keep_their_order(onnx, two):
    faces = onnx.predict(two)
    boxes = [face.box for face in reversed(faces)]
    own = onnx.predict(two, boxes=np.float32(boxes))
    assert [face.box for face in own] == boxes
    np.testing.assert_allclose([f.age for f in own], [f.age for f in reversed(faces)], atol=1e-3)
    many = onnx.predict([two, two], boxes=[boxes[:1], []])
    assert [[face.box for face in each] for each in many] == [boxes[:1], []]
    with pytest.raises(UserError, match="boxes: expected"):
        onnx.predict(two, boxes=[(10, 10, 10, 30)])


def test_boxes_without_points_are_upright(onnx, portraits):
    """A model for aligned faces estimates a box in which no points are found."""
    aligned = copy(onnx)
    aligned.crop = FaceCrop(32, 0.25, "face_chip")
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    assert len(aligned.predict(noise, boxes=[(50, 50, 150, 150), (100, 20, 180, 100)])) == 2
    path = portraits / "hopper.jpg"
    [face] = aligned.predict(path)
    with patch.object(CenterFace, "find_points", lambda *_: None):
        [upright] = aligned.predict(path, boxes=[face.box])
    assert upright.age == pytest.approx(face.age, abs=5)


def test_unreadable_images(onnx, two, tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    missing = tmp_path / "gone.jpg"
    with pytest.raises(UserError, match=r"gone\.jpg"):
        onnx.predict([two, missing])
    images = [two, missing, b"no image", tmp_path / "text.jpg", two]
    results = onnx.predict(images, skip_errors=True)
    assert list(map(len, results)) == [2, 0, 0, 0, 2]
    assert ["gone.jpg" in r.error for r in results] == [False, True, False, False, False]
    assert [bool(result.error) for result in results] == [False, True, True, True, False]


def test_threads_share_an_estimator(onnx, two):
    faces = made_faces(8, 32)
    expected = onnx(faces).age
    with ThreadPoolExecutor(4) as pool:
        for ages in pool.map(lambda _: onnx(faces).age, range(40)):
            np.testing.assert_allclose(ages, expected, atol=1e-3)
        assert [len(faces) for faces in pool.map(onnx.predict, [two] * 4)] == [2] * 4


def test_pickled_estimator_loads_again(onnx):
    faces = made_faces(2, 32)
    again = pickle.loads(pickle.dumps(onnx))
    np.testing.assert_array_equal(again(faces).age, onnx(faces).age)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_pool_around_a_loaded_estimator(onnx, two):
    code = """
import multiprocessing, sys
from src import Estimator
estimator = Estimator(sys.argv[1])
expected = [face.age for face in estimator.predict(sys.argv[2])]
def ages(_):
    return [face.age for face in estimator.predict(sys.argv[2])]
with multiprocessing.get_context("fork").Pool(2) as pool:
    for found in pool.map(ages, range(4)):
        assert all(abs(a - b) < 1e-2 for a, b in zip(found, expected)), (found, expected)
assert len(expected) == 2
"""
    command = [sys.executable, "-W", "ignore", "-c", code, onnx.weight_file, two]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)


def test_notebook_shows_the_faces(onnx, two):
    faces = onnx.predict(two)
    html = faces._repr_html_()
    assert html.endswith("".join(f"<br>{face}" for face in faces))
    content = base64.b64decode(re.search('base64,([^"]*)', html)[1])
    shown, image = decode_image(content, "shown"), read_image(two)
    assert max(shown.shape) == 800
    for face in faces:  # the left side of its box has the colour of the gender
        left, top, _, bottom = np.multiply(face.box, 800 / image.shape[1]).round().astype(int)
        side = np.median(shown[top:bottom, left], axis=0)[::-1]
        expected = ImageColor.getrgb(GENDER_COLOURS[GENDERS.index(face.gender)])
        np.testing.assert_allclose(side, expected, atol=40)


@pytest.mark.parametrize("module", [estimator, estimates])
def test_docstring_examples(module, portraits):
    names = {"portrait": str(portraits / "hopper.jpg"), "to_frame": to_frame}
    found = doctest.testmod(module, extraglobs=names | {"estimator": Estimator()})
    assert found.attempted >= 3 and not found.failed


GREY, PIXELS = np.zeros((40, 40), np.uint8), np.zeros((40, 40, 3), np.uint8)


@pytest.mark.parametrize(
    "image, options, received",
    [
        (np.dstack([PIXELS, GREY]), {}, r"uint8 \(40, 40, 4\)$"),
        (PIXELS / 255, {}, r"float64 \(40, 40, 3\)$"),
        (PIXELS[None], {}, r"uint8 \(1, 40, 40, 3\)$"),
        ([PIXELS.tolist()], {}, "list$"),
        (Image.fromarray(GREY.astype(np.uint16)), {}, "I;16$"),
        (None, {}, "NoneType$"),
        (PIXELS, {"detector": "haar"}, "detector.*haar"),
        (PIXELS, {"min_face": 0}, "min_face.*0"),
        (PIXELS, {"channels": "grb"}, "channels.*'grb'"),
    ],
)
def test_predict_rejects(onnx, image, options, received):
    with pytest.raises(UserError, match=received):
        onnx.predict(image, **options)


@pytest.mark.parametrize(
    "crops",
    [
        np.zeros((2, 32, 32, 3)),  # would be rounded to zeros and ones
        np.zeros((2, 32, 32, 1), np.uint8),  # would be broadcast
        [np.zeros((32, 32, 3), np.uint8)],
    ],
)
def test_other_crops_are_rejected(onnx, crops):
    with pytest.raises(UserError, match=r"\(N, 32, 32, 3\)"):
        onnx(crops)
