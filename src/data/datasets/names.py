"""Datasets with labels in the names of files or folders."""

import os
import re
from collections.abc import Callable, Collection
from pathlib import Path

import pandas as pd

from ...errors import UserError
from ...labels import GENDERS, MAX_AGE
from . import NAN, Records

MALE, FEMALE = GENDERS.index("male"), GENDERS.index("female")
_UNPARSED = "name does not parse"


def read_names(
    data_dir: Path,
    pattern: str,
    gender: Callable[[str], int] = {"f": FEMALE, "m": MALE}.__getitem__,
    margin: float = NAN,
) -> Records:
    """Records of the JPEG files in `data_dir` and its folders; ages above 100 become 100.

    Args:
        data_dir: the dataset's folder.
        pattern: regular expression of the end of a path, with groups that are named `age` and, if
            known, `gender`, `person` and `group`; its case is ignored.
        gender: gender of the group's text, in lower case.
        margin: see `Records`.
    """
    compiled = re.compile(f"(?:.*/)?{pattern}", re.IGNORECASE)

    def labels(path: str) -> dict | None:
        match = compiled.fullmatch(path)
        if match is None:
            return None
        found = match.groupdict()
        if "gender" in found:
            found["gender"] = gender(found["gender"].lower())
        age = min(int(found["age"]), MAX_AGE)
        return found | {"age_low": age, "age_high": age}

    return read_paths(data_dir, labels, (".jpg", ".jpeg"), margin)


def read_paths(
    data_dir: Path,
    labels: Callable[[str], dict | None],
    extensions: Collection[str],
    margin: float = NAN,
) -> Records:
    """Records of the images in `data_dir` and its folders, sorted by path.

    labels: the labels in a path, by column of `Records.table`; None if it does not parse: such
        images are counted and listed as skipped.
    """
    paths = []
    for folder, _, names in os.walk(data_dir, followlinks=True):
        inside = "" if folder == str(data_dir) else f"{Path(folder).relative_to(data_dir)}/"
        paths += [inside + name for name in names]
    found = {
        path: labels(path)
        for path in sorted(path.replace(os.sep, "/") for path in paths)
        if os.path.splitext(path)[1].lower() in extensions
    }
    if not found:
        raise UserError(f"{data_dir}: expected images, found none")
    skipped = [(path, _UNPARSED) for path, values in found.items() if values is None]
    rows = [{"path": path, **values} for path, values in found.items() if values is not None]
    return Records(pd.DataFrame(rows), {_UNPARSED: len(skipped)}, skipped, margin)
