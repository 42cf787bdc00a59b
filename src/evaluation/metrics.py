"""The figures, each a function of arrays.

All take `weights`, float64 (B, N): how often each of N faces counts, a row a resample of the
bootstrap (ones for the faces as they are), and return float64 (B,). No row may be all zeros.
Errors are signed and in years, float64 (N,); the other arrays are said where they are used.
"""

import numpy as np

from src.labels import AGES

ECE_BINS = 15


def label_ranks(distribution: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """How many years beside the label are as likely as its likeliest, or more: float64 (N,).

    distribution: (N, 101).  low, high: (N,), whole years; the rank is NaN where they are.
    """
    within = (low[:, None] <= AGES) & (AGES <= high[:, None])
    best = np.where(within, distribution, -1).max(axis=1, keepdims=True)
    ranks = ((distribution >= best) & ~within).sum(axis=1)
    return np.where(np.isnan(low), np.nan, ranks)


def covered_shares(
    interval: tuple[np.ndarray, np.ndarray], low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """The share of the label's years, `low` to `high`, that lie in the interval: float64 (N,)."""
    shared = np.minimum(interval[1], high) - np.maximum(interval[0], low) + 1
    return np.maximum(shared, 0) / (high - low + 1)


def mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The mean of `values`, (N,): of errors it is the bias, of hits (0 or 1) the accuracy."""
    return weights @ values / weights.sum(axis=1)


def mean_absolute(error: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return mean(np.abs(error), weights)


def median_absolute(error: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The middle absolute error, or the mean of the two in the middle; of whole weights."""
    error = np.abs(error)
    order = np.argsort(error)
    counted = weights[:, order].cumsum(axis=1)
    half = (counted[:, -1:] - 1) / 2
    places = [(counted <= k).sum(axis=1) for k in (np.floor(half), np.ceil(half))]
    return error[order][places].mean(axis=0)


def root_mean_square(error: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.sqrt(mean(error**2, weights))


def cumulative_score(error: np.ndarray, weights: np.ndarray, years: float) -> np.ndarray:
    """CS@k, the share of faces that err by at most k `years`.

    Geng et al., "Automatic age estimation based on facial aging patterns", PAMI 2007.
    """
    return mean(np.abs(error) <= years, weights)


def top_accuracy(ranks: np.ndarray, weights: np.ndarray, k: int) -> np.ndarray:
    """The share of faces with a year of their label among the `k` likeliest years.

    ranks: as `label_ranks` gives them.
    """
    return mean(ranks < k, weights)


def epsilon_error(error: np.ndarray, deviation: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """ChaLearn LAP's error: 1 - mean exp(-error^2 / (2 deviation^2)), 0 best and 1 worst.

    deviation: standard deviation of the ratings, (N,), years; where it is 0 only the exact age
    counts. Escalera et al., "ChaLearn Looking at People 2015: apparent age and cultural event
    recognition", ICCV workshops 2015.
    """
    tiny = np.finfo(np.float64).tiny
    return 1 - mean(np.exp(-(error**2) / np.maximum(2 * deviation**2, tiny)), weights)


def balanced_accuracy(male: np.ndarray, correct: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The mean of the shares of women and of men told right; of the one where there is one only.

    male, correct: (N,), 0 or 1, what the face is and whether it was told so.
    """
    counts = np.stack([weights @ (male == gender) for gender in (0, 1)])
    right = np.stack([weights @ ((male == gender) * correct) for gender in (0, 1)])
    recalls = right / np.maximum(counts, 1)  # of a gender that is not there: 0, and not counted
    return recalls.sum(axis=0) / (counts > 0).sum(axis=0)


def told_as(
    male: np.ndarray, correct: np.ndarray, weights: np.ndarray, gender: int, told: int
) -> np.ndarray:
    """A cell of the confusion matrix: how many faces of a gender were told as one, 0 or 1."""
    return weights @ ((male == gender) & (correct == (gender == told)))


def calibration_error(
    confidence: np.ndarray, correct: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Expected calibration error of the gender, 0 to 1, over 15 bins of equal width.

    confidence: the likelier gender's probability, (N,), 0.5 to 1, so that only the 8 bins above
    7/15 hold faces. A bin is closed on its right; its part is the distance between its mean
    confidence and its accuracy, times its share of the faces. Of few faces it comes out too large.
    Guo et al., "On calibration of modern neural networks", ICML 2017,
    https://arxiv.org/abs/1706.04599.
    """
    bins = np.ceil(confidence * ECE_BINS) - 1
    gaps = (correct - confidence)[:, None] * (bins[:, None] == np.arange(ECE_BINS))
    return np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1)
