"""Records of faces, one line per face: CSV and JSON lines."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from ...estimation.estimator import Estimates
from ...faces.images import Box
from ...files import atomic, partial_of, remove, replacing, wrap_read_errors
from ...outputs import Output, has_mark, locked
from ..arguments import STANDARD_OUTPUT, Arguments
from ..job import Job
from ..result import Result, Sink
from ..sources import Frame

COLUMNS = "file face left top right bottom age age_low age_high p_female quality".split()
VIDEO_COLUMNS = ["time", "track"]  # seconds; ID of the face's track
_DIGITS = {"age": 2, "p_female": 4, "quality": 2}  # after the decimal point; others are whole

Record = dict[str, str | int | float | None]


def records(result: Result) -> Iterator[Record]:
    """One record per face; an image without a face has one record without `face`.

    Faces are numbered from 1 within each image. Boxes are in pixels of the image, clipped to it;
    `right` and `bottom` are exclusive.
    """
    estimates, frame = result.estimates, result.frame
    empty = {"file": frame.name, **dict.fromkeys(COLUMNS[1:])}
    if result.tracks is not None:
        empty |= {"time": round(frame.time, 3), "track": None}
    for i, box in enumerate(result.boxes):
        height, width = frame.shape
        edges = max(box.left, 0), max(box.top, 0), min(box.right, width), min(box.bottom, height)
        interval = {"age_low": int(estimates.age_low[i]), "age_high": int(estimates.age_high[i])}
        real = estimates.age[i], estimates.p_female[i], result.quality[i]
        track = {} if result.tracks is None else {"track": result.tracks[i]}
        yield (
            empty
            | {"face": i + 1, **dict(zip(Box._fields, edges, strict=True)), **interval, **track}
            | {k: round(float(x), _DIGITS[k]) for k, x in zip(_DIGITS, real, strict=True)}
        )
    if not result.boxes:
        yield empty


class _Format(NamedTuple):
    """A format of records.

    mark: the beginning of its files.  header: first line for the given columns.
    encode: text of records with the given columns.  decode: records of a text.
    """

    kind: str
    mark: str
    header: Callable[[list[str]], str]
    encode: Callable[[Iterable[Record], list[str]], str]
    decode: Callable[[str], Iterable[dict]]


def csv_header(columns: list[str]) -> str:
    return ",".join(columns) + "\n"


def csv_text(rows: Iterable[Record], columns: list[str]) -> str:
    """Rows of a CSV file of records, without its header."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    for row in rows:
        digits = {} if row["face"] is None else _DIGITS
        writer.writerow(row | {name: f"{row[name]:.{count}f}" for name, count in digits.items()})
    return text.getvalue()


_CSV = _Format(
    "a CSV file of demo.py",
    ",".join(COLUMNS[:-1]),  # also before `quality`
    csv_header,
    csv_text,
    lambda text: csv.DictReader(io.StringIO(text, newline="")),
)
_JSONL = _Format(
    "a file of JSON lines of demo.py",
    '{"file": "',
    lambda columns: "",
    lambda rows, columns: "".join(json.dumps(row) + "\n" for row in rows),
    lambda text: map(json.loads, text.splitlines()),
)


def outputs(arguments: Arguments) -> list[Output]:
    """The files of --csv and --jsonl."""
    named = (("--csv", arguments.csv, _CSV), ("--jsonl", arguments.jsonl, _JSONL))
    return [
        Output(flag, path, format.kind, has_mark(format.mark.encode()))
        for flag, path, format in named
        if path not in (None, STANDARD_OUTPUT)
    ]


def csv_file(job: Job):
    """A context manager that yields a sink into --csv."""
    return _record_file(job, job.arguments.csv, _CSV)


def jsonl_file(job: Job):
    """A context manager that yields a sink into --jsonl."""
    return _record_file(job, job.arguments.jsonl, _JSONL)


@contextmanager
def _record_file(job: Job, path: Path, format: _Format) -> Iterator[Sink]:
    """A file that begins with the records of an earlier run about images that are done."""
    columns = COLUMNS + VIDEO_COLUMNS if job.video else COLUMNS
    kept = [r for r in _read(path, format) if r["file"] in job.done] if job.done else []
    start = format.header(columns) + format.encode(kept, columns)
    with _open(path, start, bool(kept)) as file:

        def write(result: Result) -> None:
            file.write(format.encode(records(result), columns))
            file.flush()  # so that a killed run leaves them

        yield write


@contextmanager
def _open(path: Path, start: str, has_records: bool) -> Iterator[TextIO]:
    """A file with the text `start`, which replaces the file of an earlier run when the block
    succeeds; otherwise its records are kept for --resume."""
    if path == STANDARD_OUTPUT:
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


def read_done(csv_path: Path | None, jsonl_path: Path | None) -> dict[str, Result]:
    """Results by name of the images that are complete in all given files.

    The last image of a file counts as incomplete.
    """
    found = []
    for path, format in ((csv_path, _CSV), (jsonl_path, _JSONL)):
        if path is not None:
            by_name: dict[str, list[Record]] = {}
            for record in _read(path, format):
                by_name.setdefault(record["file"], []).append(record)
            found.append(dict(list(by_name.items())[:-1]))
    names = [name for name in found[0] if all(name in by_name for by_name in found)]
    return {name: restored(name, found[0][name]) for name in names}


def restored(name: str, kept: list[Record]) -> Result:
    """The result of an image, without pixels, from its records."""
    faces = [record for record in kept if record["face"] is not None]
    columns = ("p_female", "age", "age_low", "age_high", "quality")
    *numbers, quality = (np.array([face[column] for face in faces]) for column in columns)
    estimates = Estimates(*numbers, np.empty((len(faces), 0), np.float32))
    boxes = [Box(*(face[side] for side in Box._fields)) for face in faces]
    return Result(Frame(name, None, (0, 0)), boxes, estimates, quality, restored=True)


def _read(path: Path, format: _Format) -> list[Record]:
    """The records of an interrupted run, or else of a finished one."""
    begun = next((file for file in (partial_of(path), path) if file.exists()), None)
    if begun is None:
        return []
    with wrap_read_errors(begun, f"{format.kind} of this version, to --resume"):
        text = begun.read_bytes().decode("utf-8", "surrogateescape")
        if text and not text.startswith(format.header(COLUMNS)):
            raise ValueError(f"its columns are {text.partition(chr(10))[0]:.200}")
        whole = text[: text.rfind("\n") + 1]  # the last line may be incomplete
        return [_record(values) for values in format.decode(whole)]


def _record(values: dict) -> Record:
    """A record from values as text or numbers."""
    record = {"file": values["file"], **dict.fromkeys(COLUMNS[1:])}
    if values["face"] not in ("", None):
        for name in COLUMNS[1:]:
            record[name] = float(values[name]) if name in _DIGITS else int(values[name])
    return record
