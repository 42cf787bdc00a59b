"""Records of faces, one line per face: CSV and JSON lines."""

import csv
import io
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np

from ...errors import UserError
from ...estimation.estimator import Estimates
from ...faces.images import Box
from ...files import atomic, partial_of, read_input_file, replacing
from ...outputs import Output, begins_with, locked
from ..job import STANDARD_OUTPUT, Job
from ..result import Result, Sink
from ..sources import Picture

COLUMNS = "file face left top right bottom age age_low age_high p_female".split()
VIDEO_COLUMNS = ["time", "track"]  # seconds; number of the face's track
_MAX_BYTES = 2**30  # of a file to resume

Record = dict[str, str | int | float | None]


def records(result: Result) -> Iterator[Record]:
    """One record per face; a picture without a face has one record without `face`.

    Boxes are in pixels of the picture, clipped to it; `right` and `bottom` are exclusive.
    """
    estimates, picture = result.estimates, result.picture
    height, width = picture.image.shape[:2]
    video = {} if result.tracks is None else {"time": round(picture.time, 3), "track": None}
    for i, box in enumerate(result.boxes):
        if video:
            video["track"] = result.tracks[i]
        yield {
            "file": picture.name,
            "face": i,
            "left": max(box.left, 0),
            "top": max(box.top, 0),
            "right": min(box.right, width),
            "bottom": min(box.bottom, height),
            "age": round(float(estimates.age[i]), 2),
            "age_low": int(estimates.age_low[i]),
            "age_high": int(estimates.age_high[i]),
            "p_female": round(float(estimates.p_female[i]), 4),
            **video,
        }
    if not result.boxes:
        yield {"file": picture.name, **dict.fromkeys(COLUMNS[1:]), **video}


def csv_outputs(job: Job) -> list[Output]:
    is_ours = begins_with(",".join(COLUMNS).encode())
    return _outputs("--csv", job.args.csv, "a CSV file of demo.py", is_ours)


def jsonl_outputs(job: Job) -> list[Output]:
    is_ours = begins_with(b'{"file": "')
    return _outputs("--jsonl", job.args.jsonl, "a file of JSON lines of demo.py", is_ours)


def _outputs(flag: str, path: Path, kind: str, is_kind: Callable) -> list[Output]:
    return [] if path == STANDARD_OUTPUT else [Output(flag, path, kind, is_kind)]


@contextmanager
def csv_file(job: Job) -> Iterator[Sink]:
    """A CSV file, which begins with the rows of an earlier run about pictures that are done."""
    columns = COLUMNS + VIDEO_COLUMNS if job.video else COLUMNS
    kept = [row for row in _read_csv(job.args.csv) if row["file"] in job.done] if job.done else []
    with _file(job.args.csv, job, csv_text(columns, kept)) as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")

        def write(result: Result) -> None:
            writer.writerows(map(_as_text, records(result)))
            file.flush()  # so that a killed run leaves them

        yield write


@contextmanager
def jsonl_file(job: Job) -> Iterator[Sink]:
    """A file of JSON lines, which begins with those of an earlier run about pictures done."""
    kept = [r for r in _read_jsonl(job.args.jsonl) if r["file"] in job.done] if job.done else []
    with _file(job.args.jsonl, job, "".join(map(_as_json, kept))) as file:

        def write(result: Result) -> None:
            file.writelines(map(_as_json, records(result)))
            file.flush()

        yield write


def read_done(csv_path: Path | None, jsonl_path: Path | None) -> dict[str, Result]:
    """Results by name of the pictures that are complete in all given files.

    The last picture of a file counts as incomplete.
    """
    found = []
    for reader, path in ((_read_csv, csv_path), (_read_jsonl, jsonl_path)):
        if path is None:
            continue
        by_name: dict[str, list[Record]] = {}
        last = None
        for record in reader(path):
            last = record["file"]
            by_name.setdefault(last, []).append(record)
        by_name.pop(last, None)
        found.append(by_name)
    names = [name for name in found[0] if all(name in by_name for by_name in found)]
    return {name: _restored(name, found[0][name]) for name in names}


def _restored(name: str, kept: list[Record]) -> Result:
    faces = [record for record in kept if record["face"] is not None]
    columns = ("p_female", "age", "age_low", "age_high")
    numbers = (np.array([face[column] for face in faces]) for column in columns)
    estimates = Estimates(*numbers, np.empty((len(faces), 0), np.float32))
    boxes = [Box(*(face[side] for side in Box._fields)) for face in faces]
    picture = Picture(name, np.empty((0, 0, 3), np.uint8))
    return Result(picture, boxes, estimates, np.empty((0, 0, 0, 3), np.uint8), restored=True)


@contextmanager
def _file(path: Path, job: Job, beginning: str) -> Iterator[TextIO]:
    """A file for records after `beginning`, which replaces the file of an earlier run at once."""
    if path == STANDARD_OUTPUT:
        sys.stdout.write(beginning)
        yield sys.stdout
        return
    # surrogateescape: file names that are not UTF-8 are written as their bytes.
    form = {"newline": "", "encoding": "utf-8", "errors": "surrogateescape"}
    # Records of an earlier run are kept if this one fails.
    keep_on = BaseException if job.args.resume else KeyboardInterrupt
    with locked(path), replacing(path, keep_on=keep_on, resume=True) as partial:
        with atomic(partial) as begun, begun.open("w", **form) as file:
            file.write(beginning)
        with partial.open("a", **form) as file:
            yield file


def csv_text(columns: list[str], rows: Iterable[Record]) -> str:
    """The content of a CSV file of records."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(_as_text, rows))
    return text.getvalue()


def _as_text(record: Record) -> Record:
    """A record with its numbers as the CSV file has them."""
    if record["face"] is None:
        return record
    return {**record, "age": f"{record['age']:.2f}", "p_female": f"{record['p_female']:.4f}"}


def _as_json(record: Record) -> str:
    return json.dumps(record) + "\n"


def _read_csv(path: Path) -> list[Record]:
    begun, text = _begun(path)
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        header = next(rows, COLUMNS)
        if header != COLUMNS:
            raise UserError(
                f"--resume: expected the columns {', '.join(COLUMNS)} in {begun}, found "
                f"{', '.join(header):.200}; name another --csv"
            )
        return _parsed("--csv", begun, (dict(zip(COLUMNS, row, strict=False)) for row in rows))
    except csv.Error as error:
        raise UserError(f"--resume: {begun} is not a CSV file of demo.py: {error}") from error


def _read_jsonl(path: Path) -> list[Record]:
    begun, text = _begun(path)

    def values() -> Iterator[dict]:
        for line in text.splitlines():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                yield {}

    return _parsed("--jsonl", begun, values())


def _begun(path: Path) -> tuple[Path, str]:
    """The file of an interrupted run, or else of a finished one, and its content."""
    begun = next((file for file in (partial_of(path), path) if file.exists()), None)
    if begun is None:
        return path, ""
    content = read_input_file(begun, "records of demo.py", _MAX_BYTES)
    return begun, content.decode("utf-8", "surrogateescape")


def _parsed(flag: str, path: Path, lines: Iterable) -> list[Record]:
    """Records from dicts of text or numbers; the last one may be incomplete."""
    found, broken = [], None
    for number, values in enumerate(lines, 1):
        if broken:
            raise UserError(
                f"--resume: expected a record of demo.py in record {broken} of {path}; name "
                f"another {flag}"
            )
        record = _record(values)
        if record is None:
            broken = number
        else:
            found.append(record)
    return found


def _record(values) -> Record | None:
    """A record, or None if a value is missing or invalid in its column."""
    try:
        name, *others = (values[column] for column in COLUMNS)
        if not isinstance(name, str) or not name:
            return None
        if all(value in ("", None) for value in others):
            return {"file": name, **dict.fromkeys(COLUMNS[1:])}
        numbers = dict(zip(COLUMNS[1:], map(float, others), strict=True))
    except (KeyError, OverflowError, TypeError, ValueError):
        return None
    if not all(math.isfinite(value) and abs(value) < 1e6 for value in numbers.values()):
        return None
    real = ("age", "p_female")
    return {"file": name} | {k: v if k in real else int(v) for k, v in numbers.items()}
