"""Your own images, labelled by a CSV file with the columns of docs/datasets.md."""

import posixpath
from pathlib import Path

from ...errors import UserError
from . import Records
from .tables import read_table

_LABELS = ("age", "age_low", "age_high", "gender")
_OTHERS = ("path", "age_std", "group", "person", "left", "top", "right", "bottom")
_COLUMNS = {name: name for name in (*_LABELS, *_OTHERS)}
_COLUMNS |= dict.fromkeys(("file", "filename", "image"), "path")
_COLUMNS["sex"] = "gender"


def read(
    data_dir: Path, labels: Path | None, encoding: str | None = None, anywhere: bool = False
) -> Records:
    """The images of the label file `labels`, or of `labels.csv` in `data_dir`.

    anywhere: whether their paths may lead out of `data_dir`; they are absolute then.
    """
    table = read_table(labels or data_dir / "labels.csv", _COLUMNS, ("path",), encoding)
    if not any(name in table for name in _LABELS):
        raise UserError(
            f"{table.path}: expected one of the columns {', '.join(_LABELS)}, found none"
        )
    records = table.records(data_dir, anywhere=anywhere)
    faces = records["path"].map(posixpath.normpath) + records["box"].map(str)
    table.check(~faces.duplicated().to_numpy(), "every path once")
    return Records(records)
