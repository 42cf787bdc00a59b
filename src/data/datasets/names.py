"""Datasets with labels in the names of files or folders."""

import os
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pandas as pd

from ...errors import UserError
from ...labels import GENDERS, MAX_AGE
from . import NAN, Records

MALE, FEMALE = GENDERS.index("male"), GENDERS.index("female")
_UNPARSED = "name does not parse"
_JPEG = (".jpg", ".jpeg")


def read_names(
    data_dir: Path,
    pattern: str,
    gender: Callable[[str], int] = {"f": FEMALE, "m": MALE}.__getitem__,
    margin: float = NAN,
) -> Records:
    """Records of the JPEG files in `data_dir` and its folders, sorted by path.

    Names that do not match are counted and listed as skipped. Ages above 100 become 100.

    Args:
        data_dir: the dataset's folder.
        pattern: regular expression of the end of a path, with groups that are named `age` and, if
            known, `gender`, `person` and `group`; its case is ignored.
        gender: gender of the group's text, in lower case.
        margin: see `Records`.

    Raises:
        UserError: if there is no image.
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

    return read_paths(data_dir, labels, margin)


def read_paths(
    data_dir: Path,
    labels: Callable[[str], dict | None],
    margin: float = NAN,
    extensions: Collection[str] = _JPEG,
) -> Records:
    """As `read_names`, for columns of `Records.table` that a function of the path returns; None if
    it does not parse."""
    rows, skipped = [], []
    for path in sorted(_images(data_dir, extensions)):
        found = labels(path)
        if found is None:
            skipped.append((path, _UNPARSED))
        else:
            rows.append({"path": path, **found})
    if not rows and not skipped:
        raise UserError(f"{data_dir}: expected images, found none")
    return Records(pd.DataFrame(rows), {_UNPARSED: len(skipped)}, skipped, margin)


def _images(data_dir: Path, extensions: Collection[str]) -> Iterator[str]:
    """Paths of the images, relative to the folder; linked folders are followed, once each."""
    seen = set()
    for folder, folders, names in os.walk(data_dir, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        inside = Path(folder).relative_to(data_dir).as_posix()
        start = "" if inside == "." else f"{inside}/"
        yield from (
            start + name for name in names if os.path.splitext(name)[1].lower() in extensions
        )
