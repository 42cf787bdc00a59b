"""Flags of create_db.py: names, types, defaults, help texts and rules."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..faces import DEFAULT_MARGINS, NO_ALIGNMENT
from ..faces.detectors import DetectorFlags
from ..flags import flag
from ..workers import SchedulerFlags
from .datasets import DATASETS, options_of

_CROPS = ("detect", "align")
_CLASSES = sorted(  # subclasses first
    dict.fromkeys(dataset.options for dataset in DATASETS.values()), key=lambda c: -len(c.__mro__)
)


@dataclass(frozen=True, kw_only=True)
class Arguments(*_CLASSES, DetectorFlags, SchedulerFlags):
    """The arguments of a run; None stands for a default that depends on other values."""

    NEEDS: ClassVar = {name: (*_CROPS, "one_face") for name in ("detector", "min_face")} | {
        name: {"db": tuple(db for db in DATASETS if name in options_of(db))}
        for db in DATASETS
        for name in options_of(db)
    }

    output: Path = flag(help="path to output database mat file", short="-o")
    img_size: int = flag(32, help="output image size, in pixels", limits="[1, 4096]")
    db: str = flag(
        "wiki",
        help="dataset; wiki or imdb, or another one, see docs/datasets.md; csv: your own images",
        choices=tuple(DATASETS),
    )
    data_dir: Path | None = flag(
        None,
        help="folder of the dataset (default: data/{db}_crop for wiki and imdb, else data/{db})",
    )
    detect: bool = flag(
        False,
        help="detect the largest face, and crop it with --margin",
        group="face crops, for images that are not cropped yet",
    )
    align: str | None = flag(
        None,
        help="alignment of the largest face by five points: five_points as ArcFace's crops, "
        "face_chip as dlib's (default: none; --align alone: five_points)",
        choices=tuple(name for name in DEFAULT_MARGINS if name != NO_ALIGNMENT),
        const="five_points",
    )
    margin: float | None = flag(
        None,
        help="crop margin, as a fraction of the face box or of the alignment's template "
        "(default: 0.4; with --align five_points 0, face_chip 0.25)",
        limits="[0, 10]",
    )
    one_face: bool = flag(
        False,
        help="reject images without exactly one face of at least a tenth of the image's side",
    )
    whole_image: bool = flag(
        False, help="keep whole images although their faces are small", excludes=_CROPS
    )
    max_per_age: int | None = flag(
        None,
        help="maximum number of faces per age (default: unlimited)",
        group="selection of rows",
        limits="[1, inf)",
    )
    drop_duplicates: bool = flag(
        False,
        help="keep one of the images with identical pixels, or none if their labels disagree",
    )
    exclude: Path | None = flag(
        None, help="CSV file of an audit, whose decisions keep, drop or correct faces"
    )
    exclude_above: float | None = flag(
        None,
        help="drop faces without a decision whose suspicion in --exclude is above this probability",
        limits="[0, 1]",
        needs="exclude",
    )
    contact_sheet: Path | None = flag(None, help="PNG file for random faces of each decade of age")
    seed: int = flag(
        0,
        help="seed of the random choice of --max_per_age and --contact_sheet",
        limits=f"[0, {2**32 - 1}]",
        needs=("max_per_age", "contact_sheet"),
    )
    mat_version: str = flag(
        "7.3",
        help="MATLAB version of the file; 5, of less than 4 GiB, is for scipy.io.loadmat",
        group="file and parallel work",
        choices=("7.3", "5"),
    )
    resume: bool = flag(False, help="resume an interrupted run with the same arguments")
    workers: int | None = flag(
        None,
        help="number of images decoded in parallel (default: one per core)",
        limits="[1, inf)",
        excludes=("scheduler",),
    )

    @property
    def folder(self) -> Path:
        """The dataset's folder: `data_dir`, or the usual one."""
        return self.data_dir or Path("data") / (DATASETS[self.db].folder or self.db)

    @property
    def options(self) -> dict[str, object]:
        """The options of the dataset's reader."""
        return {name: getattr(self, name) for name in options_of(self.db)}

    @property
    def alignment(self) -> str:
        return self.align or NO_ALIGNMENT

    @property
    def crop_margin(self) -> float:
        """The margin of faces that are cropped."""
        return DEFAULT_MARGINS[self.alignment] if self.margin is None else self.margin

    @property
    def crops(self) -> bool:
        """Whether faces are detected and cropped; otherwise images are face crops already."""
        return bool(self.detect or self.align)
