"""src/training/jitter.py: spread, geometry and colours by hand."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from src.faces.crop import FaceCrop
from src.training.arguments import Arguments
from src.training.augment import augment, draw
from src.training.jitter import (
    Jitter,
    add_texture,
    draw_jitter,
    recolour,
    reduce_resolution,
    warp,
)

COUNT, SIZE = 20_000, 64


@pytest.fixture(scope="module")
def flip() -> np.ndarray:
    return np.arange(COUNT) % 2 == 0


@pytest.fixture(scope="module")
def jitter(flip) -> Jitter:
    return draw_jitter(np.random.default_rng(0), flip, SIZE)


def uniform(values: np.ndarray, low: float, high: float) -> float:
    return stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue


def test_matrices_zoom_turn_mirror_and_shift(jitter, flip):
    linear = jitter.matrix[:, :, :2]
    area = np.linalg.det(linear)
    np.testing.assert_array_equal(area < 0, flip)
    zoom = np.sqrt(np.abs(area))
    assert uniform(np.log(zoom), -np.log(4 / 3), np.log(4 / 3)) > 1e-3
    angle = np.rad2deg(np.arctan2(linear[:, 0, 1], linear[:, 1, 1]))
    assert uniform(angle, -15, 15) > 1e-3
    similar = linear @ linear.transpose(0, 2, 1) / np.abs(area)[:, None, None]
    np.testing.assert_allclose(similar, np.broadcast_to(np.eye(2), similar.shape), atol=1e-9)
    middle = jitter.matrix @ np.array([31.5, 31.5, 1])
    for coordinate in middle.T:
        assert uniform(coordinate - 31.5, -6.4, 6.4) > 1e-3


def test_shares_of_warped_and_blurred(jitter):
    assert jitter.warped.mean() == pytest.approx(0.75, abs=0.015)
    assert (jitter.blur > 0).mean() == pytest.approx(0.25, abs=0.015)
    assert uniform(jitter.blur[jitter.blur > 0], 0.4, 1.2) > 1e-3


def test_grey_faces_and_middle_grey(jitter):
    rows_alike = np.ptp(jitter.colour[:, :, :3] / jitter.colour[:, :, :3].sum(2, keepdims=True), 1)
    assert (rows_alike < 1e-5).all(axis=1).mean() == pytest.approx(0.1, abs=0.01)
    middle = jitter.colour @ np.array([127.5, 127.5, 127.5, 1])
    assert np.abs(np.median(middle) - 127.5) < 1
    assert np.abs(middle - 127.5).max() < 32 + 1.4 * 12.75 + 0.1  # brightness, contrast of a cast


def test_warp_follows_the_matrix():
    face = np.zeros((8, 8, 3), np.uint8)
    face[2, 3] = 200
    out = np.empty_like(face)
    warp(face, np.array([[-1.0, 0, 7], [0, 1, 3]]), out)  # mirrored, three down
    assert np.argwhere(out[..., 0] == 200).tolist() == [[5, 4]]
    assert out.sum() == 600


def test_recolour_is_affine_and_clipped():
    face = np.full((4, 4, 3), (10, 100, 250), np.uint8)
    matrix = np.array([[2, 0, 0, 5], [0, 1, 0, -20], [0, 0, 1, 30]], np.float32)
    recolour(face, matrix, 0)
    np.testing.assert_array_equal(face, np.broadcast_to((25, 80, 255), face.shape))


def test_strong_extends_plain():
    """With the same random numbers, faces without a warp differ only in colour."""
    rng = np.random.default_rng(0)
    faces = rng.integers(60, 190, (6, 16, 16, 3), np.uint8)
    crop = FaceCrop(16)
    drawn, plain = (
        draw(np.random.default_rng(1), 6, crop, Arguments([], aug=aug, erasing=0, mixup=0))
        for aug in ("strong", "plain")
    )
    neutral = np.broadcast_to(np.eye(3, 4, dtype=np.float32), (6, 3, 4))
    nothing = {
        "warped": np.zeros(6, bool),
        "colour": neutral,
        "blur": np.zeros(6),
        "side": np.full(6, SIZE),
        "strength": np.zeros(6, np.float32),
        "quality": np.zeros(6, np.int64),
    }
    still = replace(drawn.jitter, **nothing)
    ours, _, _ = augment(faces.copy(), [], [], replace(drawn, jitter=still))
    expected, _, _ = augment(faces.copy(), [], [], plain)
    np.testing.assert_array_equal(ours, expected)


def test_low_resolution_keeps_only_coarse_detail():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255  # of one pixel: gone at half the resolution
    expected = np.full_like(stripes, 127)
    reduce_resolution(stripes, 32)
    assert np.abs(stripes.astype(int) - expected).max() <= 1


def test_aligned_faces_move_half_as_far():
    flip = np.zeros(200, bool)
    drawn = [draw_jitter(np.random.default_rng(1), flip, 112, aligned) for aligned in (False, True)]
    loose, tight = (jitter.matrix for jitter in drawn)
    centre = np.array([55.5, 55.5, 1])
    np.testing.assert_allclose(tight @ centre - 55.5, (loose @ centre - 55.5) / 2, atol=1e-9)
    angle, zoom = np.arctan2(loose[:, 0, 1], loose[:, 0, 0]), np.linalg.det(loose[:, :, :2])
    np.testing.assert_allclose(np.arctan2(tight[:, 0, 1], tight[:, 0, 0]), angle / 2, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(tight[:, :, :2]), zoom**0.5, atol=1e-9)


def test_share_of_textures_and_compression(jitter):
    grain = (jitter.strength > 0) & (jitter.texture < 2)
    halftone = (jitter.strength > 0) & (jitter.texture >= 2)
    assert grain.mean() == pytest.approx(0.15, abs=0.01)
    assert halftone.mean() == pytest.approx(0.05, abs=0.01)
    assert uniform(jitter.strength[grain], 4, 16) > 1e-3
    assert (jitter.quality > 0).mean() == pytest.approx(0.25, abs=0.015)
    assert jitter.quality[jitter.quality > 0].min() >= 15


def test_grain_has_its_deviation_and_no_bias():
    face = np.full((136, 136, 3), 128, np.uint8)
    add_texture(face, 0, 12.0, np.array([40, 7]))
    added = face.astype(float) - 128
    assert added.std() == pytest.approx(12, rel=0.05)
    assert abs(added.mean()) < 0.5
    assert (np.ptp(face, axis=2) == 0).all()  # grey


def test_texture_of_a_face_larger_than_the_tile():
    face = np.full((600, 600, 3), 128, np.uint8)
    add_texture(face, 0, 12.0, np.array([0, 0]))
    assert face[560:].std() == pytest.approx(12, rel=0.1)
