"""From a public dataset's folder to a training database."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from ..errors import UserError
from ..faces.finder import FACE_RULES, MISSING, UNDECODABLE, FaceFinder, only_face
from ..faces.images import resize
from ..files import (
    check_folder,
    check_output_place,
    defer_sigint,
    partial_of,
    replacing,
    wrap_write_errors,
)
from ..outputs import Output, begins_with, check_outputs, locked
from ..progress import Progress
from ..workers import map_in_order
from . import curate, database, writing
from .datasets import DATASETS, Records, read_dataset, resolve_options
from .summary import draw_contact_sheet, is_summary, plot_ages

NO_SCORE = -1.0  # `min_score` of datasets without one, as the original toolkit's scripts write it
# States of a record, by code; the first is `writing.TO_DO`.
_STATES = ("", "usable", MISSING, UNDECODABLE, *FACE_RULES)
_USABLE = _STATES.index("usable")
_BYTES_A_TASK = 2**20  # of faces: 85 of 64x64


@dataclass
class Created:
    """The result of `create_database`: rows kept, rows removed by each rule, and files.

    noted: number of kept rows without an age, and without a gender.
    """

    rows: int
    removed: dict[str, int]
    noted: dict[str, int]
    files: list[Path]


@dataclass(frozen=True)
class FaceRule:
    """The choice of a picture's face for a database: the largest one that `finder` finds.

    one_face: reject pictures without exactly one face of at least a tenth of the picture's side.
    whole: keep the whole picture, resized, instead of the face's crop.
    """

    finder: FaceFinder
    one_face: bool = False
    whole: bool = False

    @property
    def size(self) -> int:
        return self.finder.crop.size

    @property
    def is_cropped(self) -> bool:
        """Whether faces are cropped; otherwise the pictures are face crops already."""
        return not self.whole and (self.finder.detector != "none" or self.finder.crop.is_aligned)

    def values(self, margin: float) -> dict[str, float | str]:
        """Fields of the database; `margin` is that of the dataset's pictures."""
        crop = self.finder.crop
        return {
            "img_size": crop.size,
            "margin": crop.margin if self.is_cropped else margin,
            "alignment": crop.alignment,
        }

    def apply(self, picture: str) -> tuple[str, np.ndarray | None, np.ndarray | None]:
        """The reason to leave a picture out, or "", its image, and its face, uint8 (S, S, 3)."""
        found = self.finder.find_in_file(picture, with_image=True)
        reason = found.reason
        if self.one_face and not reason:
            reason = only_face(found.faces, found.image.shape)
        if reason:
            return reason, found.image, None
        if self.whole:
            return "", found.image, resize(found.image, self.size)
        return "", found.image, found.largest_crop


@dataclass(frozen=True)
class _Task:
    """Consecutive records, from row `start` on, to read the faces of."""

    start: int
    pictures: list[str]  # absolute paths
    faces: FaceRule
    digests: bool  # whether to compute digests of the pictures


def create_database(
    output: Path,
    data_dir: Path,
    db: str,
    options: dict[str, object],
    faces: FaceRule,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    mat_version: str = "7.3",
    max_per_age: int | None = None,
    drop_duplicates: bool = False,
    contact_sheet: Path | None = None,
    seed: int = 0,
    resume: bool = False,
) -> Created:
    """Clean the labels of the dataset `db` in `data_dir`, and write its faces to `output`.

    options: of the dataset's reader, by name; see `datasets.DATASETS`.
    workers, scheduler: see `workers.map_in_order`.

    Writes next to `output` `{stem}.removed.csv` (rows removed by each rule), `{stem}.skipped.csv`
    (pictures left out, with reasons) and `{stem}.png` (age by gender). A run that fails or is
    killed leaves `.{stem}.partial.mat`, if it contains a face, for `resume`.
    Raises `UserError` for errors that the user can fix.
    """
    check_folder(data_dir)
    if DATASETS[db].photos and not faces.is_cropped:
        raise UserError(f"--db {db}: its pictures are photos, expected --detect or --align as well")
    outputs = _outputs(output, contact_sheet)
    options = resolve_options(db, options)
    inputs = [(f"--{name}", value) for name, value in options.items() if isinstance(value, Path)]
    check_outputs(outputs, inputs)
    files = [written.path for written in outputs]
    faces.finder.load()
    img_size = faces.size
    records = read_dataset(db, data_dir, **options)
    if records.table.empty:
        raise UserError(f"{data_dir}: no row is left, {_reasons(records.removed)}")
    database.check_fits(mat_version, len(records.table), img_size)
    about = (str(data_dir), db, options, asdict(faces), drop_duplicates)
    fingerprint = _fingerprint((*about, max_per_age, seed, mat_version), records.table)
    with locked(output), ExitStack() as finishing, _replacing_all(files, resume) as partials:
        partial, *further = partials
        if not (resume and _can_resume(partial, fingerprint)):
            _start(partial, records.table, img_size, fingerprint)
        with closing(writing.FaceSlots(partial)) as slots:
            tasks = _tasks(slots, data_dir, records.table, faces, drop_duplicates)
            _fill(slots, tasks, faces, workers, scheduler, data_dir)
        kept, removed, skipped = _select(records, slots, max_per_age, drop_duplicates, seed)
        if not len(kept):
            partial.unlink()
            raise UserError(f"{data_dir}: no picture is left, {_reasons(removed)}")
        values = {"db": db, "min_score": options.get("min_score", NO_SCORE)}
        values |= faces.values(records.margin)
        finishing.enter_context(defer_sigint())  # until every file has its name
        writing.finish(partial, records.table, kept, values, mat_version)
        table = records.table.iloc[kept]
        _write_further(further, table, removed, skipped)
        if contact_sheet:
            with wrap_write_errors(further[-1]):  # it may be on another disk than the database
                draw_contact_sheet(database.open_database(partial), seed, further[-1])
    counts = {"age": table["age_low"].isna().sum(), "gender": table["gender"].isna().sum()}
    noted = {f"{label} unknown": int(count) for label, count in counts.items() if count}
    return Created(len(table), removed, noted, files)


def _outputs(output: Path, contact_sheet: Path | None) -> list[Output]:
    """The files to write: the database, those next to it, and the contact sheet."""
    check_output_place(output)
    kinds = [
        ("", "a database", database.is_database),
        (".removed.csv", "rows by rule", begins_with(b"rule,rows")),
        (".skipped.csv", "a list of pictures left out", begins_with(b"path,reason")),
        (".png", "a histogram of create_db.py", is_summary),
    ]
    outputs = [
        Output("--output", output.with_suffix(end) if end else output, kind, is_kind)
        for end, kind, is_kind in kinds
    ]
    if contact_sheet:
        kind = "a contact sheet of create_db.py"
        outputs.append(Output("--contact_sheet", contact_sheet, kind, is_summary))
    return outputs


@contextmanager
def _replacing_all(files: list[Path], resume: bool) -> Iterator[list[Path]]:
    """As `replacing`, for the database and the files next to it: all are replaced, or none.

    If the run fails, the partial database is kept if it contains a face.
    """
    partial = partial_of(files[0])
    try:
        with ExitStack() as stack:
            further = [stack.enter_context(replacing(path)) for path in files[1:]]
            stack.enter_context(replacing(files[0], BaseException, resume))
            stack.push(lambda failed, *_: failed and _remove_without_work(partial))
            yield [partial, *further]
    except KeyboardInterrupt:
        if not partial.exists():
            raise
        raise KeyboardInterrupt("resume with the same command and --resume") from None
    finally:
        if not partial.exists():
            writing.journal_of(partial).unlink(missing_ok=True)


def _remove_without_work(partial: Path) -> None:
    if writing.read_fingerprint(partial) is None:
        return
    with closing(writing.FaceSlots(partial)) as slots:
        has_work = slots.has_work
    if not has_work:
        partial.unlink()


def _write_further(
    files: list[Path], table: pd.DataFrame, removed: dict[str, int], skipped: list[tuple[str, str]]
) -> None:
    """Write the rows by rule, the pictures left out, and the histogram of age by gender."""
    rules = [*removed.items(), ("left", len(table))]
    pd.DataFrame(rules, columns=["rule", "rows"]).to_csv(files[0], index=False)
    left_out = pd.DataFrame(skipped, columns=["path", "reason"])
    left_out.to_csv(files[1], index=False, errors="backslashreplace")  # file names are bytes
    plot_ages(table, files[2])


def _fingerprint(about: tuple, table: pd.DataFrame) -> str:
    digest = hashlib.sha256(repr(about).encode())
    for name, values in table.items():
        if name in database.TEXTS:  # names that are not UTF-8 have lone surrogates
            digest.update("\0".join(values).encode(errors="surrogatepass"))
        else:
            digest.update(values.to_numpy(np.float64))
    return digest.hexdigest()


def _can_resume(partial: Path, fingerprint: str) -> bool:
    """Whether an interrupted run left a file; `UserError` if it was another run."""
    if partial.exists() and writing.read_fingerprint(partial) != fingerprint:
        raise UserError(
            f"--resume: expected {partial} to be of the same dataset and arguments, received "
            "different ones; pass the same, or start over without --resume"
        )
    return partial.exists()


def _start(partial: Path, table: pd.DataFrame, img_size: int, fingerprint: str) -> None:
    """Allocate the file if the disk has room for it."""
    needed, free = writing.bytes_needed(table, img_size), shutil.disk_usage(partial.parent).free
    size = f"{len(table):,} pictures of {img_size}x{img_size}"
    print(f"{size} take {needed:,} bytes, {free:,} are free", flush=True)
    if needed > free:
        raise UserError(
            f"{partial.parent}: expected {needed:,} free bytes for {size}, {free:,} are free; "
            "make room or choose a smaller --img_size"
        )
    writing.allocate(partial, table, img_size, fingerprint)


def _tasks(
    slots: writing.FaceSlots,
    data_dir: Path,
    table: pd.DataFrame,
    faces: FaceRule,
    digests: bool,
) -> Iterator[_Task]:
    """Tasks for the rows that are not read yet."""
    length = max(1, _BYTES_A_TASK // database.image_bytes(1, faces.size))
    folder = os.path.abspath(data_dir)
    for start in range(0, len(table), length):
        rows = np.arange(start, min(start + length, len(table)))
        if (slots.state[rows] == writing.TO_DO).any():
            pictures = [os.path.join(folder, path) for path in table["path"].iloc[rows]]
            yield _Task(start, pictures, faces, digests)


def _fill(
    slots: writing.FaceSlots,
    tasks: Iterable[_Task],
    faces: FaceRule,
    workers: int | None,
    scheduler: str | None,
    data_dir: Path,
) -> None:
    """Read the faces of all tasks and write them; only this process writes to the file."""
    # Threads if OpenCV does all the work, which releases Python's lock.
    threads = not (faces.is_cropped or faces.one_face)
    found = map_in_order(
        _read_faces, tasks, workers=workers, threads=threads, scheduler=scheduler, folder=data_dir
    )
    with closing(found), Progress(len(slots.state), "pictures") as progress:
        progress.update(int((slots.state != writing.TO_DO).sum()))
        for start, images, state, digest in found:
            slots.write(start, images, state, digest)
            progress.update(len(state))


def _read_faces(task: _Task) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """The first row of a task, its faces, uint8 (n, S, S, 3), their states, uint8 (n,), and
    digests, uint8 (n, 16)."""
    cv2.setNumThreads(1)  # one picture per worker
    size = task.faces.size
    state = np.zeros(len(task.pictures), np.uint8)
    digest = np.zeros((len(state), writing.DIGEST_BYTES), np.uint8)
    faces = np.zeros((len(state), size, size, 3), np.uint8)
    for i, picture in enumerate(task.pictures):
        reason, image, face = task.faces.apply(picture)
        if not reason:
            faces[i] = face
            if task.digests:
                digest[i] = _digest(image)
        state[i] = _STATES.index(reason or "usable")
    return task.start, faces, state, digest


def _digest(image: np.ndarray) -> np.ndarray:
    """A hash of the pixels, uint8 (16,)."""
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=writing.DIGEST_BYTES)
    digest.update(image)
    return np.frombuffer(digest.digest(), np.uint8)


def _select(
    records: Records,
    slots: writing.FaceSlots,
    max_per_age: int | None,
    drop_duplicates: bool,
    seed: int,
) -> tuple[np.ndarray, dict[str, int], list[tuple[str, str]]]:
    """Kept rows, int64, ascending; rows removed by each rule; pictures left out, with reasons."""
    table, removed, skipped = records.table, dict(records.removed), list(records.skipped)
    reasons = np.array(_STATES, object)[slots.state]
    usable = slots.state == _USABLE
    for code, rule in enumerate(_STATES):
        count = int((slots.state == code).sum())
        if rule in (MISSING, UNDECODABLE) or (rule in FACE_RULES and count):
            removed[rule] = count
    kept = np.flatnonzero(usable)
    if drop_duplicates:
        dropped = np.zeros(len(kept), bool)
        found = curate.find_duplicates(table.iloc[kept], slots.digest[kept])
        for rule, rows in found.items():
            reasons[kept[rows]] = rule
            removed[rule] = int(rows.sum())
            dropped |= rows
        kept = kept[~dropped]
    listed = reasons != "usable"
    skipped += zip(table["path"][listed], reasons[listed], strict=True)
    if max_per_age:
        dropped = curate.over_cap(table.iloc[kept], max_per_age, seed)
        removed[curate.OVER_CAP] = int(dropped.sum())
        kept = kept[~dropped]
    return kept, removed, skipped


def _reasons(removed: dict[str, int]) -> str:
    total = sum(removed.values())
    rules = "; ".join(f"{rule}: {rows:,}" for rule, rows in removed.items() if rows)
    return f"removed of {total:,} read: {rules}" if total else "the dataset is empty"
