"""Output folder of an evaluation: results.json, results.csv, report.html."""

import json
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from ..files import defer_sigint, replacing
from ..outputs import Output, has_mark
from .results import Results

JSON, CSV, REPORT = FILES = ("results.json", "results.csv", "report.html")
_is_results = has_mark(b'{\n "arguments"')


def free_folder(folder: Path, force: bool) -> Path:
    """The folder of an evaluation: `folder`, or if it holds one, the first free one of
    `folder-2`, `folder-3` and so on, unless `force`."""
    if force or not folder.exists() or not _is_evaluation(folder):
        return folder
    numbered = (folder.with_name(f"{folder.name}-{number}") for number in count(2))
    return next(path for path in numbered if not path.exists())


def folder_output(folder: Path) -> Output:
    """The folder as an output that replaces evaluations only."""
    return Output("--output", folder, "an evaluation's folder", _is_evaluation, folder=True)


def _is_evaluation(folder: Path) -> bool:
    """Whether a folder contains only the files of an evaluation."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return not names or (JSON in names and names <= set(FILES) and _is_results(folder / JSON))


def write_results(folder: Path, results: Results) -> None:
    """Write the evaluation to `folder` atomically; an existing one is replaced."""
    from .report import write_report

    with ExitStack() as finishing, replacing(folder.resolve()) as partial:  # "." has no name
        partial.mkdir()
        text = json.dumps(_as_json(results), indent=1, default=str, allow_nan=False)
        (partial / JSON).write_text(text + "\n", encoding="utf-8")
        results.table.to_csv(partial / CSV, index=False, errors="backslashreplace")
        write_report(partial / REPORT, results)
        finishing.enter_context(defer_sigint())  # until the folder has its name


def _as_json(results: Results) -> dict:
    table = results.table.astype(object)
    return {
        "arguments": results.arguments,
        "notes": results.notes,
        "faces": len(results.labels),
        "models": [
            {
                "model": evaluation.model,
                "faces": len(evaluation.labels),
                "skipped": dict(evaluation.skipped),
                "baseline": str(evaluation.baseline),
                "uses": evaluation.uses,
                "calibration": evaluation.calibration,
            }
            for evaluation in results.evaluations
        ],
        "metrics": table.where(table.notna(), None).to_dict("records"),
    }
