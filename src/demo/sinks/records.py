"""Records of faces, one line per face: CSV and JSON lines."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ...estimation.estimator import FaceEstimate
from ...faces.images import Box
from ...files import atomic, partial_of, remove, replacing, wrap_read_errors
from ...labels import GENDERS
from ...outputs import Output, has_mark, locked
from ..arguments import STDOUT, Arguments
from ..job import Frame, Job, Result, Sink

COLUMNS = "file face left top right bottom age age_low age_high p_female quality".split()
VIDEO_COLUMNS = [*COLUMNS, "time", "track"]  # seconds; ID of the face's track
_DIGITS = {"age": 2, "p_female": 4, "quality": 2}  # after the decimal point; others are whole

Record = dict[str, str | int | float | None]


def records(result: Result) -> list[Record]:
    """One record per face; an image without a face has one record without `face`.

    Faces are numbered from 1 within each image. Boxes are in pixels of the image; `right` and
    `bottom` are exclusive.
    """
    empty: Record = {"file": result.frame.name, **dict.fromkeys(COLUMNS[1:])}
    if result.tracks is not None:
        empty |= {"time": round(result.frame.time, 3), "track": None}
    rows = []
    for i, face in enumerate(result.faces):
        values = face.as_dict() | {"face": i + 1, "track": result.tracks and result.tracks[i]}
        values |= {name: round(values[name], digits) for name, digits in _DIGITS.items()}
        rows.append(empty | {name: values[name] for name in empty if name in values})
    return rows or [empty]


def csv_text(rows: Iterable[Record], columns: list[str], header: bool = False) -> str:
    """Records as rows of a CSV file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    if header:
        writer.writeheader()
    for row in rows:
        digits = {} if row["face"] is None else _DIGITS
        writer.writerow(row | {name: f"{row[name]:.{count}f}" for name, count in digits.items()})
    return text.getvalue()


def _json_lines(rows: Iterable[Record], columns: list[str], header: bool = False) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


_FORMATS = {  # by flag: records to text, and text to records
    "csv": (csv_text, lambda text: csv.DictReader(io.StringIO(text, newline=""))),
    "jsonl": (_json_lines, lambda text: map(json.loads, text.splitlines())),
}
_KIND = "a file of records of demo.py"
_is_records = has_mark(",".join(COLUMNS[:-1]).encode(), b'{"file": "')  # also without `quality`


def outputs(arguments: Arguments) -> list[Output]:
    """The files of --csv and --jsonl."""
    paths = {f"--{flag}": getattr(arguments, flag) for flag in _FORMATS}
    files = {flag: path for flag, path in paths.items() if path not in (None, STDOUT)}
    return [Output(flag, path, _KIND, _is_records) for flag, path in files.items()]


@contextmanager
def record_file(job: Job, flag: str) -> Iterator[Sink]:
    """The file of a flag, csv or jsonl, which begins with the records of an earlier run."""
    columns, (encode, _) = VIDEO_COLUMNS if job.video else COLUMNS, _FORMATS[flag]
    done = [record for result in job.done.values() for record in records(result)]
    with _open(getattr(job.arguments, flag), encode(done, columns, True), bool(done)) as file:

        def write(result: Result) -> None:
            file.write(encode(records(result), columns, False))
            file.flush()  # so that a killed run leaves them

        yield write


@contextmanager
def _open(path: Path, start: str, has_records: bool) -> Iterator[TextIO]:
    """A file with the text `start`, which replaces the file of an earlier run when the block
    succeeds; otherwise its records are kept for --resume."""
    if path == STDOUT:
        sys.stdout.write(start)
        yield sys.stdout
        return
    # surrogateescape: file names that are not UTF-8 are written as their bytes.
    form = {"newline": "", "encoding": "utf-8", "errors": "surrogateescape"}
    with locked(path), replacing(path, keep=True) as partial:
        with atomic(partial) as begun, begun.open("w", **form) as file:
            file.write(start)
        try:
            with partial.open("a", **form) as file:
                yield file
        except BaseException:
            if not has_records and partial.read_bytes() == start.encode():
                remove(partial)
            raise


def read_done(arguments: Arguments) -> dict[str, Result]:
    """Results by name, without pixels, of the images in the --csv or else --jsonl of an interrupted
    run, or else of a finished one.

    The last image counts as incomplete; the other file has all images before it.
    """
    for flag in _FORMATS:
        path = getattr(arguments, flag)
        for file in (partial_of(path), path) if path else ():
            if file.exists():
                by_name = _read(file, *_FORMATS[flag])
                return {n: Result(Frame(n, None, (0, 0)), by_name[n], arguments) for n in by_name}
    return {}


def _read(path: Path, encode: Callable, decode: Callable) -> dict[str, list[FaceEstimate]]:
    """The faces of all images of a file but the last, by the image's name."""
    with wrap_read_errors(path, f"{_KIND} of this version, to --resume"):
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        if text and not text.startswith(encode([], COLUMNS, True)):
            raise ValueError(f"its columns are {text.partition(chr(10))[0]:.200}")
        by_name: dict[str, list[FaceEstimate]] = {}
        for values in decode(text[: text.rfind("\n") + 1]):  # the last line may be incomplete
            faces = by_name.setdefault(values["file"], [])
            if values["face"] not in ("", None):
                faces.append(_face(values))
    return dict(list(by_name.items())[:-1])


def _face(values: dict) -> FaceEstimate:
    """The face of a record, whose values are text or numbers."""
    age, p_female, quality = (float(values[name]) for name in _DIGITS)
    *sides, low, high = (int(values[name]) for name in (*Box._fields, "age_low", "age_high"))
    gender = GENDERS[int(p_female <= 0.5)]
    return FaceEstimate(Box(*sides), age, low, high, gender, p_female, quality, None)
