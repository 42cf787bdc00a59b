"""From a public dataset's folder to a training database."""

import os
import shutil
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from src.data import database
from src.data.datasets import Options, Records, get_reader
from src.data.images import ImageError, read_image, resize
from src.errors import UserError
from src.files import check_folder, check_output_file, replacing
from src.progress import Progress

MISSING, UNDECODABLE = "picture missing", "picture undecodable"
_BYTES_A_TASK = 2**21  # of faces: 170 of 64x64; what waits to be written takes this much a task


@dataclass
class Created:
    """What `create_database` made: the rows in it, those removed by each rule, and the files."""

    rows: int
    removed: dict[str, int]
    files: list[Path]


@dataclass
class _Decoded:
    """A run of records: the faces that could be read, their records, and what was skipped."""

    faces: np.ndarray  # uint8 (n, S, S, 3), BGR
    table: pd.DataFrame  # n rows
    skipped: list[tuple[str, str]]  # path, reason


def create_database(
    output: Path,
    db: str,
    data_dir: Path,
    img_size: int,
    min_score: float,
    workers: int | None = None,
    mat_version: str = "7.3",
) -> Created:
    """Clean the labels of the dataset `db` in `data_dir`, and write its faces to `output`.

    Beside `output` it leaves `{stem}.removed.csv` (rows that each rule removed),
    `{stem}.skipped.csv` (pictures missing or undecodable) and `{stem}.png` (age by gender). Raises
    `UserError` for what a person can fix, and then leaves nothing.
    """
    files = [output, *(output.with_suffix(end) for end in (".removed.csv", ".skipped.csv", ".png"))]
    for path in files:
        check_output_file(path)
    if output in files[1:]:
        raise UserError(f"{output}: expected a name that ends in .mat; a picture takes this one")
    check_folder(data_dir)
    records = get_reader(db)(data_dir, Options(db, min_score))
    if records.table.empty:
        raise UserError(f"{data_dir}: no row is left, {_reasons(records.removed)}")
    database.check_fits(mat_version, len(records.table), img_size)
    _check_space(output, len(records.table), img_size)
    workers = workers or os.cpu_count()
    values = {"db": db, "min_score": min_score, "margin": records.margin, "align": "none"}
    return _write(files, data_dir, records, img_size, workers, mat_version, values)


def _write(
    files: list[Path],
    data_dir: Path,
    records: Records,
    img_size: int,
    workers: int,
    mat_version: str,
    values: dict[str, float | str],
) -> Created:
    widths = {name: database.text_width(records.table[name]) for name in database.TEXTS}
    kept, skipped = [], []
    with ExitStack() as stack:  # all the files appear, or none
        by_rule, by_picture, ages = (stack.enter_context(replacing(path)) for path in files[1:])
        writer = stack.enter_context(database.writing(files[0], img_size, widths, mat_version))
        for name, value in values.items():
            writer.put(name, value)
        pictures = _decode(data_dir, records.table, img_size, workers)
        for decoded in stack.enter_context(closing(pictures)):
            writer.append(decoded.faces, _columns(decoded.table))
            kept.append(decoded.table)
            skipped += decoded.skipped
        reasons = [reason for _, reason in skipped]
        removed = records.removed | {r: reasons.count(r) for r in (MISSING, UNDECODABLE)}
        if not writer.rows:
            raise UserError(f"{data_dir}: no picture is left, {_reasons(removed)}")
        rows = [*removed.items(), ("left", writer.rows)]
        pd.DataFrame(rows, columns=["rule", "rows"]).to_csv(by_rule, index=False)
        pd.DataFrame(skipped, columns=["path", "reason"]).to_csv(by_picture, index=False)
        _plot_ages(pd.concat(kept, ignore_index=True), ages)
    return Created(writer.rows, removed, files)


def _decode(data_dir: Path, table: pd.DataFrame, img_size: int, workers: int) -> Iterator[_Decoded]:
    """Read the pictures in parallel, in the table's order, some tasks ahead and no more."""
    length = max(1, _BYTES_A_TASK // database.image_bytes(1, img_size))
    tasks = (table.iloc[start : start + length] for start in range(0, len(table), length))
    pool = ThreadPoolExecutor(workers)  # OpenCV decodes and resizes outside Python's lock
    running = deque()
    try:
        with Progress(len(table), "pictures") as progress:
            for task in tasks:
                running.append(pool.submit(_decode_task, data_dir, task, img_size))
                if len(running) > 2 * workers:
                    yield _next(running, progress)
            while running:
                yield _next(running, progress)
    finally:
        pool.shutdown(cancel_futures=True)


def _next(running: deque, progress: Progress) -> _Decoded:
    decoded = running.popleft().result()
    progress.update(len(decoded.faces) + len(decoded.skipped))
    return decoded


def _decode_task(data_dir: Path, table: pd.DataFrame, img_size: int) -> _Decoded:
    faces = np.empty((len(table), img_size, img_size, 3), np.uint8)
    readable, skipped = [], []
    for row, path in enumerate(table["path"]):
        try:
            faces[len(readable)] = resize(read_image(data_dir / path), img_size)
            readable.append(row)
        except FileNotFoundError:
            skipped.append((path, MISSING))
        except ImageError:
            skipped.append((path, UNDECODABLE))
    return _Decoded(faces[: len(readable)], table.iloc[readable], skipped)


def _columns(table: pd.DataFrame) -> dict[str, np.ndarray]:
    columns = {
        name: table[name].to_numpy()
        for name in (*database.COLUMNS, *database.TEXTS)
        if name != "age"
    }
    return columns | {"age": (columns["age_low"] + columns["age_high"]) / 2}


def _check_space(output: Path, rows: int, img_size: int) -> None:
    needed, free = database.image_bytes(rows, img_size), shutil.disk_usage(output.parent).free
    if needed > free:
        raise UserError(
            f"{output.parent}: expected {needed:,} free bytes for {rows:,} pictures of "
            f"{img_size}x{img_size}, {free:,} are free; make room or choose a smaller --img_size"
        )


def _reasons(removed: dict[str, int]) -> str:
    total = sum(removed.values())
    rules = "; ".join(f"{rule}: {rows:,}" for rule, rows in removed.items() if rows)
    return f"of {total:,} read were removed: {rules}" if total else "the dataset is empty"


def _plot_ages(table: pd.DataFrame, path: Path) -> None:
    """Save a histogram of age by gender as a PNG."""
    from matplotlib.figure import Figure

    from src.labels import GENDERS, MAX_AGE

    middle = (table["age_low"] + table["age_high"]) / 2
    parts = [middle[table["gender"] == code].dropna() for code in range(len(GENDERS))]
    labels = [f"{name} ({len(part):,})" for name, part in zip(GENDERS, parts, strict=True)]
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    axes.hist(parts, bins=np.arange(MAX_AGE + 2) - 0.5, stacked=True, label=labels)
    axes.set(xlabel="age in years", ylabel="faces", title=f"{len(table):,} faces")
    axes.legend()
    figure.savefig(path, format="png", dpi=100)
