"""Reading of the face of each record."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..faces.detectors import get_detector
from ..faces.finder import FACE_RULES, MISSING, UNDECODABLE, FaceFinder, only_face
from ..faces.images import Box, ImageError, decode_image, jpeg_sides, read_bytes, resize
from .identities import file_identity
from .writing import RECORD

USABLE = "usable"
STATES = ("", USABLE, MISSING, UNDECODABLE, *FACE_RULES)  # by code; the first is `writing.TO_DO`
_CLEARLY_LARGER = 1.5  # sides of a reduced image, in sides of the face


@dataclass(frozen=True)
class FaceReader:
    """The face of an image for a database: at the record's box, else the largest that is found.

    Attributes:
        finder: detector and crop of the faces.
        one_face: reject images without exactly one face of at least a tenth of the image's side.
        whole: keep the whole image, resized, instead of the face's crop.
        hash_pixels: hash the decoded images.
    """

    finder: FaceFinder
    one_face: bool = False
    whole: bool = False
    hash_pixels: bool = False

    @property
    def size(self) -> int:
        return self.finder.crop.size

    @property
    def detects(self) -> bool:
        """Whether records without a box are searched for faces."""
        return self.one_face or not self.whole

    @property
    def is_parallel(self) -> bool:
        """Whether threads use all cores, as libraries that release Python's lock do all the work;
        the detector "none" of whole images and boxes does nothing."""
        return get_detector(self.finder.detector).is_parallel or self.finder.detector == "none"

    def read(
        self, task: tuple[Sequence[str], Sequence[Box | None]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Read the faces of some records.

        Args:
            task: absolute paths of their images, (n,), and where their faces are, None where
                unknown, (n,).

        Returns:
            Faces, uint8 (n, S, S, 3), BGR, and `RECORD`s (n,).
        """
        paths, boxes = task
        cv2.setNumThreads(1)  # one image per worker
        faces = np.zeros((len(paths), self.size, self.size, 3), np.uint8)
        records = np.zeros(len(paths), RECORD)
        for row, (path, box) in enumerate(zip(paths, boxes, strict=True)):
            identity, pixels = 0, 0
            try:
                content = read_bytes(path)
                identity = file_identity(content)
                reason, face, image = self._read_face(content, path, box)
            except FileNotFoundError:
                reason = MISSING
            except ImageError:
                reason = UNDECODABLE
            if not reason:
                faces[row] = face
                pixels = _hash(image) if self.hash_pixels else 0
            records[row] = (identity, pixels, STATES.index(reason or USABLE))
        return faces, records

    def _read_face(
        self, content: bytes, path: str, box: Box | None
    ) -> tuple[str, np.ndarray | None, np.ndarray | None]:
        """The rule by which there is no face, or "", the face, uint8 (S, S, 3), and the image."""
        if box is not None:
            image = decode_image(content, path)
            found = self.finder.find(image, [box] if _is_inside(box, image) else [])
        elif self.detects:
            is_needed = self.whole or self.hash_pixels
            found = self.finder.find_in_file(path, is_needed, content)
        else:
            image = decode_image(content, path, self._reduction(content))
            return "", resize(image, self.size), image
        reason = found.reason
        if self.one_face and not reason and box is None:
            reason = only_face(found.faces, found.shape)
        if reason:
            return reason, None, None
        face = resize(found.image, self.size) if self.whole else found.largest_crop
        return "", face, found.image

    def _reduction(self, content: bytes) -> int:
        """The largest reduction of a whole JPEG that stays clearly larger than the face.

        libjpeg's reduction differs from `cv2.INTER_AREA` by less than a grey level on average.
        """
        sides = jpeg_sides(content)
        scale = min(sides) / self.size / _CLEARLY_LARGER if sides else 1
        return next((reduction for reduction in (8, 4, 2) if reduction <= scale), 1)


def _is_inside(box: Box, image: np.ndarray) -> bool:
    """Whether any pixel of an image is in a box."""
    height, width = image.shape[:2]
    columns = min(int(box.right), width) - max(int(box.left), 0)
    return columns > 0 and min(int(box.bottom), height) > max(int(box.top), 0)


def _hash(image: np.ndarray) -> int:
    """A hash of an image's size and pixels, 64 bits."""
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=8)
    digest.update(image)
    return int.from_bytes(digest.digest(), "little")
