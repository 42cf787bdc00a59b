"""src/training/schedules.py: rates worked out by hand."""

import math

import pytest

from src.training.schedules import Schedule


def rates(*arguments) -> list[float]:
    """Of the first step of every epoch; two steps an epoch."""
    name, rate, epochs, *warmup = arguments
    schedule = Schedule(name, rate, epochs, 2, *warmup)
    return [schedule.of_epoch(epoch) for epoch in range(epochs)]


def test_steps_of_four_epochs():
    assert rates("step", 0.1, 4) == pytest.approx([0.1, 0.02, 0.004, 0.0008])


@pytest.mark.parametrize(
    "epochs, quarters",
    [
        (40, [(0, 9), (10, 19), (20, 29), (30, 39)]),
        (30, [(0, 7), (8, 14), (15, 22), (23, 29)]),  # 7.5 and 22.5 lie between two epochs
    ],
)
def test_steps_fall_at_quarters(epochs, quarters):
    schedule = Schedule("step", 0.5, epochs, 1000)
    for (first, last), rate in zip(quarters, [0.5, 0.1, 0.02, 0.004], strict=True):
        assert schedule.of_epoch(first) == pytest.approx(rate)
        assert schedule.of_epoch(last, 999) == pytest.approx(rate)


def test_steps_fall_where_they_should_late_in_a_long_run():
    schedule = Schedule("step", 0.5, 200, 50_000)  # ten million steps
    assert schedule.of_epoch(149, 49_999) == pytest.approx(0.02)
    assert schedule.of_epoch(150) == pytest.approx(0.004)


def test_a_single_epoch_has_the_first_rate():
    assert rates("step", 0.1, 1) == pytest.approx([0.1])


def test_a_cosine_falls_from_step_to_step():
    schedule = Schedule("cosine", 0.2, 2, 2)
    quarters = [0.2, 0.1 * (1 + math.sqrt(0.5)), 0.1, 0.1 * (1 - math.sqrt(0.5))]
    assert [schedule.of_epoch(0, step) for step in range(4)] == pytest.approx(quarters)


def test_a_warm_up_rises_in_a_line_to_the_full_rate():
    schedule = Schedule("cosine", 0.4, 3, 2, 1.0)
    assert [schedule.of_epoch(0, step) for step in range(3)] == pytest.approx([0.2, 0.4, 0.4])
    assert schedule.of_epoch(2) == pytest.approx(0.2)  # half of what is left is gone


def test_a_warm_up_before_steps():
    assert rates("step", 0.1, 4, 0.5) == pytest.approx([0.1, 0.02, 0.004, 0.0008])
    assert Schedule("step", 0.1, 4, 4, 0.5).of_epoch(0) == pytest.approx(0.05)
