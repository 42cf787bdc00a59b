"""Lengths in the headers of video files."""

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

_MAX_BOXES = 10_000  # of an MP4 file; fragmented ones have two per fragment
_MAX_ELEMENTS = 1_000_000  # of a WebM file; ten hours of frames
_SEGMENT = b"\x18\x53\x80\x67"


class Container(NamedTuple):
    """Length of a video file according to its header.

    counts: whether the header states the number of frames; otherwise it is an estimate.
    cut: whether the file is shorter than its header states.
    """

    counts: bool = False
    cut: bool = False


def read_container(path: Path) -> Container:
    """The header of an MP4, AVI, Matroska or WebM file; both are False for other files."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        file.seek(0)
        if head[4:8] == b"ftyp":
            end, is_fragmented = _mp4_boxes(file, size)
            return Container(not is_fragmented, end > size)
        if head[:4] == b"RIFF":
            return Container(True, 8 + struct.unpack("<I", head[4:8])[0] > size)
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return Container(False, _matroska_end(file, size) > size)
    return Container()


def _mp4_boxes(file: BinaryIO, size: int) -> tuple[int, bool]:
    """The end of the last box, and whether there are fragments.

    A box begins with its length and its type.
    """
    end, is_fragmented = 0, False
    for _ in range(_MAX_BOXES):
        file.seek(end)
        header = file.read(16)
        if len(header) < 8:
            return end + len(header), is_fragmented
        length, kind = struct.unpack(">I4s", header[:8])
        is_fragmented |= kind == b"moof"
        if length == 1 and len(header) == 16:  # a 64-bit length follows the type
            length = struct.unpack(">Q", header[8:])[0]
        if length < 8:  # 0: up to the end of the file
            return size, is_fragmented
        end += length
        if end > size:
            break
    return end, is_fragmented


def _matroska_end(file: BinaryIO, size: int) -> int:
    """The end of the segment, or, as browsers record, of its last element if no length is known.

    An element begins with its type and its length; the first byte of a type has as many leading
    zeros as further bytes follow. An element of unknown length contains the following ones.
    """
    end = 0
    for _ in range(_MAX_ELEMENTS):
        if end >= size:
            break
        file.seek(end)
        kind = file.read(1)
        kind += file.read(8 - kind[0].bit_length())
        length = _variable_length(file)
        end = file.tell() + (length or 0)
        if kind == _SEGMENT and length is not None:
            break
    return end


def _variable_length(file: BinaryIO) -> int | None:
    """An EBML length; None if it is unknown, with all bits set.

    The number of leading zeros in its first byte is the number of further bytes.
    """
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    limit = 1 << 7 * (more + 1)
    value = int.from_bytes(first + file.read(more).ljust(more, b"\0"), "big") - limit
    return None if value == limit - 1 else value
