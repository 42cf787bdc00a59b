"""Whether one model is better than another, on the faces that both have seen."""

import numpy as np
import pandas as pd

from src.evaluation.bootstrap import Figure, with_intervals
from src.evaluation.figures import MAIN, bind

COLUMNS = ["models", "slice", "figure", "difference", "low", "high", "n"]


def compare(
    names: tuple[str, str],
    measures: tuple[dict[str, np.ndarray], dict[str, np.ndarray]],
    slices: dict[str, np.ndarray],
    seed: int,
    resamples: int,
) -> pd.DataFrame:
    """The first model's main figures less the second's, as in `Results.comparisons`.

    measures: of both models, of the same faces, which are resampled for both alike.
    """
    table = []
    for name, rows in slices.items():
        one, other = (bind({key: values[rows] for key, values in m.items()}) for m in measures)
        for count, bound in one.items():
            differences = {
                figure: _difference(bound[figure], other[count][figure])
                for figure in MAIN
                if figure in bound
            }
            found = with_intervals(differences, count, seed, resamples)
            table += [(" - ".join(names), name, figure, *found[figure], count) for figure in found]
    return pd.DataFrame(table, columns=COLUMNS)


def _difference(one: Figure, other: Figure) -> Figure:
    return lambda weights: one(weights) - other(weights)
