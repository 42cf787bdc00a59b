"""Spellings of ages and genders in label files."""

import re

from ...labels import GENDERS, MAX_AGE

OLDEST = 122  # years, the longest known life; larger numbers are rejected
UNKNOWN = {
    *("", "na", "n/a", "#n/a", "n.a.", "nan", "none", "null", "unknown", "unk", "u", "?", "-"),
}
_FEMALE = {"female", "f", "woman", "w", "girl"}
_MALE = {"male", "m", "man", "boy"}
_CODES = dict.fromkeys(_FEMALE, GENDERS.index("female"))
_CODES |= dict.fromkeys(_MALE, GENDERS.index("male"))

_NUMBER = r"(\d+(?:\.\d+)?)"
_EXACT = re.compile(_NUMBER)
_RANGES = (
    re.compile(rf"{_NUMBER}\s*(?:[-\u2013\u2014]|\.\.|to)\s*{_NUMBER}"),  # 25-32
    re.compile(rf"{_NUMBER}\s*[,;]\s+{_NUMBER}"),  # 25, 32
    re.compile(rf"[(\[]\s*{_NUMBER}\s*[,;-]\s*{_NUMBER}\s*[)\]]"),  # (25, 32)
)
_FROM = re.compile(rf"{_NUMBER}\s*\+|more than {_NUMBER}")  # 60+; FairFace's "more than 70"
_DECIMAL_COMMA = re.compile(r"(\d),(\d)")


def is_unknown(text: str) -> bool:
    """Whether a label is blank or marked as unknown."""
    return text.strip().casefold() in UNKNOWN


def parse_number(text: str, decimal_comma: bool) -> float | None:
    """A number, None where unknown. Raises `ValueError` for other text."""
    if is_unknown(text):
        return None
    return float(_DECIMAL_COMMA.sub(r"\1.\2", text) if decimal_comma else text)


def parse_age(text: str, decimal_comma: bool) -> tuple[int, int] | None:
    """The lowest and highest completed year of an age or an age range, None where unknown.

    Decimals are completed years (25.9 is 25), and ages above 100 are 100.
    decimal_comma: whether "25,9" is a number.
    Raises `ValueError` for other text, reversed ranges and ages above `OLDEST`.
    """
    if is_unknown(text):
        return None
    text = text.strip().casefold()
    text = _DECIMAL_COMMA.sub(r"\1.\2", text) if decimal_comma and text[0] not in "([" else text
    if parsed := _EXACT.fullmatch(text):
        low = high = float(parsed[1])
    elif parsed := _FROM.fullmatch(text):
        low, high = float(parsed[1] or parsed[2]), MAX_AGE
        high = max(low, high)
    elif parsed := next(filter(None, (shape.fullmatch(text) for shape in _RANGES)), None):
        low, high = map(float, parsed.groups())
    else:
        raise ValueError(text)
    if not low <= high or low > OLDEST:
        raise ValueError(text)
    return min(int(low), MAX_AGE), min(int(high), MAX_AGE)


def parse_gender(text: str) -> int | None:
    """0 for female, 1 for male, None where unknown.

    Raises `ValueError` for other text; digits too, as datasets disagree on their meaning.
    """
    if is_unknown(text):
        return None
    word = text.strip().casefold()
    if word not in _CODES:
        raise ValueError(text)
    return _CODES[word]
