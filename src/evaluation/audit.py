"""Audit of labels: a table of all faces by suspicion, a page for decisions, a contact sheet."""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd

from ..data.summary import contact_sheet
from ..errors import UserError
from ..estimation.estimator import Estimates
from ..files import replacing
from ..labels import GENDERS, age_errors, age_text
from ..outputs import locked
from ..thumbnails import data_url, shrink
from .arguments import Arguments
from .commands import check_inputs, faces_of
from .evaluate import check_unseen, estimate, load_models
from .intervals import Interval
from .labelled import EvaluationSet, from_databases
from .noise import noise_rates, one_label_per_image, suspect
from .output import write_page
from .predictions import read_predictions
from .results import gender_names

COLUMNS = [
    *("path", "db", "identity", "age_low", "age_high", "gender", "est_age", "low", "high"),
    *("p_age", "p_gender", "suspicion", "rank", "reason", "decision", "new_age", "new_gender"),
]
_CLASSES = {"age": "age, by more than the next band of ten years", "gender": "gender"}
_SURE = 0.5  # suspicion from which a reason is given
_THUMBNAIL = 160  # pixels
_ON_SHEET = 60  # faces


def run_audit(arguments: Arguments) -> None:
    """Write an audit of the labels, and print the share of wrong labels."""
    page, sheet = files_of(arguments.audit)
    if exists := [path for path in (arguments.audit, page, sheet) if path.exists()]:
        raise UserError(f"--audit: expected a new file, {exists[0]} exists; name another")
    check_inputs(arguments)
    with locked(arguments.audit):
        if arguments.folds:
            name, faces = arguments.folds, from_databases(arguments.input)
            labels, estimates, skipped = faces.labels, from_folds(faces, arguments.folds), []
            crop = faces.database.crop
        else:
            models = load_models(arguments.weight_file, arguments.runtime, arguments.original)
            [(name, model)] = models.items()
            faces, crop = faces_of(arguments, models), model.crop
            remedy = "it repeats their labels: pass --folds of train.py --folds, or --part test"
            faces.notes.extend(check_unseen({name: model.description}, faces, "--audit", remedy))
            faces.notes.extend(faces.check(model))
            labels, estimates, skipped = estimate(faces, model)
        table = audit_table(labels, estimates, *faces.identities(labels.index), skipped)
        rates = noise_rates(labels, estimates, arguments.seed, min(arguments.resamples, 200))
        images, _ = faces.read(table.index[: min(arguments.worst, len(labels))], crop)
        write_audit(arguments.audit, table, images, rates, f"Predictions of {name}.")
    print("wrong labels by confident learning, with 95 % intervals:")
    for name, (value, low, high) in rates.items():
        print(f"{_CLASSES[name]}: {value:.1%} [{low:.1%}, {high:.1%}]")
    print(f"\nexpected number of wrong labels, by suspicion: {table['suspicion'].sum():,.0f}")
    for note in faces.notes:
        print(f"note: {note}")
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
    found = faces.labels[key].merge(table, on=key, how="left")
    missing = found[found["position"].isna()]
    if len(missing):
        first = missing.iloc[0]
        raise UserError(
            f"--folds: expected predictions of all faces, {path} lacks {len(missing):,}, "
            f"row {first['row']} of {first['source']} first; pass the databases of its run"
        )
    return estimates.of_faces(found["position"].to_numpy(np.int64))


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
    right = one_label_per_image(1 - found["either"].to_numpy(), identity, labels)
    error = age_errors(estimates.age, *labels[["age_low", "age_high"]].to_numpy().T)
    is_repeated = right < 1 - found["either"] - 1e-9
    of_age = [f"age too {'young' if e > 0 else 'old'} by {abs(e):.0f} years" for e in error]
    reasons = (
        np.where(found["age"] >= _SURE, of_age, ""),
        np.where(found["gender"] >= _SURE, "gender", ""),
        np.where(is_repeated, "the same image under another label", ""),
    )
    table = labels[["path", "age_low", "age_high"]].assign(
        db=db,
        identity=[f"{value:016x}" for value in identity],
        gender=gender_names(labels["gender"]),
        est_age=estimates.age.astype(np.float64).round(1),
        low=estimates.age_low,
        high=estimates.age_high,
        p_age=found["p_age"],
        p_gender=found["p_gender"],
        suspicion=1 - right,
        reason=[", ".join(filter(None, each)) for each in zip(*reasons, strict=True)],
    )
    table = table.sort_values("suspicion", ascending=False, kind="stable")
    table["rank"] = np.arange(1, len(table) + 1)
    if skipped:
        table = pd.concat([table, pd.DataFrame(skipped, columns=["path", "reason"])])
    return table.assign(**dict.fromkeys(COLUMNS[-3:], ""))  # for decisions


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
    worst = [*table.head(len(faces)).itertuples()]
    labels = [f"{age_text(row.age_low, row.age_high)} {row.gender}" for row in worst]
    images = [data_url(shrink(face, _THUMBNAIL)) for face in faces]
    write_page(
        page,
        "audit.html",
        about=about,
        name=path.name,
        rates=rates,
        header=COLUMNS,
        rows=[*csv.reader(io.StringIO(text))][1:],
        faces=[*zip(worst, labels, images, strict=True)],
        genders=GENDERS,
    )
    titles = [f"label {a}\nest. {row.est_age:.0f}" for a, row in zip(labels, worst, strict=True)]
    cells = [*zip(faces, titles, strict=True)][:_ON_SHEET]
    figure = contact_sheet([cells[start : start + 10] for start in range(0, len(cells), 10)])
    with replacing(sheet) as partial:
        figure.savefig(partial, dpi=128, bbox_inches="tight")
