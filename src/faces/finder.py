"""Face detection and cropping in one image or in many."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from ..errors import UserError
from ..workers import map_in_order
from .crop import FaceCrop
from .detectors import get_detector
from .detectors.base import Face
from .images import (
    Box,
    ImageError,
    crop_with_margin,
    decode_image,
    jpeg_reduction,
    read_bytes,
    widest,
)
from .quality import face_quality

MISSING, UNDECODABLE = "image missing", "image undecodable"
NO_FACE, MORE_FACES, SMALL_FACE = FACE_RULES = (
    "no face found",
    "more than one face",
    "face below a tenth of the image",
)
_MIN_FOR_POOL = 8  # images: fewer are done before a process starts
_REDUCED_SIDE = 1500  # minimum, of reduced JPEGs: enough for the crops of large faces


@dataclass(frozen=True)
class Found:
    """An image and its faces, or the reason for having none."""

    image: np.ndarray | None  # uint8 (H, W, 3), BGR; None if unreadable or not asked for
    faces: list[Face]  # those that can be cropped
    crops: np.ndarray  # uint8 (N, S, S, 3), BGR
    reason: str = ""  # `MISSING`, `UNDECODABLE` or `NO_FACE`; "" if there are faces
    error: str = ""  # message for the user if the image cannot be read
    shape: tuple[int, int] = (0, 0)  # up to 7 pixels too large if a reduced JPEG was decoded

    @property
    def largest_crop(self) -> np.ndarray:
        """The crop of the face with the widest box."""
        return self.crops[widest([face.box for face in self.faces])]


@dataclass(frozen=True)
class FaceFinder:
    """Detects the faces of images and crops them. Threads may share it.

    >>> finder = FaceFinder("centerface", None, FaceCrop(136, 0.25, "face_chip"))
    >>> found = finder.find_in_file("photo.jpg")
    >>> [face.box for face in found.faces], found.crops.shape

    detector, min_face: see `detectors.get_detector`.  crop: parameters of the crops.
    Raises `UserError` if `min_face` is not positive, and at first use if the detector is unknown or
    its package is not installed.
    """

    detector: str
    min_face: int | None
    crop: FaceCrop

    def __post_init__(self) -> None:
        if self.min_face is not None and self.min_face <= 0:
            raise UserError(f"min_face: expected a positive number, received {self.min_face}")

    def load(self) -> None:
        """Load the detector. Raises `UserError` if its package is not installed."""
        get_detector(self.detector)
        if self.crop.is_aligned:
            get_detector("centerface")

    def located(self, image: np.ndarray, faces: list[Face], reduction: int = 1) -> list[Face]:
        """The faces that can be cropped, with their quality, and points if the crop needs them;
        reduction: see `images.decode_image`."""
        faces = [face for face in faces if crop_with_margin(image, face.box, 0).size]
        if self.crop.is_aligned:
            find = get_detector("centerface").find_points
            points = [find(image, f.box) if f.points is None else f.points for f in faces]
            pairs = zip(faces, points, strict=True)
            faces = [replace(face, points=own) for face, own in pairs if own is not None]
        return [replace(face, quality=face_quality(image, face, reduction)) for face in faces]

    def detect(self, image: np.ndarray) -> list[Face]:
        """Faces of an image, uint8 (H, W, 3), BGR, that can be cropped."""
        return self.located(image, get_detector(self.detector)(image, self.min_face))

    def find(self, image: np.ndarray, boxes: Sequence[Box] | None = None) -> Found:
        """Faces and crops of an image, uint8 (H, W, 3), BGR.

        boxes: of its faces, in pixels; then no detector runs.
        """
        if boxes is None:
            return self._crop(image, get_detector(self.detector)(image, self.min_face))
        return self._crop(image, [Face(Box(*box)).rounded() for box in boxes])

    def find_in_file(
        self, path: Path | str, with_image: bool = False, content: bytes | None = None
    ) -> Found:
        """Faces and crops of an image file, or the reason why it cannot be read.

        with_image: whether to return the image as well. Without it, large JPEGs are decoded no
            larger than the detector and aligned crops need.
        content: the bytes of the file, if they are read already.
        """
        try:
            content = read_bytes(path) if content is None else content
            is_reducible = self.crop.is_aligned and not with_image
            reduction = jpeg_reduction(content, self._scale) if is_reducible else 1
            image = decode_image(content, path, reduction)
            min_face = self.min_face and self.min_face / reduction
            faces = get_detector(self.detector)(image, min_face)
            if reduction > 1 and not all(map(self.crop.shrinks, faces)):
                image = decode_image(content, path)
                faces, reduction = [face.scaled(reduction).rounded() for face in faces], 1
            found = self._crop(image, faces, reduction)
            return found if with_image else replace(found, image=None)
        except FileNotFoundError:
            reason, error = MISSING, f"{path}: expected an image, found nothing there"
        except ImageError as unreadable:
            reason, error = UNDECODABLE, str(unreadable)
        return Found(None, [], self.crop.stack(np.empty((0, 0, 3), np.uint8), []), reason, error)

    def _scale(self, sides: tuple[int, int]) -> float:
        """The scale of an image of these sides that the detector needs."""
        scale = get_detector(self.detector).scale(sides, self.min_face)
        return max(scale, _REDUCED_SIDE / max(sides))

    def _crop(self, image: np.ndarray, faces: list[Face], reduction: int = 1) -> Found:
        faces = self.located(image, faces, reduction)
        crops = self.crop.stack(image, faces)
        if reduction > 1:
            faces = [face.scaled(reduction).rounded() for face in faces]
        height, width = (reduction * side for side in image.shape[:2])
        return Found(image, faces, crops, "" if faces else NO_FACE, shape=(height, width))

    def find_all(
        self, paths: Sequence[Path], scheduler: str | None = None, with_image: bool = False
    ) -> Generator[Found]:
        """`find_in_file` of all `paths`, in order, on all cores.

        scheduler: see `workers.map_in_order`.
        with_image: whether to return the images, which processes have to send.
        """
        self.load()
        few = len(paths) <= _MIN_FOR_POOL
        threads = not scheduler and (few or get_detector(self.detector).is_parallel)
        files = [os.path.abspath(path) for path in paths]
        folder = Path(os.path.commonpath(map(os.path.dirname, files)) if files else "")
        find = partial(_find_alone, self, with_image)
        found = map_in_order(find, files, threads=threads, scheduler=scheduler, folder=folder)
        with closing(found):
            yield from found


def _find_alone(finder: FaceFinder, with_image: bool, path: str) -> Found:
    cv2.setNumThreads(1)  # one image per worker
    return finder.find_in_file(path, with_image)


def only_face(faces: list[Face], shape: tuple[int, ...]) -> str:
    """The rule by which an image of `shape` has not exactly one large face; "" if it has."""
    if not faces:
        return NO_FACE
    if len(faces) > 1:
        return MORE_FACES
    left, top, right, bottom = faces[0].box
    share = min((right - left) / shape[1], (bottom - top) / shape[0])
    return SMALL_FACE if share < 0.1 else ""
