"""Inputs and outputs of a run of the demo."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import Arguments
from .result import Result
from .sources.video import Video

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Job:
    """The sources of a run, and the arguments that name its outputs.

    images: paths by name, in order; empty for a video.
    labels: records of labelled images, indexed by name; None without --labels.
    done: results that an earlier run recorded, by name, with --resume.
    """

    arguments: Arguments
    images: dict[str, Path] = field(default_factory=dict)
    video: Video | None = None
    labels: pd.DataFrame | None = None
    done: dict[str, Result] = field(default_factory=dict)
    opens_window: bool = False
