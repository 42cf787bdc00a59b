"""Measurements in turns, and their ratios."""

import statistics
from collections.abc import Callable, Iterable


def in_turns(sides: dict[str, Callable[[], float]], turns: int) -> dict[str, list[float]]:
    """Values of each side, one per turn, in turns, so that the machine's load affects all sides."""
    measured = {name: [] for name in sides}
    for _ in range(turns):
        for name, measure in sides.items():
            measured[name].append(measure())
    return measured


def ratio(one: Iterable[float], other: Iterable[float], digits: int) -> str:
    """`other / one` of each turn: median, minimum and maximum."""
    ratios = [b / a for a, b in zip(one, other, strict=True)]
    middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
