"""Output folder of an evaluation: results.json, results.csv, report.html."""

import json
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import pandas as pd

from ..errors import UserError
from ..files import defer_sigint, file_kind, replacing
from ..outputs import Output, check_outputs, has_mark
from .results import Evaluation, Results

JSON, CSV, REPORT = FILES = ("results.json", "results.csv", "report.html")
_MARKS = {
    JSON: b'{\n "arguments"',
    CSV: b"model,slice,figure",
    REPORT: b"<title>Age and gender evaluation</title>",
}


def check_output_folder(
    folder: Path, force: bool, card: Path | None = None, inputs: Iterable[tuple[str, Path]] = ()
) -> None:
    """Raise `UserError` if an evaluation cannot be written to `folder`, before any work is done.

    force: replace an existing evaluation; other folders are never replaced.
    card, inputs: the model card to update, and flags and paths of all files that are read.
    """
    if file_kind(folder) == "a folder" and not force:
        raise UserError(
            f"--output: expected a new folder, {folder} exists; name another, or pass --force to "
            "replace its evaluation"
        )
    outputs = [Output("--output", folder, "an evaluation's folder", _is_evaluation, folder=True)]
    if card:
        outputs.append(Output("--card", card, "a model card", lambda _: True))
    check_outputs(outputs, inputs)


def _is_evaluation(folder: Path) -> bool:
    """Whether a folder contains only the files of an evaluation."""
    return all(
        path.name in FILES and path.is_file() and has_mark(_MARKS[path.name])(path)
        for path in folder.iterdir()
    )


def write_results(folder: Path, results: Results) -> None:
    """Write the evaluation to `folder` atomically; an existing one is replaced."""
    from .report import write_report

    with ExitStack() as finishing, replacing(folder.resolve()) as partial:  # "." has no name
        partial.mkdir()
        text = json.dumps(_as_json(results), indent=1, default=str, allow_nan=False)
        (partial / JSON).write_text(text + "\n", encoding="utf-8")
        _as_table(results).to_csv(partial / CSV, index=False, errors="backslashreplace")
        write_report(partial / REPORT, results)
        finishing.enter_context(defer_sigint())  # until the folder has its name


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
        "collections": evaluation.collections,
        "calibration": evaluation.calibration,
        "figures": evaluation.figures.to_dict("records"),
    }


def _as_table(results: Results) -> pd.DataFrame:
    """All metrics of all models, one row each, and the differences between models below."""
    tables = [e.figures.assign(model=e.model) for e in results.evaluations]
    differences = results.comparisons.rename(columns={"models": "model", "difference": "value"})
    table = pd.concat([*tables, differences]) if len(differences) else pd.concat(tables)
    return table[["model", "slice", "figure", "value", "low", "high", "n"]]
