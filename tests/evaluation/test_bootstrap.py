import numpy as np
import pytest
from scipy import stats

from src.evaluation import bootstrap, metrics
from src.evaluation.bootstrap import with_intervals

rng = np.random.default_rng(1)
ERROR = rng.normal(1, 6, 200)
FIGURES = {
    "mae": lambda weights: metrics.mean_absolute(ERROR, weights),
    "rmse": lambda weights: metrics.root_mean_square(ERROR, weights),
    "median": lambda weights: metrics.median_absolute(ERROR, weights),
}
OF_SAMPLE = {
    "mae": lambda e: np.abs(e).mean(),
    "rmse": lambda e: np.sqrt((e**2).mean()),
    "median": lambda e: np.median(np.abs(e)),
}


@pytest.mark.parametrize("name", FIGURES)
def test_intervals_equal_scipys(name):
    """Both are drawn, so they agree to a fraction of the interval's width."""
    value, *ends = with_intervals(FIGURES, 200, seed=0, resamples=4000)[name]
    assert value == pytest.approx(OF_SAMPLE[name](ERROR))
    theirs = stats.bootstrap(
        (ERROR,), OF_SAMPLE[name], vectorized=False, n_resamples=4000, method="percentile", rng=2
    ).confidence_interval
    np.testing.assert_allclose(ends, theirs, atol=0.06 * (theirs.high - theirs.low))


def test_equal_seeds_equal_intervals(monkeypatch):
    """The size of the batches of resamples does not matter."""
    once = with_intervals(FIGURES, 200, seed=5, resamples=300)
    assert once == with_intervals(FIGURES, 200, seed=5, resamples=300)
    assert once != with_intervals(FIGURES, 200, seed=6, resamples=300)
    monkeypatch.setattr(bootstrap, "_MAX_CELLS", 7 * 200)
    pieces = with_intervals(FIGURES, 200, seed=5, resamples=300)
    for name in FIGURES:
        assert pieces[name] == pytest.approx(once[name])


def test_comparisons_are_paired():
    """A constant difference of a year is the same in every resample."""
    error = np.abs(ERROR)
    difference = lambda weights: metrics.mean(error + 1, weights) - metrics.mean(error, weights)  # noqa: E731
    found = with_intervals({"difference": difference}, 200, seed=0, resamples=100)
    assert found["difference"] == pytest.approx((1, 1, 1))
