"""src/training/augment.py: the draw against the papers, its application by hand."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from src.faces.crop import FaceCrop
from src.training import augment as module
from src.training.arguments import Arguments
from src.training.augment import Draw, augment

COUNT, SIZE = 20_000, 64
MIN_P = 1e-3  # minimum p-value; the seed is fixed


def draw(rng: np.random.Generator, count: int, erasing: float = 0.5, mixup: float = 0.2) -> Draw:
    arguments = Arguments([], aug="plain", erasing=erasing, mixup=mixup)
    return module.draw(rng, count, FaceCrop(SIZE), arguments)


@pytest.fixture(scope="module")
def drawn() -> Draw:
    return draw(np.random.default_rng(0), COUNT)


@pytest.fixture(scope="module")
def patches(drawn) -> np.ndarray:
    """The drawn patches: left, top, width, height."""
    return drawn.patch[drawn.patch[:, 2] > 0].T


def zhong(rng: np.random.Generator) -> tuple[int, ...]:
    """One patch by algorithm 1 of the random erasing paper, in whole pixels."""
    while True:
        area = rng.uniform(0.02, 0.4) * SIZE * SIZE
        aspect = rng.uniform(0.3, 1 / 0.3)
        height, width = int(np.sqrt(area * aspect)), int(np.sqrt(area / aspect))
        left, top = rng.integers(0, SIZE), rng.integers(0, SIZE)
        if left + width <= SIZE and top + height <= SIZE:
            return left, top, width, height


def test_patches_follow_the_paper(patches):
    rng = np.random.default_rng(1)
    expected = np.array([zhong(rng) for _ in range(patches.shape[1])]).T
    for ours, theirs in zip(patches, expected, strict=True):
        assert stats.ks_2samp(ours, theirs).pvalue > MIN_P
    assert patches.shape[1] == pytest.approx(COUNT / 2, abs=4 * np.sqrt(COUNT) / 2)
    assert (patches[:2] + patches[2:] <= SIZE).all()
    ours, theirs = np.prod(patches[2:], axis=0), np.prod(expected[2:], axis=0)
    assert stats.ks_2samp(ours, theirs).pvalue > MIN_P


def test_shifts_are_uniform(drawn):
    together = np.zeros((13, 13))  # a tenth of 64 pixels is 6 whole ones
    np.add.at(together, tuple(drawn.shift.T + 6), 1)
    assert stats.chisquare(together.ravel()).pvalue > MIN_P
    assert drawn.flip.sum() == pytest.approx(COUNT / 2, abs=4 * np.sqrt(COUNT) / 2)


def test_shares_are_beta_distributed(drawn):
    # Beta(a, a) has mean 1/2 and variance 1 / (4 (2a + 1)).
    assert drawn.share.mean() == pytest.approx(0.5, abs=0.01)
    assert drawn.share.var() == pytest.approx(1 / (4 * 1.4), abs=0.005)
    assert stats.kstest(drawn.share, stats.beta(0.2, 0.2).cdf).pvalue > MIN_P


def test_partners_are_a_permutation(drawn):
    assert sorted(drawn.partner) == list(range(COUNT))
    assert (drawn.partner != np.arange(COUNT)).any()


FACES = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
GENDERS = np.eye(2, dtype=np.float32)[[0, 1, 1, 0]]
AGES = np.eye(101, dtype=np.float32)[[20, 30, 40, 50]]
AGES[3] = 1 / 101  # unknown
KNOWN = np.ones(4, np.float32), np.array([1, 1, 1, 0], np.float32)


def apply(**changes) -> np.ndarray:
    """FACES after a draw that changes nothing except `changes`."""
    faces, _, _ = augment(FACES.copy(), [GENDERS, AGES], KNOWN, made(**changes))
    return faces


def made(**changes) -> Draw:
    n = len(FACES)
    nothing = {
        "shift": np.zeros((n, 2), np.int64),
        "flip": np.zeros(n, bool),
        "patch": np.zeros((n, 4), np.int64),
        "value": np.zeros(n, np.uint8),
        "partner": np.arange(n),
        "share": np.ones(n),
    }
    return Draw(**nothing | changes)


def shifted(right: int, down: int) -> np.ndarray:
    """FACES shifted by whole pixels, the border repeated."""
    rows, columns = np.clip(np.arange(32) - down, 0, 31), np.clip(np.arange(32) - right, 0, 31)
    return FACES[:, rows[:, None], columns]


@pytest.mark.parametrize("right, down", [(0, 0), (3, 0), (0, -2), (-1, 3)])
def test_shift_repeats_the_border(right, down):
    moved = apply(shift=np.tile([right, down], (4, 1)))
    np.testing.assert_array_equal(moved, shifted(right, down))


def test_shift_comes_before_flip():
    both = apply(shift=np.tile([3, -2], (4, 1)), flip=np.arange(4) < 2)
    np.testing.assert_array_equal(both[:2], shifted(3, -2)[:2, :, ::-1])
    np.testing.assert_array_equal(both[2:], shifted(3, -2)[2:])


def test_erasing_fills_the_patch_only():
    patch = np.array([[2, 5, 7, 4], [0, 0, 0, 0], [31, 31, 1, 1], [0, 0, 32, 12]])
    erased = apply(patch=patch, value=np.array([9, 9, 200, 0], np.uint8))
    expected = FACES.copy()
    expected[0, 5:9, 2:9] = 9
    expected[2, 31, 31] = 200
    expected[3, :12] = 0
    np.testing.assert_array_equal(erased, expected)


def test_patches_do_not_move_with_faces():
    patch = np.array([[2, 5, 7, 4]] * 4)
    erased = apply(patch=patch, shift=np.tile([3, 0], (4, 1)), flip=np.ones(4, bool))
    expected = shifted(3, 0)[:, :, ::-1].copy()
    expected[:, 5:9, 2:9] = 0
    np.testing.assert_array_equal(erased, expected)


def test_mixup_of_faces_and_labels():
    partner, share = np.array([1, 0, 3, 2]), np.array([0.25, 0.9, 0.9985, 0.4])
    faces, (genders, ages), _ = augment(
        FACES.copy(), [GENDERS, AGES], KNOWN, made(partner=partner, share=share)
    )
    assert (faces.dtype, genders.dtype, ages.dtype) == (np.uint8, np.float32, np.float32)
    for i in range(4):
        kept, j = share[i], partner[i]
        mixed = kept * FACES[i].astype(float) + (1 - kept) * FACES[j]
        np.testing.assert_allclose(faces[i], mixed, atol=0.501)
        expected = kept * GENDERS[i] + (1 - kept) * GENDERS[j]
        np.testing.assert_allclose(genders[i], expected, atol=1e-6)
    for i in (0, 1):
        expected = share[i] * AGES[i] + (1 - share[i]) * AGES[partner[i]]
        np.testing.assert_allclose(ages[i], expected, 1e-6)


def test_unknown_labels_dilute_nothing():
    """40 years, mixed with an unknown age, stay 40 years, of less weight."""
    share = np.array([1.0, 1.0, 0.3, 0.4])
    _, (_, ages), (_, weights) = augment(
        FACES.copy(), [GENDERS, AGES], KNOWN, made(partner=np.array([0, 1, 3, 2]), share=share)
    )
    np.testing.assert_allclose(ages[2:], AGES[[2, 2]])
    np.testing.assert_allclose(weights, [1, 1, 0.3, 0.6], 1e-6)


def test_class_weights_do_not_move_labels():
    """0.9 of 30 years and 0.1 of 80 is 35 years, whatever the weights; the loss counts 0.98."""
    labels = np.eye(101, dtype=np.float32)[[30, 80]]
    drawn = replace(made(), partner=np.array([1, 0]), share=np.array([0.9, 1.0]))
    weights = np.array([0.2, 8], np.float32)
    _, [mixed], [weight] = augment(FACES.copy(), [labels], [weights], drawn)
    assert mixed[0] @ np.arange(101) == pytest.approx(35)
    np.testing.assert_allclose(weight, [0.98, 8], 1e-6)


def test_mixup_uses_augmented_partners():
    flip, patch = np.array([False, True] * 2), np.array([[0, 0, 0, 0], [4, 4, 9, 9]] * 2)
    own = apply(flip=flip, patch=patch)
    partners = apply(flip=flip, patch=patch, partner=np.array([1, 0, 3, 2]), share=np.zeros(4))
    np.testing.assert_array_equal(partners, own[[1, 0, 3, 2]])


def test_erasing_and_mixup_amounts():
    rng = np.random.default_rng(0)
    none = draw(rng, 1000, erasing=0, mixup=0)
    assert not none.patch.any() and (none.share == 1).all()
    tenth = draw(rng, COUNT, erasing=0.1, mixup=1.0)
    assert (tenth.patch[:, 2] > 0).mean() == pytest.approx(0.1, abs=0.01)
    assert stats.kstest(tenth.share, stats.uniform.cdf).pvalue > MIN_P  # Beta(1, 1)
