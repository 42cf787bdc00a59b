"""An evaluation's folder: results.json, results.csv and report.html, whole or not at all."""

import json
import os
import shutil
from contextlib import ExitStack
from pathlib import Path

import pandas as pd

from src.errors import UserError
from src.evaluation.results import Evaluation, Results
from src.files import check_folder, replacing, uninterrupted

JSON, CSV, REPORT = FILES = ("results.json", "results.csv", "report.html")


def check_output_folder(folder: Path, force: bool) -> None:
    """Raise `UserError` where `folder` cannot be written as a whole, before any work is done.

    With `force` an evaluation's folder may be there, but nothing else may be in it.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--output: expected a folder, {folder} is a file; name another")
    if folder.exists():
        if not force:
            raise UserError(
                f"--output: expected a new folder, {folder} exists; name another, or write over "
                "it with --force"
            )
        others = sorted({path.name for path in folder.iterdir()} - set(FILES))
        if others:
            raise UserError(
                f"--output: expected an evaluation's folder to write over, {folder} holds "
                f"{others[0]}; name another"
            )
    parent = folder.absolute().parent
    check_folder(parent)
    if not os.access(parent, os.W_OK):
        raise UserError(f"{parent}: expected a folder that can be written to; it cannot")


def write_results(folder: Path, results: Results) -> None:
    """Write the evaluation to `folder`, which takes the place of one that is there."""
    from src.evaluation.report import write_report

    folder = folder.resolve()  # "." has no name
    with ExitStack() as finishing, replacing(folder) as partial:
        shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
        try:
            partial.mkdir()
            text = json.dumps(_as_json(results), indent=1, default=str, allow_nan=False)
            (partial / JSON).write_text(text + "\n", encoding="utf-8")
            _as_table(results).to_csv(partial / CSV, index=False, errors="backslashreplace")
            write_report(partial / REPORT, results)
            finishing.enter_context(uninterrupted())  # until the folder has its name
            if folder.exists():
                shutil.rmtree(folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def _as_json(results: Results) -> dict:
    return {
        "arguments": results.arguments,
        "notes": results.notes,
        "faces": len(results.labels),
        "models": [_model_as_json(evaluation) for evaluation in results.evaluations],
        "comparisons": results.comparisons.to_dict("records"),
    }


def _model_as_json(evaluation: Evaluation) -> dict:
    return {
        "model": evaluation.model,
        "faces": len(evaluation.rows),
        "left_out": dict(evaluation.left_out),
        "baseline": evaluation.baseline,
        "figures": evaluation.figures.to_dict("records"),
    }


def _as_table(results: Results) -> pd.DataFrame:
    """All figures of all models, a row each; differences between models are below."""
    tables = [e.figures.assign(model=e.model) for e in results.evaluations]
    differences = results.comparisons.rename(columns={"models": "model", "difference": "value"})
    table = pd.concat([*tables, differences]) if len(differences) else pd.concat(tables)
    return table[["model", "slice", "figure", "value", "low", "high", "n"]]
