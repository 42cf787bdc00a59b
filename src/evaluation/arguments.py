"""Flags of evaluate_appa_real.py, and flags of an evaluation's results."""

from dataclasses import dataclass
from pathlib import Path

from ..estimation.arguments import RuntimeFlags, WeightFlags
from ..flags import flag


@dataclass(frozen=True, kw_only=True)
class ResultFlags:
    """Where the results of an evaluation are written, and their confidence intervals."""

    output: Path | None = flag(
        None, help="folder for results.json, results.csv and report.html", group="results"
    )
    force: bool = flag(False, help="replace an earlier evaluation in --output", needs="output")
    resamples: int = flag(
        1000,
        help="number of bootstrap resamples, for the confidence intervals",
        limits="[1, inf)",
    )
    seed: int = flag(0, help="seed of the bootstrap", limits=f"[0, {2**32 - 1}]")


@dataclass(frozen=True, kw_only=True)
class AppaRealArguments(WeightFlags, RuntimeFlags, ResultFlags):
    """The arguments of evaluate_appa_real.py."""

    data_dir: Path = flag(
        Path("appa-real/appa-real-release"),
        help="folder of APPA-REAL, which contains gt_avg_valid.csv",
        group="labelled faces",
    )
    split: str = flag("valid", help="part of APPA-REAL", choices=("valid", "test", "train"))
    target: str = flag(
        "apparent",
        help="kind of age for the metrics; the first table has both",
        choices=("apparent", "real"),
    )
