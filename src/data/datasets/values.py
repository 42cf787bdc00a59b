"""Ages, genders and paths in label files."""

import os
import posixpath
import re
from collections.abc import Iterable
from pathlib import Path

from ...errors import UserError
from ...labels import GENDERS, MAX_AGE
from . import NAN

OLDEST = 122  # years, the longest known life; larger numbers are rejected
_UNKNOWN = {"", "na", "n/a", "#n/a", "nan", "none", "null", "unknown", "u", "?", "-"}
_WORDS = {
    "female": {"female", "f", "woman", "w", "girl"},
    "male": {"male", "m", "man", "boy"},
}
_NUMBER = r"(?:\d+(?:\.\d+)?)"
_AGE = re.compile(  # 25; 25-32, also with an en dash; (25, 32); 60+; FairFace's "more than 70"
    rf"{_NUMBER}|{_NUMBER}\s*[-\u2013]\s*{_NUMBER}|\({_NUMBER},\s*{_NUMBER}\)"
    rf"|(?P<open>{_NUMBER}\s*\+|more than {_NUMBER})"
)


def is_unknown(text: str) -> bool:
    """Whether a label is blank or marked as unknown."""
    return text.strip().casefold() in _UNKNOWN


def parse_age(text: str) -> tuple[float, float]:
    """The lowest and highest completed year of an age or an age range, NaN where unknown.

    Decimals are completed years (25.9 is 25), and ages above 100 are 100.
    Raises `ValueError` for other text, reversed ranges and ages above `OLDEST`.
    """
    if is_unknown(text):
        return NAN, NAN
    parsed = _AGE.fullmatch(text.strip().casefold())
    if not parsed:
        raise ValueError(text)
    low, *further = map(float, re.findall(_NUMBER, parsed[0]))
    high = further[0] if further else low
    if parsed["open"]:
        high = max(low, MAX_AGE)
    if not low <= high or low > OLDEST:
        raise ValueError(text)
    return min(int(low), MAX_AGE), min(int(high), MAX_AGE)


def parse_gender(text: str) -> float:
    """0 for female, 1 for male, NaN where unknown.

    Raises `ValueError` for other text; digits too, as datasets disagree on their meaning.
    """
    if is_unknown(text):
        return NAN
    word = text.strip().casefold()
    for code, gender in enumerate(GENDERS):
        if word in _WORDS[gender]:
            return code
    raise ValueError(text)


def relative_paths(
    paths: Iterable[str], folder: Path, source: Path, anywhere: bool = False
) -> list[str]:
    """Paths of images in the label file `source`, relative to `folder`, with slashes.

    Args:
        paths: as in the file; absolute ones inside the folder become relative.
        folder: of the images.
        source: for messages.
        anywhere: make paths absolute that lead out of the folder, instead of rejecting them.

    Raises:
        UserError: a path is blank or leads out of the folder.
    """
    found = []
    for row, path in enumerate(paths, 1):
        inside = _inside(path.replace("\\", "/"), folder)
        if not inside and path and anywhere:
            inside = os.path.abspath(folder / path)
        if not inside:
            where = ("", "") if anywhere else (f" inside {folder}", " or --data_dir")
            raise UserError(
                f"{source}: expected the path of an image{where[0]}, received {path!r} in row "
                f"{row}; correct the path{where[1]}"
            )
        found.append(inside)
    return found


def _inside(path: str, folder: Path) -> str:
    """`path` relative to `folder`; "" if it is blank or leads out of it."""
    if not os.path.isabs(path):
        return "" if posixpath.normpath(path).split("/")[0] in ("..", ".") else path
    for resolve in (os.path.abspath, os.path.realpath):
        relative = os.path.relpath(resolve(path), resolve(folder))
        if relative.split(os.sep)[0] not in ("..", "."):
            return Path(relative).as_posix()
    return ""
