"""Text of label files, in the encodings that spreadsheets and scripts write."""

import codecs
import re
import sys
from pathlib import Path

from ...errors import UserError
from ...files import read_input_file

MAX_BYTES = 2**26  # of a label file: a million rows of 64 characters
_MARKS = {  # byte order mark -> encoding; UTF-32's first, as UTF-16's is its beginning
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")


def read_text(path: Path) -> str:
    """The text of a label file.

    Reads UTF-8, UTF-16 and UTF-32, with or without a byte order mark. Other bytes are decoded as
    GBK or as Windows-1252, whichever fits, and a line on stderr names the guess.
    Raises `UserError` if there is no regular file, or it is too large or not text.
    """
    data = read_input_file(path, "a label file", MAX_BYTES)
    text = _decode(path, data)
    if _CONTROL.search(text):
        raise UserError(f"{path}: expected a table of text, received binary data")
    return text


def _decode(path: Path, data: bytes) -> str:
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), None)
    encoding = encoding or _unmarked_utf_16(data) or "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8-sig":
            raise UserError(f"{path}: expected text in {encoding.upper()}, it is damaged") from None
    guess = "gb18030" if _is_chinese(data) else "windows-1252"
    print(
        f"{path}: not UTF-8, read as {guess.replace('gb18030', 'GBK')}, a guess; save it as UTF-8 "
        "if names come out wrong",
        file=sys.stderr,
    )
    return data.decode(guess, errors="replace")


def _unmarked_utf_16(data: bytes) -> str | None:
    """UTF-16's byte order if most characters have a zero byte, as in Latin text."""
    start = data[:4096]
    for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if len(start) > 1 and zeros.count(0) > len(zeros) / 2:
            return encoding
    return None


def _is_chinese(data: bytes) -> bool:
    """Whether the bytes above 127 are pairs that GBK decodes, unlike accents in Latin-1."""
    try:
        data.decode("gb18030")
    except UnicodeDecodeError:
        return False
    runs = [len(run) for run in _HIGH_BYTES.findall(data)]
    return sum(length % 2 == 0 for length in runs) > len(runs) / 2
