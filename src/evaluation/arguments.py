"""Flags of evaluate.py and evaluate_appa_real.py."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..data.datasets import EncodingFlags
from ..errors import UserError
from ..estimation.arguments import RuntimeFlags, WeightFlags
from ..faces.detectors import DetectorFlags
from ..flags import flag
from ..workers import SchedulerFlags


@dataclass(frozen=True, kw_only=True)
class EvaluationFlags(WeightFlags, RuntimeFlags):
    """The models of an evaluation, its confidence intervals, and where results are written."""

    weight_file: tuple[Path, ...] = flag(
        (),
        help="path to weight file (e.g. weights.28-3.73.hdf5); further ones are compared with the "
        "first (default: the shipped weights)",
        group="model",
    )
    output: Path | None = flag(
        None,
        help="folder for results.json, results.csv, results.md and report.html; if it exists, the "
        "name is numbered",
        group="results",
    )
    predictions: Path | None = flag(
        None, help="CSV file for labels, estimates and probabilities, one row per face"
    )
    resamples: int = flag(
        1000,
        help="number of bootstrap resamples, for the confidence intervals",
        limits="[1, inf)",
    )
    seed: int = flag(0, help="seed of the bootstrap", limits=f"[0, {2**32 - 1}]")


@dataclass(frozen=True, kw_only=True)
class Arguments(EvaluationFlags, DetectorFlags, SchedulerFlags, EncodingFlags):
    """The arguments of evaluate.py."""

    NEEDS: ClassVar = {
        **dict.fromkeys(("detector", "min_face", "scheduler"), "detect"),
        "encoding": "image_csv",
    }
    input: tuple[Path, ...] = flag(
        (),
        help="path to database mat file; several are joined",
        group="labelled faces, either --input or --image_csv",
        short="-i",
        excludes=("image_csv",),
    )
    image_csv: Path | None = flag(
        None,
        help="CSV of labelled images, with the columns path, age or age_low and age_high, gender, "
        "group, person; paths are absolute or relative to its folder",
    )
    part: str = flag(
        "all",
        help="faces of --input: all, or a part of the split that the first weight file stores; "
        "databases that it was not trained on are used whole",
        choices=("all", "validation", "test", "training"),
        needs="input",
    )
    detect: bool = flag(
        False,
        help="detect and crop the largest face of each image of --image_csv (default: images are "
        "face crops)",
        needs="image_csv",
    )
    collection: str = flag(
        "",
        help="dataset of the images of --image_csv, a name of create_db.py --db or any other name: "
        "groups them by whether the model saw the dataset (default: unknown)",
        needs="image_csv",
    )
    audit: Path | None = flag(
        None,
        help="CSV file of all faces, sorted by the probability that their label is wrong; a page "
        "for decisions and a contact sheet are written next to it, see docs/audit.md",
        group="label audit, instead of an evaluation",
        excludes=("predictions",),
    )
    folds: Path | None = flag(
        None,
        help="predictions of train.py --folds (default: those of --weight_file, which must not "
        "have seen the faces)",
        needs="audit",
        excludes=("weight_file", "image_csv"),
    )
    worst: int = flag(300, help="number of faces on the page", limits="[1, inf)", needs="audit")
    output: Path = Path("evaluation")

    def __post_init__(self):
        if not self.input and not self.image_csv:
            raise UserError("expected labelled faces: pass --input or --image_csv")
        if self.audit and len(self.weight_file) > 1:
            raise UserError("--audit: expected one model, received several in --weight_file")


@dataclass(frozen=True, kw_only=True)
class AppaRealArguments(EvaluationFlags):
    """The arguments of evaluate_appa_real.py."""

    data_dir: Path = flag(
        Path("appa-real/appa-real-release"),
        help="folder of APPA-REAL, which contains gt_avg_valid.csv",
        group="labelled faces",
    )
    split: str = flag("valid", help="part of APPA-REAL", choices=("valid", "test", "train"))
