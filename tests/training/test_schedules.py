"""src/training/schedules.py: rates of the first and the last epoch of each quarter."""

import pytest

from src.training.schedules import steps


def test_four_epochs():
    rates = [steps(0.1, 4)(epoch) for epoch in range(4)]
    assert rates == pytest.approx([0.1, 0.02, 0.004, 0.0008])


@pytest.mark.parametrize(
    "epochs, quarters",
    [
        (40, [(0, 9), (10, 19), (20, 29), (30, 39)]),
        (30, [(0, 7), (8, 14), (15, 22), (23, 29)]),  # 7.5 and 22.5 lie between two epochs
    ],
)
def test_the_rate_falls_at_quarters(epochs, quarters):
    for (first, last), rate in zip(quarters, [0.5, 0.1, 0.02, 0.004], strict=True):
        assert steps(0.5, epochs)(first) == pytest.approx(rate)
        assert steps(0.5, epochs)(last) == pytest.approx(rate)


def test_a_single_epoch_has_the_first_rate():
    assert steps(0.1, 1)(0) == 0.1
