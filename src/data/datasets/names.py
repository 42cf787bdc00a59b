"""Datasets with labels in the file names."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from ...errors import UserError
from . import Records

_UNPARSED = "name does not parse"


def read_names(
    data_dir: Path,
    pattern: re.Pattern,
    labels_of: Callable[[re.Match], dict],
    margin: float = float("nan"),
) -> Records:
    """Records of the .jpg files in `data_dir` and its folders, sorted by path.

    pattern: matches the whole file name.  labels_of: columns of `Records.table` from the match.
    Names that do not match are counted and listed as skipped. Raises `UserError` if there is no
    image.
    """
    rows, skipped = [], []
    for path in sorted(_images(data_dir)):
        parsed = pattern.fullmatch(path.rpartition("/")[2])
        if parsed:
            rows.append({"path": path, **labels_of(parsed)})
        else:
            skipped.append((path, _UNPARSED))
    if not rows and not skipped:
        raise UserError(f"{data_dir}: expected .jpg images, found none")
    return Records(pd.DataFrame(rows), {_UNPARSED: len(skipped)}, skipped, margin)


def _images(data_dir: Path) -> Iterator[str]:
    """Paths of the .jpg files, relative to the folder; linked folders are followed, once each."""
    seen = set()
    for folder, folders, names in os.walk(data_dir, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        inside = Path(folder).relative_to(data_dir).as_posix()
        start = "" if inside == "." else f"{inside}/"
        yield from (start + name for name in names if name.lower().endswith(".jpg"))
