"""Flags of a model, shared by scripts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..flags import flag
from . import RUNTIMES

if TYPE_CHECKING:
    from ..models.description import Original

_OLD = ", for weight files that do not store it, such as the original toolkit's"


@dataclass(frozen=True, kw_only=True)
class WeightFlags:
    """A weight file, and the network of files that do not describe it."""

    weight_file: Path | None = flag(
        None,
        help="path to weight file (e.g. weights.28-3.73.hdf5), or accurate or small (default: the "
        "shipped weights: accurate; demo.py: small for videos and webcams)",
        group="model",
    )
    depth: int = flag(16, help="depth of network" + _OLD, needs="weight_file")
    width: int = flag(8, help="width of network" + _OLD, limits="[1, inf)", needs="weight_file")
    img_size: int | None = flag(
        None,
        help="side of the faces in pixels" + _OLD + " (default: from the weight file)",
        limits="[1, 1024]",
        needs="weight_file",
    )

    @property
    def original(self) -> Original:
        """The network of `depth`, `width` and `img_size`."""
        from ..models.description import Original

        return Original(self.depth, self.width, self.img_size)


@dataclass(frozen=True, kw_only=True)
class RuntimeFlags:
    """The runtime of a weight file; next to `WeightFlags`."""

    runtime: str | None = flag(
        None,
        help="runtime of the weight file, which may be an export of export.py "
        "(default: by the suffix of the file or the files of the folder)",
        group="model",
        choices=tuple(RUNTIMES),
        needs="weight_file",
    )
