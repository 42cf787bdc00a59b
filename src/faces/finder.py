"""Face detection and cropping in one picture or in many."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock

import cv2
import numpy as np

from ..workers import map_in_order
from .crop import FaceCrop
from .detectors import get_detector
from .detectors.base import Detect, Face
from .images import ImageError, read_image, widest

MISSING, UNDECODABLE = "picture missing", "picture undecodable"
NO_FACE, MORE_FACES, SMALL_FACE = FACE_RULES = (
    "no face found",
    "more than one face",
    "face below a tenth of the picture",
)
_SMALL = 0.1  # of the picture's side
_TURN = Lock()  # detectors are not thread-safe
_FEW = 8  # pictures: fewer are done before another process starts


@dataclass(frozen=True)
class Found:
    """A picture and its faces, or the reason for having none.

    image: uint8 (H, W, 3), BGR; None if it cannot be read.
    faces: every face that can be cropped.  crops: uint8 (N, S, S, 3), BGR.
    reason: `MISSING`, `UNDECODABLE` or `NO_FACE`; "" if there are faces.
    error: message for the user if the picture cannot be read.
    """

    image: np.ndarray | None
    faces: list[Face]
    crops: np.ndarray
    reason: str = ""
    error: str = ""

    @property
    def largest_crop(self) -> np.ndarray:
        """The crop of the face with the widest box."""
        return self.crops[widest([face.box for face in self.faces])]


@dataclass(frozen=True)
class FaceFinder:
    """Detects the faces of pictures and crops them.

    detector, min_face: see `detectors.get_detector`.  crop: parameters of the crops.
    Raises `UserError` at first use if the detector's package is not installed.
    """

    detector: str
    min_face: int | None
    crop: FaceCrop

    def load(self) -> None:
        """Load the detector. Raises `UserError` if its package is not installed."""
        _detector(self.detector, self.min_face)
        if self.crop.is_aligned:
            _detector("centerface", None)

    def detect(self, image: np.ndarray) -> list[Face]:
        """Faces of a picture, uint8 (H, W, 3), BGR; for aligned crops only faces with points."""
        with _TURN:
            return self.located(image, _detector(self.detector, self.min_face)(image))

    def located(self, image: np.ndarray, faces: list[Face]) -> list[Face]:
        """The faces that can be cropped, with points added if an aligned crop needs them."""
        if not self.crop.is_aligned:
            return faces
        find_points = _detector("centerface", None).find_points
        found = (
            replace(face, points=find_points(image, face.box)) if face.points is None else face
            for face in faces
        )
        return [face for face in found if face.points is not None]

    def find(self, image: np.ndarray) -> Found:
        """Faces and crops of a picture, uint8 (H, W, 3), BGR."""
        faces = self.detect(image)
        reason = "" if faces else NO_FACE
        return Found(image, faces, self.crop.stack(image, faces), reason)

    def find_in_file(self, path: Path | str) -> Found:
        """Faces and crops of a picture file."""
        try:
            return self.find(read_image(path))
        except FileNotFoundError:
            reason, error = MISSING, f"{path}: expected a picture, found nothing there"
        except ImageError as unreadable:
            reason, error = UNDECODABLE, str(unreadable)
        return Found(None, [], self.crop.stack(np.empty((0, 0, 3), np.uint8), []), reason, error)

    def find_all(self, paths: Sequence[Path], scheduler: str | None = None) -> Generator[Found]:
        """`find_in_file` of all `paths`, in order, on all cores if there are many.

        scheduler: see `workers.map_in_order`.
        """
        if len(paths) <= (0 if scheduler else _FEW):
            yield from map(self.find_in_file, paths)
            return
        files = [os.path.abspath(path) for path in paths]
        folder = Path(os.path.commonpath(map(os.path.dirname, files)))
        find = partial(_find_alone, self)
        found = map_in_order(find, files, scheduler=scheduler, folder=folder)
        with closing(found):
            yield from found


def _find_alone(finder: FaceFinder, path: Path) -> Found:
    cv2.setNumThreads(1)  # one picture per process
    return finder.find_in_file(path)


@lru_cache
def _detector(name: str, min_face: int | None) -> Detect:
    """A detector, loaded once per process."""
    return get_detector(name, min_face)


def only_face(faces: list[Face], shape: tuple[int, ...]) -> str:
    """The rule, one of `FACE_RULES`, by which a picture of `shape` does not have exactly one large
    face; "" if it has."""
    if not faces:
        return NO_FACE
    if len(faces) > 1:
        return MORE_FACES
    left, top, right, bottom = faces[0].box
    share = min((right - left) / shape[1], (bottom - top) / shape[0])
    return SMALL_FACE if share < _SMALL else ""
