"""Arguments of demo.py."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..data.datasets import EncodingFlags
from ..errors import UserError
from ..estimation.arguments import RuntimeFlags, WeightFlags
from ..faces.detectors import DETECTORS, DetectorFlags
from ..flags import flag
from ..workers import SchedulerFlags

STDOUT = Path("-")
_OF_FOLDER = {"source": ("--image_dir",)}
_OF_WEBCAM = {"source": ("the webcam",)}
_OF_VIDEO = {"source": ("--video", "the webcam")}
_VIDEO = re.compile(
    r"(rtsps?|rtmps?|udp|rtp|srt)://.*"
    r"|.*\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|m?ts|m2ts|wmv|flv|3gp|ogv)",
    re.IGNORECASE,
)


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{1,4})[xX*]([1-9]\d{1,4})", text)
    if not found:
        raise UserError(f"expected WIDTHxHEIGHT, such as 1280x720, received {text!r}")
    return int(found[1]), int(found[2])


@dataclass(frozen=True, kw_only=True)
class Arguments(DetectorFlags, SchedulerFlags, WeightFlags, RuntimeFlags, EncodingFlags):
    """Sources, outputs and models of a run of demo.py."""

    NEEDS: ClassVar = {
        "min_face": {"detector": tuple(name for name in DETECTORS if name != "none")},
        "scheduler": _OF_FOLDER,
        "encoding": {"source": ("--labels",)},
        "resume": {"source": ("images", "--image_dir", "--labels")},
    }

    images: tuple[str, ...] = flag(
        (),
        help="images, a folder, a video, an address, or - for an image on standard input "
        "(default: the webcam)",
        positional=True,
    )
    image_dir: Path | None = flag(
        None,
        help="target image directory; if set, images in image_dir are used instead of webcam",
        group="sources, one of them",
    )
    recursive: bool = flag(
        False, help="include the images in subfolders of --image_dir", needs=_OF_FOLDER
    )
    labels: str | None = flag(
        None,
        metavar="CSV|age|gender",
        help="CSV of labelled images, for a table of labels and estimates in --output_dir; or age "
        "or gender, to show only one of them",
    )
    video: str | None = flag(None, metavar="FILE|URL", help="video file or address of a stream")
    camera: int = flag(
        0, metavar="INDEX", help="index of the webcam", limits="[0, 9999]", needs=_OF_WEBCAM
    )
    camera_size: tuple | None = flag(
        None,
        metavar="WIDTHxHEIGHT",
        help="image size to request from the webcam (default: 640x480)",
        parse=_size,
        needs=_OF_WEBCAM,
    )
    every: float | None = flag(
        None,
        metavar="SECONDS",
        help="interval between the video frames that are analysed (default: every frame)",
        limits="(0, inf)",
        needs=_OF_VIDEO,
    )
    output_dir: Path | None = flag(
        None,
        help="folder for annotated copies; for a video an .mp4 and a table of tracks",
        group="outputs",
    )
    crops: Path | None = flag(None, metavar="DIR", help="folder for the face crops")
    csv: Path | None = flag(None, help="CSV file with one row per face; - for standard output")
    jsonl: Path | None = flag(
        None, help="JSON lines file, one line per face; - for standard output"
    )
    resume: bool = flag(
        False, help="resume an interrupted run from its --csv or --jsonl", needs=("csv", "jsonl")
    )
    table: bool = flag(False, help="print a table at the end instead of lines")
    anonymize: bool = flag(
        False,
        help="blur the faces in copies and in the window",
        needs={"output_dir": (), "window": ("a window",)},
        excludes=("crops",),
    )
    no_display: bool = flag(False, help="open no window")
    margin: float | None = flag(
        None,
        help="margin around detected face for age-gender estimation, as a fraction of its box "
        "(default: from the weight file; 0.4 if it stores none)",
        group="faces",
        limits="[0, 10]",
    )
    min_quality: float | None = flag(
        None,
        help="minimum quality of a face, from its size, sharpness, brightness, head turn and "
        "detector score; 0 for all faces (default: 0 in images, 0.4 for the tracks of a video)",
        limits="[0, 1]",
    )
    smooth: int = flag(
        30,
        metavar="FRAMES",
        help="number of video frames over which estimates are averaged along a track; 1 for none",
        limits="[1, inf)",
        needs={"source": ("--video", "the webcam", "--web")},
    )
    web: bool = flag(
        False,
        help="serve a page for images, videos and a webcam; needs gradio",
        group="web page",
        excludes=("output_dir", "crops", "csv", "jsonl", "table", "anonymize", "no_display"),
    )
    port: int = flag(7860, help="port of the page", limits="[1, 65535]", needs="web")
    host: str = flag(
        "127.0.0.1",
        help="address of the page; 0.0.0.0 opens it to other machines, without a password",
        needs="web",
    )
    root_path: str | None = flag(
        None,
        help="path of the page behind a proxy, such as /faces (default: none)",
        metavar="PATH",
        needs="web",
    )

    def __post_init__(self) -> None:
        """Move a folder or a video among `images` to its flag.

        Raise `UserError` if flags exclude each other, or if a needed one is missing.
        """
        if len(self._sources) > 1:
            received = " and ".join(self._sources)
            raise UserError(f"expected one source of images, received {received}")
        if self.label_file and not self.output_dir:
            raise UserError("--labels requires --output_dir, for the table")
        if self.label_file and self.anonymize:
            raise UserError("--anonymize cannot be combined with --labels, whose table shows faces")
        alone = self.images[0] if len(self.images) == 1 else ""
        is_folder = os.path.isdir(alone)
        if is_folder or _VIDEO.fullmatch(alone):
            object.__setattr__(self, "images", ())
            name, value = ("image_dir", Path(alone)) if is_folder else ("video", alone)
            object.__setattr__(self, name, value)

    @property
    def _sources(self) -> list[str]:
        is_set = {
            "images": self.images,
            "--image_dir": self.image_dir and not self.label_file,
            "--labels": self.label_file,
            "--video": self.video,
            "--web": self.web,
        }
        return [name for name, value in is_set.items() if value]

    @property
    def source(self) -> str:
        """The source of images, as messages name it."""
        return next(iter(self._sources), "the webcam")

    @property
    def label_file(self) -> Path | None:
        return None if self.labels in (None, "age", "gender") else Path(self.labels)

    @property
    def shown(self) -> str:
        """What labels and lines show: "age", "gender" or "both"."""
        return "both" if self.labels is None or self.label_file else self.labels

    @property
    def window(self) -> str:
        """The phrase for a window, "" with --no_display."""
        return "" if self.no_display else "a window"
