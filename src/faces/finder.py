"""Face detection and cropping in one image or in many."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..workers import map_in_order
from .crop import FaceCrop
from .detectors import get_detector
from .detectors.base import Face
from .images import ImageError, crop_with_margin, decode_image, jpeg_reduction, read_bytes, widest
from .quality import face_quality

MISSING, UNDECODABLE, NO_FACE = "image missing", "image undecodable", "no face found"
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

    def located(self, image: np.ndarray, faces: list[Face]) -> list[Face]:
        """The faces that can be cropped, with their quality, and points if the crop needs them."""
        faces = [face for face in faces if crop_with_margin(image, face.box, 0).size]
        if self.crop.is_aligned:
            find = get_detector("centerface").find_points
            points = [find(image, f.box) if f.points is None else f.points for f in faces]
            pairs = zip(faces, points, strict=True)
            faces = [replace(face, points=own) for face, own in pairs if own is not None]
        return [replace(face, quality=face_quality(image, face)) for face in faces]

    def detect(self, image: np.ndarray) -> list[Face]:
        """Faces of an image, uint8 (H, W, 3), BGR, that can be cropped."""
        return self.located(image, get_detector(self.detector)(image, self.min_face))

    def find(self, image: np.ndarray, faces: list[Face] | None = None, reduction: int = 1) -> Found:
        """Faces and crops of an image, uint8 (H, W, 3), BGR.

        faces: in the image, if they are known; then no detector runs.
        reduction: of the image, which the result's boxes undo; see `images.decode_image`.
        """
        if faces is None:
            faces = get_detector(self.detector)(image, self.min_face)
        faces = self.located(image, faces)
        crops = self.crop.stack(image, faces)
        if reduction > 1:
            faces = [face.scaled(reduction).rounded() for face in faces]
        height, width = (reduction * side for side in image.shape[:2])
        return Found(image, faces, crops, "" if faces else NO_FACE, shape=(height, width))

    def find_in_file(
        self, path: Path | str, with_image: bool = False, content: bytes | None = None
    ) -> Found:
        """Faces and crops of an image file, or the reason why it cannot be read.

        with_image: whether to return the image as well. Without it, large JPEGs are decoded no
            larger than the detector and aligned crops need.
        content: the bytes of the file, if they are read already.
        """
        detect, reduction = get_detector(self.detector), 1

        def scale(sides: Sequence[int]) -> float:
            return max(detect.scale(sides, self.min_face), _REDUCED_SIDE / max(sides))

        try:
            content = read_bytes(path) if content is None else content
            if self.crop.is_aligned and not with_image:
                reduction = jpeg_reduction(content, scale)
            image = decode_image(content, path, reduction)
            faces = detect(image, self.min_face and self.min_face / reduction)
            if reduction > 1 and not all(map(self.crop.shrinks, faces)):
                image = decode_image(content, path)
                faces, reduction = [face.scaled(reduction).rounded() for face in faces], 1
        except FileNotFoundError:
            return self.nothing(MISSING, f"{path}: expected an image, found nothing there")
        except ImageError as error:
            return self.nothing(UNDECODABLE, str(error))
        found = self.find(image, faces, reduction)
        return found if with_image else replace(found, image=None)

    def nothing(self, reason: str, error: str) -> Found:
        """The result for an image that cannot be read."""
        return Found(None, [], self.crop.stack(np.empty(0), []), reason, error)

    def find_all(
        self, paths: Sequence[Path], scheduler: str | None = None, with_image: bool = False
    ) -> Generator[Found]:
        """`find_in_file` of all `paths`, in order, on all cores.

        scheduler: see `workers.map_in_order`.
        with_image: whether to return the images, which a cluster's workers have to send.
        """
        self.load()
        files = [os.path.abspath(path) for path in paths]
        folder = Path(os.path.commonpath(map(os.path.dirname, files)) if files else "")
        find = partial(self.find_in_file, with_image=with_image)
        return map_in_order(find, files, scheduler=scheduler, folder=folder)
