"""From a public dataset's folder to a training database."""

import hashlib
import os
import shutil
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import UserError
from ..faces.crop import FaceCrop
from ..faces.detectors import DEFAULT_DETECTOR
from ..faces.finder import MISSING, UNDECODABLE, FaceFinder
from ..files import atomic, check_folder, check_output_path, wrap_write_errors
from ..outputs import Output, check_outputs, has_mark, locked
from ..progress import Progress
from ..workers import map_in_order
from . import curate
from .arguments import Arguments
from .database import open_database
from .datasets import DATASETS, Records, read_dataset
from .reading import FACE_RULES, STATES, USABLE, FaceReader
from .summary import draw_faces, is_summary, plot_ages
from .writing import TO_DO, FaceSlots, image_bytes, is_own, write_database

NO_SCORE = -1.0  # `min_score` of datasets without one, as the original toolkit's scripts write it
_SAMPLE = 50  # images in which faces are searched
_FILLED = 0.3  # width of a face in an image that is a face crop, in widths of the image
_BYTES_PER_TASK = 2**20  # of faces: 85 of 64x64
_V5_LIMIT = 2**32  # bytes of one variable in scipy's files


def create_database(args: Arguments) -> tuple[dict[str, int], list[Path]]:
    """Clean the labels of a dataset and write its faces to `args.output`.

    Writes next to the database `{stem}.removed.csv` (rows removed by each rule),
    `{stem}.skipped.csv` (skipped images, with reasons) and `{stem}.png` (age by gender). A run
    that fails or is killed leaves `writing.FaceSlots` for `args.resume`.

    Returns:
        Numbers of rows: read, removed by each rule, kept, and kept without an age or a gender; and
        the written files.

    Raises:
        UserError: for errors that the user can fix.
    """
    check_folder(args.folder)
    outputs = _outputs(args)
    records = read_dataset(args.db, args.folder, **args.options)
    if records.table.empty:
        raise UserError(f"{args.folder}: no row is left, {_reasons(records.removed)}")
    reader = _reader(args, records)
    values = {"db": args.db, "min_score": args.options.get("min_score", NO_SCORE)}
    values |= {"img_size": args.img_size, "alignment": args.alignment}
    values |= {"margin": records.margin if reader.whole else args.crop_margin}
    with ExitStack() as stack:
        stack.enter_context(locked(args.output))
        slots = _slots(args, records.table, reader)
        stack.enter_context(wrap_write_errors(args.output, slots.path))
        stack.enter_context(slots)
        _fill(slots, args, records.table, reader)
        labels, kept, removed, skipped = _select(records, slots.records, args)
        if not len(kept):
            slots.remove()
            raise UserError(f"{args.folder}: no image is left, {_reasons(removed)}")
        table = labels.iloc[kept]
        partials = [stack.enter_context(atomic(output.path)) for output in outputs]
        write_database(partials[0], slots, labels, kept, values, args.mat_version)
        counts = removed | {"kept": len(table)}
        rules = pd.DataFrame(counts.items(), columns=["rule", "rows"])
        rules.to_csv(partials[1], index=False)
        skipped.to_csv(partials[2], index=False, errors="backslashreplace")
        plot_ages(table, partials[3])
        if args.contact_sheet:
            draw_faces(table, open_database(partials[0]).image, args.seed, partials[4])
    counts = {"read": sum(counts.values())} | counts
    for label, column in (("age", "age_low"), ("gender", "gender")):
        if table[column].isna().any():
            counts[f"of these, {label} unknown"] = int(table[column].isna().sum())
    return counts, [output.path for output in outputs]


def _outputs(args: Arguments) -> list[Output]:
    """The files to write, checked: the database, the files next to it, and the contact sheet."""
    check_output_path(args.output)
    kinds = [
        ("", "a database of create_db.py", is_own),
        (".removed.csv", "rows by rule", has_mark(b"rule,rows")),
        (".skipped.csv", "a list of skipped images", has_mark(b"path,reason")),
        (".png", "a histogram of create_db.py", is_summary),
    ]
    outputs = [
        Output("--output", args.output.with_suffix(end) if end else args.output, kind, is_kind)
        for end, kind, is_kind in kinds
    ]
    if args.contact_sheet:
        kind = "a contact sheet of create_db.py"
        outputs.append(Output("--contact_sheet", args.contact_sheet, kind, is_summary))
    inputs = {"exclude": args.exclude} | args.options
    paths = {f"--{name}": value for name, value in inputs.items() if isinstance(value, Path)}
    check_outputs(outputs, paths.items())
    return outputs


def _reader(args: Arguments, records: Records) -> FaceReader:
    """The reader of the dataset's faces, with its detector loaded."""
    boxes = records.table["box"].notna()
    whole = not (args.crops or boxes.any())
    if (DATASETS[args.db].photos or boxes.any()) and not (args.crops or boxes.all()):
        raise UserError(f"--db {args.db}: its images are photos; add --detect or --align")
    if whole and args.margin is not None:
        raise UserError("--margin requires --detect or --align")
    detector = args.detector if args.crops or args.one_face else "none"
    crop = FaceCrop(args.img_size, args.crop_margin, args.alignment)
    finder = FaceFinder(detector, args.min_face, crop)
    finder.load()
    if whole and np.isnan(records.margin) and not args.whole_image:
        _check_filled(args, records.table["path"])
    return FaceReader(finder, args.one_face, whole, args.drop_duplicates)


def _check_filled(args: Arguments, paths: pd.Series) -> None:
    """Raise `UserError` if faces are small in a sample of the images: they would be squashed."""
    sample = [args.folder / path for path in paths.sample(min(len(paths), _SAMPLE), random_state=0)]
    finder = FaceFinder(DEFAULT_DETECTOR, None, FaceCrop(1))
    shares = [
        max(face.box.right - face.box.left for face in found.faces) / found.shape[1]
        for found in finder.find_all(sample)
        if found.faces
    ]
    if shares and np.median(shares) < _FILLED:
        raise UserError(
            f"--db {args.db}: expected images filled by a face, but in a sample of {len(sample)} "
            f"the median face is {np.median(shares):.2f} of the image wide; crop the faces by "
            "--detect or --align, or keep whole images by --whole_image"
        )


def _slots(args: Arguments, table: pd.DataFrame, reader: FaceReader) -> FaceSlots:
    """The slots of the faces, new or of the run to resume. Prints the needed disk space; raises
    `UserError` if it exceeds the disk's or the format's."""
    faces = repr((str(args.folder), args.db, args.options, reader, table.to_numpy().tolist()))
    run = hashlib.sha256(faces.encode()).hexdigest()  # of all that the faces depend on
    slots = FaceSlots(args.output, len(table), args.img_size, run, args.resume)
    size = f"{len(table):,} images of {args.img_size}x{args.img_size}"
    whole = image_bytes(len(table), args.img_size)
    if args.mat_version == "5" and whole >= _V5_LIMIT:
        raise UserError(
            f"--mat_version 5: expected less than {_V5_LIMIT:,} bytes of images, {size} take "
            f"{whole:,}; use --mat_version 7.3 or a smaller --img_size"
        )
    needed = 2 * whole - image_bytes(slots.done, args.img_size)
    free = shutil.disk_usage(args.output.parent).free
    needs = f"{needed:,} bytes of disk needed, {whole:,} at the end, {free:,} free"
    print(f"{size}: {needs}", flush=True)
    if needed > free:
        raise UserError(
            f"{args.output.parent}: expected {needed:,} free bytes for {size}, {free:,} are free; "
            "make room or choose a smaller --img_size"
        )
    return slots


def _fill(slots: FaceSlots, args: Arguments, table: pd.DataFrame, reader: FaceReader) -> None:
    """Read the faces of the records without a state; only this process writes them."""
    folder = os.path.abspath(args.folder)
    paths = [f"{folder}/{path}" for path in table["path"]]
    boxes = table["box"].tolist()
    length = max(1, _BYTES_PER_TASK // image_bytes(1, args.img_size))
    to_do = slots.records["state"] == TO_DO
    starts = [start for start in range(0, len(table), length) if to_do[start:][:length].any()]
    tasks = ((paths[start:][:length], boxes[start:][:length]) for start in starts)
    found = map_in_order(
        reader.read, tasks, workers=args.workers, scheduler=args.scheduler, folder=args.folder
    )
    with closing(found), Progress(len(table), "images") as progress:
        progress.update(slots.done)
        for start, (faces, records) in zip(starts, found, strict=True):
            slots.write(start, faces, records)
            progress.update(int(to_do[start:][:length].sum()))


def _select(
    records: Records, read: np.ndarray, args: Arguments
) -> tuple[pd.DataFrame, np.ndarray, dict[str, int], pd.DataFrame]:
    """The labels, corrected by --exclude; kept rows, int64, ascending; rows removed by each rule;
    and skipped images, with the columns path and reason."""
    table, removed = records.table.copy(), dict(records.removed)
    reasons = np.array(STATES, object)[read["state"]]
    for rule in (MISSING, UNDECODABLE, *FACE_RULES):
        count = int((reasons == rule).sum())
        if count or rule not in FACE_RULES:
            removed[rule] = count

    def keep(dropped: dict[str, np.ndarray]) -> np.ndarray:
        """The kept rows after those of some rules, bool, are dropped from them."""
        kept = np.flatnonzero(reasons == USABLE)
        for rule, rows in dropped.items():
            reasons[kept[rows]] = rule
            removed[rule] = int(rows.sum())
        return np.flatnonzero(reasons == USABLE)

    kept = keep({})
    if args.exclude:
        table.iloc[kept], dropped = curate.apply_audit(
            table.iloc[kept], read["identity"][kept], args.exclude, args.exclude_above
        )
        kept = keep(dropped)
    if args.drop_duplicates:
        kept = keep(curate.find_duplicates(table.iloc[kept], read["pixels"][kept]))
    listed = reasons != USABLE
    skipped = [*records.skipped, *zip(table["path"][listed], reasons[listed], strict=True)]
    if args.max_per_age:
        over = curate.over_cap(table.iloc[kept], args.max_per_age, args.seed)
        kept = keep({curate.OVER_CAP: over})
    return table, kept, removed, pd.DataFrame(skipped, columns=["path", "reason"])


def _reasons(removed: dict[str, int]) -> str:
    total = sum(removed.values())
    rules = "; ".join(f"{rule}: {rows:,}" for rule, rows in removed.items() if rows)
    return f"removed of {total:,} read: {rules}" if total else "the dataset is empty"
