"""Selection of usable images: duplicates and over-represented ages."""

import numpy as np
import pandas as pd

from ..labels import age_midpoint

SAME = "pixel-identical to an earlier one"
DISAGREE = "pixel-identical, labels disagree"
OVER_CAP = "more than --max_per_age"


def find_duplicates(table: pd.DataFrame, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Rows to drop, bool (N,), by reason, from hashes of the images' pixels, uint64 (N,).

    The first of pixel-identical images is kept if all their labels agree. None is kept if they
    disagree, as the correct label is unknown.
    """
    key = pd.Series(pixels, table.index)
    labels = table.groupby(["age_low", "age_high", "gender"], dropna=False).ngroup()
    disagree = (labels.groupby(key).transform("nunique") > 1).to_numpy()
    return {SAME: key.duplicated().to_numpy() & ~disagree, DISAGREE: disagree}


def over_cap(table: pd.DataFrame, max_per_age: int, seed: int) -> np.ndarray:
    """Rows to drop, bool (N,), so that each year of age has at most `max_per_age`.

    The rows are drawn with `seed`. A range counts at its middle; unknown ages are not limited.
    """
    age = np.floor(age_midpoint(table["age_low"], table["age_high"]))
    order = pd.Series(np.random.default_rng(seed).permutation(len(table)), table.index)
    rank = order.groupby(age.fillna(-1)).rank()
    return ((rank > max_per_age) & age.notna()).to_numpy()
