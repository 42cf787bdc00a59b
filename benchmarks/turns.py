"""What the benchmarks share: all sides measured in turns, and how they compare."""

import statistics
from collections.abc import Callable, Iterable


def in_turns(sides: dict[str, Callable[[], float]], turns: int) -> dict[str, list[float]]:
    """What each side measures, once a turn, in turns: the machine's moods hit all of them."""
    measured = {name: [] for name in sides}
    for _ in range(turns):
        for name, measure in sides.items():
            measured[name].append(measure())
    return measured


def ratio(one: Iterable[float], other: Iterable[float], digits: int) -> str:
    """`other / one` of each turn: their median, and the least to the greatest."""
    ratios = [b / a for a, b in zip(one, other, strict=True)]
    middle, least, most = statistics.median(ratios), min(ratios), max(ratios)
    return f"{middle:.{digits}f} ({least:.{digits}f} to {most:.{digits}f})"
