"""Selection of usable images: duplicates, over-represented ages, audited labels."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import UserError
from ..labels import age_midpoint
from .datasets.tables import LabelTable, read_table

SAME = "pixel-identical to an earlier one"
DISAGREE = "pixel-identical, labels disagree"
OVER_CAP = "more than --max_per_age"
DROPPED = "audit: dropped by hand"
_DECISIONS = ("", "keep", "drop", "correct")


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


def apply_audit(
    table: pd.DataFrame, identity: np.ndarray, path: Path, above: float | None
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """The labels after an audit, and the rows to drop, bool (N,), by rule.

    Args:
        table: as in `Records`, (N,).
        identity: of the files, uint64 (N,).
        path: CSV file with the columns `identity`, 16 hexadecimal digits, or `path`; `decision`,
            one of keep, drop and correct; `suspicion`, 0..1; `new_age` and `new_gender`. A row is
            of the records of that file; if they are several, of the one with its path.
        above: suspicion above which faces without a decision are dropped; None for none.

    Raises:
        UserError: if the file is not such a table, or has no row of these records.
    """
    audit = read_table(path)
    codes = audit.parsed("decision", _DECISIONS.index, "keep, drop or correct")
    suspicious = audit.numbers("suspicion", 0, 1) > (np.inf if above is None else above)
    new = dict(zip(("age_low", "age_high"), audit.ages("new_age"), strict=True))
    new["gender"] = audit.genders("new_gender")
    table, doubted = table.copy(), f"audit: suspicion above {above or 0:g}"
    drops = {rule: np.zeros(len(table), bool) for rule in (DROPPED, doubted)}
    records = _matches(audit, table["path"], identity)
    for row, code in enumerate(codes):
        decision = _DECISIONS[int(code)]
        if decision == "drop":
            drops[DROPPED][records[row]] = True
        elif not decision and suspicious[row]:
            drops[doubted][records[row]] = True
        elif decision == "correct":
            for name, values in new.items():
                if not np.isnan(values[row]):
                    table.iloc[records[row], table.columns.get_loc(name)] = values[row]
    return table, drops if above is not None else {DROPPED: drops[DROPPED]}


def _matches(audit: LabelTable, paths: pd.Series, identity: np.ndarray) -> list[list[int]]:
    """The records of each row of an audit."""
    records = defaultdict(list)
    for record, (number, path) in enumerate(zip(identity.tolist(), paths, strict=True)):
        for key in ((f"{number:016x}", path), (f"{number:016x}", ""), ("", path)):
            records[key].append(record)
    rows = zip(audit.texts("identity").str.lower(), audit.texts("path"), strict=True)
    found = [records.get(row) or records.get((row[0], ""), []) for row in rows]
    if not any(found):
        raise UserError(
            f"{audit.path}: expected rows of this dataset in the columns 'identity' or 'path', "
            "found none"
        )
    return found
