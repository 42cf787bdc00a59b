"""The demo's results as files of records, one line a face: CSV and JSON lines."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from src.demo.result import Result
from src.errors import UserError
from src.files import partial_of, replacing

COLUMNS = "file face left top right bottom age age_low age_high p_female".split()
VIDEO_COLUMNS = ["time", "track"]  # seconds; the face's number along the video

Record = dict[str, str | int | float | None]
Write = Callable[[Result], bool]


def records(result: Result) -> Iterator[Record]:
    """One for each face; a picture without a face is one without `face`.

    Boxes are in pixels of the picture, within it; `right` and `bottom` are outside the face.
    """
    said, picture = result.estimates, result.picture
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
            "age": round(float(said.age[i]), 2),
            "age_low": int(said.age_low[i]),
            "age_high": int(said.age_high[i]),
            "p_female": round(float(said.p_female[i]), 4),
            **video,
        }
    if not result.boxes:
        yield {"file": picture.name, **dict.fromkeys(COLUMNS[1:]), **video}


@contextmanager
def csv_file(
    path: Path, video: bool = False, done: frozenset[str] = frozenset()
) -> Iterator[Write]:
    """A sink into a CSV file, which begins with the rows that it has of the pictures `done`."""
    columns = COLUMNS + VIDEO_COLUMNS if video else COLUMNS
    kept = [row for row in _read_csv(path) if row["file"] in done] if done else []
    with _file(path, bool(done)) as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)
        file.flush()

        def write(result: Result) -> bool:
            writer.writerows(map(_as_text, records(result)))
            file.flush()  # so that a run that is killed has them
            return True

        yield write


@contextmanager
def jsonl_file(path: Path, done: frozenset[str] = frozenset()) -> Iterator[Write]:
    """A sink into a file of JSON lines, which begins with those it has of the pictures `done`."""
    kept = [record for record in _read_jsonl(path) if record["file"] in done] if done else []
    with _file(path, bool(done)) as file:
        file.writelines(map(_as_json, kept))
        file.flush()

        def write(result: Result) -> bool:
            file.writelines(map(_as_json, records(result)))
            file.flush()
            return True

        yield write


def pictures_done(csv_path: Path | None, jsonl_path: Path | None) -> frozenset[str]:
    """Names of the pictures that all given files have all faces of, to go on after them."""
    read = [(_read_csv, csv_path), (_read_jsonl, jsonl_path)]
    done = []
    for reader, path in read:
        if path:
            names = [record["file"] for record in reader(path)]
            done.append({name for name in names if name != names[-1]})  # which may lack faces
    return frozenset(set.intersection(*done))


@contextmanager
def _file(path: Path, resumed: bool) -> Iterator[TextIO]:
    # What an earlier run has found outlives any failure of this one.
    with (
        replacing(path, keep_on=BaseException if resumed else KeyboardInterrupt) as partial,
        # surrogateescape: a file name that is not UTF-8 is written as the bytes it is.
        partial.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        yield file


def _as_text(record: Record) -> Record:
    if record["face"] is None:
        return record
    return {**record, "age": f"{record['age']:.2f}", "p_female": f"{record['p_female']:.4f}"}


def _as_json(record: Record) -> str:
    return json.dumps(record) + "\n"


def _begun(path: Path) -> Path | None:
    """What a run left that did not end, else what one that did."""
    return next((file for file in (partial_of(path), path) if file.is_file()), None)


def _read_csv(path: Path) -> list[dict[str, str]]:
    begun = _begun(path)
    if begun is None:
        return []
    with begun.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames is not None and reader.fieldnames != COLUMNS:
            raise UserError(
                f"--resume: expected the columns {', '.join(COLUMNS)} in {begun}, found "
                f"{', '.join(reader.fieldnames)}; name another --csv"
            )
        return [row for row in reader if None not in row.values()]  # the last may be cut short


def _read_jsonl(path: Path) -> list[Record]:
    begun = _begun(path)
    if begun is None:
        return []
    found = []
    lines = begun.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            found.append({name: record[name] for name in COLUMNS})
        except (ValueError, TypeError, KeyError) as error:
            if number < len(lines):  # the last may be cut short
                raise UserError(
                    f"--resume: expected a record of this demo in line {number} of {begun}; "
                    "name another --jsonl"
                ) from error
    return found
