"""Where the demo's results go: a window, a folder, a CSV file, lines on the screen.

A sink is called with every `Result`, and returns False when the demo should end.
"""

import csv
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from src.data.images import Box
from src.demo.overlay import annotate
from src.demo.sources import Picture
from src.errors import UserError
from src.estimation.estimator import Estimates
from src.files import check_output_file, replacing

COLUMNS = "file face left top right bottom age age_low age_high p_female".split()
_ESC = 27
_WINDOW = "result"
_WINDOW_SIDE = 900  # pixels; a larger picture is shown smaller


@dataclass
class Result:
    """A picture, the boxes of its faces and what was estimated of them, in the same order."""

    picture: Picture
    boxes: list[Box]
    estimates: Estimates

    @cached_property
    def annotated(self) -> np.ndarray:
        return annotate(self.picture.image, self.boxes, self.estimates)


Sink = Callable[[Result], bool]


def print_faces(result: Result) -> bool:
    """One line a face on the screen."""
    said = result.estimates
    for i in range(len(result.boxes)):
        p_female = said.p_female[i]
        gender = f"F {p_female:.2f}" if p_female > 0.5 else f"M {1 - p_female:.2f}"
        years = f"{said.age[i]:.1f} years ({said.age_low[i]}-{said.age_high[i]})"
        print(f"{result.picture.name}: {years}, {gender}", flush=True)
    if not result.boxes:
        print(f"{result.picture.name}: no face", flush=True)
    return True


@contextmanager
def csv_file(path: Path) -> Iterator[Sink]:
    """A CSV file with one row a face; a picture without a face is a row without `face`.

    Boxes are in pixels of the picture, within it; `right` and `bottom` are outside the face.
    """
    check_output_file(path)
    with (
        replacing(path) as partial,
        # surrogateescape: a file name that is not UTF-8 is written as the bytes it is.
        partial.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()

        def write(result: Result) -> bool:
            writer.writerows(_rows(result))
            return True

        yield write


def _rows(result: Result) -> Iterator[dict]:
    said = result.estimates
    height, width = result.picture.image.shape[:2]
    for i, box in enumerate(result.boxes):
        yield {
            "file": result.picture.name,
            "face": i,
            "left": max(box.left, 0),
            "top": max(box.top, 0),
            "right": min(box.right, width),
            "bottom": min(box.bottom, height),
            "age": f"{said.age[i]:.2f}",
            "age_low": said.age_low[i],
            "age_high": said.age_high[i],
            "p_female": f"{said.p_female[i]:.4f}",
        }
    if not result.boxes:
        yield {"file": result.picture.name}


def annotated_copies(folder: Path, source: Path | None = None) -> Sink:
    """Pictures with boxes and labels, under their own names in `folder`, which is made.

    Raises `UserError` where it cannot be made, or is `source`, the folder of the pictures.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--output_dir: expected a folder, {folder} could not be made: {error.strerror}"
        ) from error
    if source and folder.samefile(source):
        raise UserError(
            "--output_dir: expected another folder than --image_dir, whose pictures the "
            "annotated copies would replace"
        )

    def save(result: Result) -> bool:
        path = folder / result.picture.name
        _, data = cv2.imencode(path.suffix, result.annotated)
        with replacing(path) as partial:
            partial.write_bytes(data)
        return True

    return save


@contextmanager
def window(wait: bool) -> Iterator[Sink]:
    """A window; ESC or closing it ends the demo. With `wait`, any other key shows the next."""
    # OpenCV's wheels may lack the fonts that Qt looks for, and it says so many times over.
    os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")
    cv2.namedWindow(_WINDOW, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)

    def show(result: Result) -> bool:
        height, width = result.annotated.shape[:2]
        shown = min(1, _WINDOW_SIDE / max(height, width))
        cv2.resizeWindow(_WINDOW, round(width * shown), round(height * shown))
        cv2.imshow(_WINDOW, result.annotated)
        while True:
            key = cv2.waitKey(30)
            if cv2.getWindowProperty(_WINDOW, cv2.WND_PROP_VISIBLE) < 1:
                return False
            if key != -1 or not wait:
                return key != _ESC

    try:
        yield show
    finally:
        cv2.destroyAllWindows()


def has_screen() -> bool:
    """Whether a window can be opened.

    On Linux a process of its own tries it: where DISPLAY names a screen that is gone, the window
    library ends the process that asks.
    """
    if not sys.platform.startswith("linux"):
        return True
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    probe = [sys.executable, "-c", "import cv2; cv2.namedWindow('probe')"]
    try:
        return subprocess.run(probe, capture_output=True, timeout=20).returncode == 0
    except subprocess.TimeoutExpired:  # a screen on a host that does not answer
        return False
