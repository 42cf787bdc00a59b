"""Audit of labels: a table of all faces by suspicion, a page for decisions, a contact sheet."""

import csv
import io
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tabulate import tabulate

from ..errors import UserError
from ..estimation.estimator import Estimates
from ..faces.images import data_url, resize, shrink
from ..files import replacing, wrap_read_errors
from ..labels import GENDERS, age_errors, age_text
from ..outputs import Output, check_outputs, has_mark, locked
from .arguments import Arguments
from .commands import faces_of, inputs_of
from .evaluate import check_unseen, estimate, load_models
from .intervals import Interval
from .labelled import EvaluationSet, from_databases
from .noise import noise_rates, one_label_per_image, suspect
from .predictions import read_predictions
from .report import write_page
from .results import gender_names

COLUMNS = [
    *("path", "db", "identity", "age_low", "age_high", "gender", "est_age", "low", "high"),
    *("p_age", "p_gender", "suspicion", "rank", "reason", "decision", "new_age", "new_gender"),
]
MARK = ",".join(COLUMNS[:6]).encode()
DECISIONS = COLUMNS[-3:]
_CLASSES = {"age": "age, by more than the next band of ten years", "gender": "gender"}
_SURE = 0.5  # suspicion from which a reason is given
_THUMBNAIL = 160  # pixels
_SHEET = (10, 6, 128)  # columns, rows, and pixels of a face, of the contact sheet


def run_audit(arguments: Arguments) -> None:
    """Write an audit of the labels, and print the share of wrong labels."""
    page, sheet = files_of(arguments.audit)
    outputs = [
        Output("--audit", arguments.audit, "an audit", has_mark(MARK)),
        Output("--audit", page, "an audit's page", has_mark(b"<title>Label audit</title>")),
        Output("--audit", sheet, "a contact sheet", has_mark(b"\xff\xd8")),
    ]
    check_outputs(outputs, [*inputs_of(arguments), ("--folds", arguments.folds)])
    with locked(arguments.audit):
        if arguments.folds:
            faces = from_databases(arguments.input)
            rows, skipped = np.arange(len(faces.labels)), []
            estimates = from_folds(faces, arguments.folds)
            about = f"Predictions of {arguments.folds}."
        else:
            paths = arguments.weight_file or [None]
            models = load_models(paths, arguments.runtime, arguments.original)
            [(name, model)] = models.items()
            faces = faces_of(arguments, models)
            remedy = "it repeats their labels: pass --folds of train.py --folds, or --part test"
            faces.notes.extend(check_unseen(models, faces, "--audit", remedy))
            rows, estimates, skipped = estimate(faces, model)
            about = f"Predictions of {name}."
        labels = faces.labels.iloc[rows]
        identity, db = faces.identities()
        table = audit_table(labels, estimates, identity[rows], db[rows], skipped)
        rates = noise_rates(labels, estimates, arguments.seed, min(arguments.resamples, 200))
        worst = table.index[table["suspicion"].notna()][: arguments.worst]
        if arguments.folds:
            images = faces.database.image[worst.to_numpy()]
        else:
            images, _ = faces.read(faces.labels.index.get_indexer(worst), model)
        table = keep_decisions(table, arguments.audit)
        write_audit(arguments.audit, table, images, rates, about)
    notes = [f"note: {note}" for note in faces.notes]
    print("\n".join([rates_text(rates, table["suspicion"]), *notes]))
    print(f"\naudit: {arguments.audit}, page: {page}, contact sheet: {sheet}")


def files_of(path: Path) -> tuple[Path, Path]:
    """The page and the contact sheet of an audit's CSV file."""
    return path.with_suffix(".html"), path.with_suffix(".jpg")


def from_folds(faces: EvaluationSet, path: Path) -> Estimates:
    """The out-of-fold estimates of all faces, of `train.py --folds`.

    Raises `UserError` if the file lacks a face, or has one twice.
    """
    table, estimates = read_predictions(path)
    key = ["source", "row"]
    table = table[key].assign(position=np.arange(len(table)))
    if table.duplicated(key).any():
        raise UserError(f"--folds: expected one prediction per face, {path} has several")
    wanted = faces.labels[key]
    found = wanted.merge(table, on=key, how="left")["position"].to_numpy()
    missing = wanted[np.isnan(found)]
    if len(missing):
        first = missing.iloc[0]
        raise UserError(
            f"--folds: expected predictions of all faces, {path} lacks {len(missing):,}, "
            f"row {first['row']} of {first['source']} first; pass the databases of its run"
        )
    return estimates.of_faces(found.astype(np.int64))


def audit_table(
    labels: pd.DataFrame,
    estimates: Estimates,
    identity: np.ndarray,
    db: np.ndarray,
    skipped: list[tuple[str, str]] = (),
) -> pd.DataFrame:
    """One row per face, most suspicious first, with the columns `COLUMNS` and the labels' index.

    labels, estimates, identity (uint64), db: of N faces.  skipped: names and reasons of images
        without a face, at the end.
    """
    found = suspect(labels, estimates)
    right = one_label_per_image(1 - found.either, identity, labels)
    error = age_errors(estimates.age, *labels[["age_low", "age_high"]].to_numpy().T)
    reasons = (
        np.where(found.age >= _SURE, [_words(each) for each in error], ""),
        np.where(found.gender >= _SURE, "gender", ""),
        np.where(right < 1 - found.either - 1e-9, "the same image under another label", ""),
    )
    table = labels[["path", "age_low", "age_high"]].assign(
        db=db,
        identity=[f"{value:016x}" for value in identity],
        gender=gender_names(labels["gender"]),
        est_age=estimates.age.astype(np.float64).round(1),
        low=estimates.age_low,
        high=estimates.age_high,
        p_age=found.p_age,
        p_gender=found.p_gender,
        suspicion=1 - right,
        reason=[", ".join(filter(None, each)) for each in zip(*reasons, strict=True)],
    )
    table = table.sort_values("suspicion", ascending=False, kind="stable")
    table["rank"] = np.arange(1, len(table) + 1)
    rest = pd.DataFrame(skipped, columns=["path", "reason"])
    table = pd.concat([table, rest]) if len(rest) else table
    return table.assign(**dict.fromkeys(DECISIONS, ""))


def _words(error: float) -> str:
    """Of an estimate that is `error` years above the label."""
    return f"age too {'young' if error > 0 else 'old'} by {abs(error):.0f} years"


def keep_decisions(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The table with the decisions of an earlier audit at `path`, by path and dataset."""
    if not path.exists():
        return table
    with wrap_read_errors(path, "an earlier audit"):
        earlier = pd.read_csv(path, dtype=str, keep_default_na=False)[["path", "db", *DECISIONS]]
    earlier = earlier[earlier["decision"] != ""].drop_duplicates(["path", "db"])
    kept = table.drop(columns=list(DECISIONS)).merge(earlier, on=["path", "db"], how="left")
    return kept.fillna(dict.fromkeys(DECISIONS, ""))


def write_audit(
    path: Path, table: pd.DataFrame, faces: np.ndarray, rates: dict[str, Interval], about: str
) -> None:
    """Write the CSV file, the page and the contact sheet.

    faces: uint8 (W, S, S, 3), BGR, of the first rows of the table.
    """
    page, sheet = files_of(path)
    text = table[COLUMNS].to_csv(index=False, float_format="%.6g")
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")
    rows = list(csv.reader(io.StringIO(text)))[1:]
    write_page(
        page,
        "audit.html",
        about=about,
        name=path.name,
        rates={name: tuple(f"{100 * x:.1f}" for x in rate) for name, rate in rates.items()},
        header=COLUMNS,
        rows=[row[:-3] for row in rows],
        decided=[row[-3:] for row in rows],
        faces=[
            {
                "image": data_url(shrink(face, _THUMBNAIL)),
                "label": f"{age_text(row.age_low, row.age_high)} {row.gender}",
                "estimate": f"{row.est_age:.0f} ({row.low:.0f}-{row.high:.0f})",
                "reason": f"wrong with {row.suspicion:.0%}" + f": {row.reason}" * bool(row.reason),
                "path": row.path,
            }
            for face, row in zip(faces, table.head(len(faces)).itertuples(), strict=True)
        ],
        genders=GENDERS,
    )
    with replacing(sheet) as partial:
        cv2.imwrite(str(partial), contact_sheet(table, faces), [cv2.IMWRITE_JPEG_QUALITY, 92])


def contact_sheet(table: pd.DataFrame, faces: np.ndarray) -> np.ndarray:
    """The first faces, uint8 (H, W, 3), BGR, with label and estimate below each."""
    columns, rows, side = _SHEET
    faces = faces[: columns * rows]
    height = side + 36
    sheet = np.full((height * -(-len(faces) // columns), side * columns, 3), 255, np.uint8)
    for index, (face, row) in enumerate(zip(faces, table.itertuples(), strict=False)):
        top, left = index // columns * height, index % columns * side
        sheet[top : top + side, left : left + side] = resize(face, side)
        label = f"label {age_text(row.age_low, row.age_high)} {row.gender[:1].upper()}"
        for line, text in enumerate((label, f"est. {row.est_age:.0f}")):
            corner = (left + 4, top + side + 14 + 16 * line)
            cv2.putText(sheet, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.42, 3 * (30,))
    return sheet


def rates_text(rates: dict[str, Interval], suspicion: pd.Series) -> str:
    """The noise rates as a table, and the expected number of wrong labels."""
    rows = [
        [_CLASSES[name], f"{value:.1%}", f"{low:.1%} to {high:.1%}"]
        for name, (value, low, high) in rates.items()
    ]
    table = tabulate(rows, ["wrong labels (confident learning)", "share", "95 % interval"])
    return f"{table}\n\nexpected number of wrong labels, by suspicion: {suspicion.sum():,.0f}"
