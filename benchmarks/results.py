#!/usr/bin/env python3
"""Writes the metrics of the shipped weights into README.md, docs/accuracy.md and the model card.

`make shipped` runs it, after `evaluate.py` of three models, of the accurate one, and of the same on
photos:

python benchmarks/results.py data/shipped/models data/shipped/accurate data/shipped/photos
"""

import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
CARD = "pretrained_models/README.md"
MODELS = {
    "age_gender.onnx": "accurate",
    "age_gender_small.onnx": "small",
    "age_gender_0_2.hdf5": "version 0.2",
}
# Row, subgroup and metric of results.csv, and whether README.md has the row, too.
ROWS = [
    ("UTKFace: age", "source utkface", "mae", True),
    ("UTKFace: gender", "source utkface", "gender_accuracy", False),
    ("FairFace: distance to the age range", "source fairface", "range_error", True),
    ("FairFace: gender", "source fairface", "gender_accuracy", False),
    ("WIKI, 64 pixels: age", "source wiki", "mae", True),
    ("WIKI: gender", "source wiki", "gender_accuracy", False),
    ("All-Age-Faces: age", "source all_age_faces", "mae", True),
    ("All-Age-Faces: gender", "source all_age_faces", "gender_accuracy", False),
    ("portraits, audited: age", "source csv", "mae", False),
    ("all exact ages: age", "all", "mae", False),
    ("all exact ages: in the 80 % interval", "all", "coverage", False),
    ("children 0-12: gender", "children 0-12", "gender_accuracy", False),
    ("all faces: gender", "all", "gender_accuracy", True),
]


def table(results: pd.DataFrame, short: bool) -> str:
    """A Markdown table of all rows, or of those of README.md."""
    lines = [["test faces", *MODELS.values()], ["---"] * (1 + len(MODELS))]
    found = results.set_index(["subgroup", "metric", "model"])
    for name, subgroup, metric, in_readme in ROWS:
        if in_readme or not short:
            rows = [found.loc[subgroup, metric, model] for model in MODELS]
            cells = [cell(row, is_share=metric not in ("mae", "range_error")) for row in rows]
            lines.append([f"{name} ({rows[0]['n']:,.0f})", *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(row: pd.Series, is_share: bool) -> str:
    """A value and its interval, in years or in percent."""
    scale, digits, unit = (100, 1, " %") if is_share else (1, 2, "")
    value, low, high = (f"{scale * row[name]:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value}{unit} [{low}, {high}]"


def replace_section(name: str, section: str, text: str) -> None:
    """Replace the text between the two marks of a section of a file."""
    path, begin, end = ROOT / name, f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    before, _, rest = path.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    path.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}", encoding="utf-8")


def main() -> None:
    models, accurate, photos = map(Path, sys.argv[1:])
    results = pd.read_csv(models / "results.csv")
    replace_section("README.md", "results", table(results, short=True))
    replace_section("docs/accuracy.md", "results", table(results, short=False))
    for section, folder in (("results", accurate), ("photos", photos)):
        replace_section(CARD, section, (folder / "results.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
