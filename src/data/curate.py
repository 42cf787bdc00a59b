"""Which of the usable pictures stay: duplicates and ages that are too many go."""

import numpy as np
import pandas as pd

SAME = "pixel-identical to an earlier one"
DISAGREE = "pixel-identical, labels disagree"
OVER_CAP = "more than --max_per_age"


def find_duplicates(table: pd.DataFrame, digest: np.ndarray) -> dict[str, np.ndarray]:
    """Rows to drop, bool (N,), by reason, from the pictures' digests, uint8 (N, 16).

    Of pictures that are the same to the pixel, the first stays where all their labels agree, and
    none where they do not: no one knows which label is right.
    """
    key = pd.Series(np.ascontiguousarray(digest).view("V16").ravel().tolist(), table.index)
    labels = table.groupby(["age_low", "age_high", "gender"], dropna=False).ngroup()
    disagree = (labels.groupby(key).transform("nunique") > 1).to_numpy()
    return {SAME: key.duplicated().to_numpy() & ~disagree, DISAGREE: disagree}


def over_cap(table: pd.DataFrame, max_per_age: int, seed: int) -> np.ndarray:
    """Rows to drop, bool (N,), so that no age, to the year, has more than `max_per_age`.

    Which stay is drawn by `seed`. A range counts by its middle; unknown ages are not capped.
    """
    age = np.floor((table["age_low"] + table["age_high"]) / 2)
    order = pd.Series(np.random.default_rng(seed).permutation(len(table)), table.index)
    rank = order.groupby(age.fillna(-1)).rank()
    return ((rank > max_per_age) & age.notna()).to_numpy()
