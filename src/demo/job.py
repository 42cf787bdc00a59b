"""Inputs and outputs of a run of the demo."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .sources.video import Video

if TYPE_CHECKING:
    import pandas as pd

    from .result import Result

STANDARD_OUTPUT = Path("-")


@dataclass
class Job:
    """The sources of a run, and the arguments that name its outputs.

    pictures: paths by name, in order; empty for a video.
    labels: records of labelled pictures, indexed by name; None without --labels.
    done: results that an earlier run recorded, by name, with --resume.
    """

    args: Namespace
    pictures: dict[str, Path] = field(default_factory=dict)
    video: Video | None = None
    labels: pd.DataFrame | None = None
    done: dict[str, Result] = field(default_factory=dict)

    @property
    def prints_records(self) -> bool:
        return STANDARD_OUTPUT in (self.args.csv, self.args.jsonl)

    @property
    def opens_window(self) -> bool:
        from .sinks.window import has_screen

        return not self.args.no_display and has_screen()
