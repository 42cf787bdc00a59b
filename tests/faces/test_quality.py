"""Quality of faces, by hand and of degraded portraits."""

import math

import cv2
import numpy as np
import pytest

from src.faces.crop import FaceCrop
from src.faces.detectors.base import Face
from src.faces.finder import FaceFinder
from src.faces.images import Box
from src.faces.quality import face_quality, measure
from tests.portraits import astronaut, hopper

FINDER = FaceFinder("centerface", None, FaceCrop(64))
FRONTAL = np.array([(30, 40), (70, 40), (50, 60), (35, 80), (65, 80)], float)


def quality(image):
    [face] = FINDER.find(image).faces
    return face.quality


@pytest.mark.parametrize("portrait", [hopper, astronaut])
def test_degraded_portraits_have_lower_quality(portrait):
    image = portrait()
    best = quality(image)
    assert 0.85 < best <= 1
    degrade = {
        "small": lambda by: cv2.resize(image, None, fx=by, fy=by, interpolation=cv2.INTER_AREA),
        "blurred": lambda by: cv2.GaussianBlur(image, None, 2 / by),
        "dark": lambda by: (image * by / 3).astype(np.uint8),
    }
    for change in degrade.values():
        assert quality(change(0.15)) < quality(change(0.3)) < best


def test_quality_by_hand():
    """A grey face without edges: the Laplacian is 0."""
    image = np.full((100, 100, 3), 51, np.uint8)
    face = Face(Box(10, 10, 42, 42), score=0.8)
    octaves = -1 - math.log2(1e-3)
    expected = math.exp(-(0.18 * 1.5 + 0.31 * octaves + 1.7 * 0.1))
    assert face_quality(image, face) == pytest.approx(expected)
    assert face_quality(image // 10, face) == pytest.approx(
        expected * math.exp(-2.4 * (0.15 - 5 / 255))
    )
    assert face_quality(image * 5, face) == pytest.approx(expected * math.exp(-1.6 * 0.35))


@pytest.mark.parametrize("degrees", [0, 30, 140])
def test_turn_ignores_rotation(degrees):
    """The nose moves by 10 of the 40 pixels between eyes and mouth."""
    image = np.zeros((100, 100, 3), np.uint8)
    points = FRONTAL.copy()
    points[2, 0] += 10
    angle = np.deg2rad(degrees)
    rotation = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    turns = [
        measure(image, Face(Box(0, 0, 100, 100), each @ rotation))["turn"]
        for each in (FRONTAL, points)
    ]
    assert turns == pytest.approx([0, 0.25])
