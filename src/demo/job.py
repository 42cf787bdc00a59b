"""Inputs of a run of the demo, and the results that its sinks receive."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..estimation.estimator import FaceEstimate
from .arguments import Arguments
from .overlay import Wording, annotate, wording

if TYPE_CHECKING:
    import pandas as pd


class Frame(NamedTuple):
    """An image to detect faces in."""

    name: str
    image: np.ndarray | None  # uint8 (H, W, 3), BGR; None if no output shows it
    shape: tuple[int, int]  # its height and width
    time: float | None = None  # in a video, seconds since the first frame


@dataclass
class Video:
    """Frames in order, named by number, all of one size."""

    frames: Generator[Frame]
    name: str  # of an annotated copy, without extension
    rate: float  # nominal frames per second
    size: tuple[int, int]  # width and height of a frame in (square) pixels
    live: bool  # whether frames are lost unless read in time
    file: Path | None = None  # None for a camera and a stream
    start: float = 0.0  # time of the first frame on the file's own clock, in seconds
    count: int = 0  # number of frames in the file's header, 0 if unknown
    problem: str = field(default="", init=False)  # why `frames` ended early, once it has


@dataclass
class Result:
    """An image and its faces, from left to right; in a video by track."""

    frame: Frame
    faces: list[FaceEstimate]  # their boxes are clipped to the image
    arguments: Arguments
    crops: np.ndarray | None = None  # uint8 (N, S, S, 3), BGR; None for a video without --crops
    tracks: list[int] | None = None  # in a video, the ID of each face's track
    skipped: int = 0  # number of faces that are not shown; in a video, up to this frame

    @property
    def numbers(self) -> list[int]:
        """The numbers of the faces in all outputs: from 1, or their tracks."""
        return list(range(1, len(self.faces) + 1)) if self.tracks is None else self.tracks

    @property
    def words(self) -> list[Wording]:
        """The faces as text."""
        return [wording(face, self.arguments.shown) for face in self.faces]

    @property
    def rows(self) -> list[dict[str, str | int]]:
        """Cells of a table by their headers, per face."""
        faces = zip(self.numbers, self.words, strict=True)
        return [{"face": number} | words.cells for number, words in faces]

    @cached_property
    def annotated(self) -> np.ndarray:
        """The image with boxes and labels, with numbers if there are several faces, uint8 BGR."""
        is_alone = self.tracks is None and len(self.faces) == 1
        numbers = None if is_alone else self.numbers
        shown, anonymize = self.arguments.shown, self.arguments.anonymize
        return annotate(self.frame.image, self.faces, anonymize, numbers, shown)

    def without_pixels(self) -> Result:
        """The result without image, crops and age distributions, as restored from records."""
        faces = [replace(face, age_distribution=None) for face in self.faces]
        return replace(self, frame=self.frame._replace(image=None), faces=faces, crops=None)


Sink = Callable[[Result], bool | None]  # receives every result; False ends the demo


@dataclass(frozen=True)
class Job:
    """The sources of a run, and the arguments that name its outputs."""

    arguments: Arguments
    images: dict[str, Path] = field(default_factory=dict)  # by name; empty for a video
    video: Video | None = None
    labels: pd.DataFrame | None = None  # records of labelled images, indexed by name
    done: dict[str, Result] = field(default_factory=dict)  # of an earlier run, with --resume
    opens_window: bool = False
