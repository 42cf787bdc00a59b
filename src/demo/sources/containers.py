"""Lengths that the headers of video files state."""

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

_MOST_BOXES = 10_000  # of an MP4 file; fragmented ones have two per fragment


class Container(NamedTuple):
    """counts: whether the header states the number of frames, which is an estimate elsewhere.
    cut: whether the file ends before its header states."""

    counts: bool = False
    cut: bool = False


def read_container(path: Path) -> Container:
    """What an MP4, AVI, Matroska or WebM file states; nothing is known of others."""
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
            return Container(False, _matroska_end(file) > size)
    return Container()


def _mp4_boxes(file: BinaryIO, size: int) -> tuple[int, bool]:
    """Where the last box ends, and whether there are fragments: a box begins with its length and
    its type."""
    end, is_fragmented = 0, False
    for _ in range(_MOST_BOXES):
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


def _matroska_end(file: BinaryIO) -> int:
    """Where the segment ends, which follows the EBML header; 0 if its length is not stated."""
    file.seek(4)
    header = _variable_length(file)
    file.seek(header or 0, 1)
    if header is None or file.read(4) != b"\x18\x53\x80\x67":
        return 0
    length = _variable_length(file)
    return 0 if length is None else file.tell() + length


def _variable_length(file: BinaryIO) -> int | None:
    """An EBML length: as many bytes as its first byte has leading zeros, and one; None if all of
    its bits are set, which means unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    value = int.from_bytes(first + file.read(more), "big") - (1 << 7 * (more + 1))
    return None if value == (1 << 7 * (more + 1)) - 1 else value
