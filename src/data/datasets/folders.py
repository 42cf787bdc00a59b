"""Your own images, labelled by their folders: `25/male/1.jpg`, `female/30-39/a.png`, `7/b.jpg`."""

from pathlib import Path, PurePosixPath

from ...faces.images import EXTENSIONS
from . import Records
from .names import read_paths
from .values import is_unknown, parse_age, parse_gender


def read(data_dir: Path) -> Records:
    """The images below `data_dir` with an age, an age range or a gender among their folders."""
    return read_paths(data_dir, _labels, EXTENSIONS)


def _labels(path: str) -> dict | None:
    found = {}
    for folder in PurePosixPath(path).parts[:-1]:
        if is_unknown(folder):
            continue
        try:
            found["age_low"], found["age_high"] = parse_age(folder, decimal_comma=False)
        except ValueError:
            try:
                found["gender"] = parse_gender(folder)
            except ValueError:
                continue  # a folder of another meaning
    return found or None
