"""Reading of the face of each record."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..faces.detectors.base import Face
from ..faces.finder import FACE_RULES, MISSING, NO_FACE, UNDECODABLE, FaceFinder, only_face
from ..faces.images import Box, ImageError, decode_image, jpeg_sides, read_bytes, resize
from .identities import file_identity
from .writing import RECORD

USABLE = "usable"
STATES = ("", USABLE, MISSING, UNDECODABLE, *FACE_RULES)  # by code; the first is `writing.TO_DO`


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

    def read(
        self, paths: Sequence[str], boxes: Sequence[Box | None]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Read the faces of some records.

        Args:
            paths: absolute paths of their images, (n,).
            boxes: where their faces are, None where unknown, (n,).

        Returns:
            Faces, uint8 (n, S, S, 3), BGR, and `RECORD`s (n,).
        """
        cv2.setNumThreads(1)  # one image per worker
        faces = np.zeros((len(paths), self.size, self.size, 3), np.uint8)
        records = np.zeros(len(paths), RECORD)
        image = _Image("")
        for row, (path, box) in enumerate(zip(paths, boxes, strict=True)):
            if path != image.path:  # the faces of one image are consecutive
                image = self._read_image(path)
            face, reason = (None, image.reason) if image.reason else self._face(image.image, box)
            if face is not None:
                faces[row] = face
            records[row] = (image.identity, image.pixels, STATES.index(reason or USABLE))
        return faces, records

    def _read_image(self, path: str) -> _Image:
        identity = 0
        try:
            content = read_bytes(path)
            identity = file_identity(content)
            image = decode_image(content, path, self._reduction(content))
        except FileNotFoundError:
            return _Image(path, MISSING)
        except ImageError:
            return _Image(path, UNDECODABLE, identity)
        return _Image(path, "", identity, _hash(image) if self.hash_pixels else 0, image)

    def _reduction(self, content: bytes) -> int:
        """The largest reduction of a JPEG at which it is still as large as the face.

        Only whole images are reduced. libjpeg's reduction is as smooth as `cv2.INTER_AREA`.
        """
        sides = None if self.detects else jpeg_sides(content)
        scale = min(sides) // self.size if sides else 1
        return next((reduction for reduction in (8, 4, 2) if reduction <= scale), 1)

    def _face(self, image: np.ndarray, box: Box | None) -> tuple[np.ndarray | None, str]:
        """The face, uint8 (S, S, 3), or the rule by which there is none."""
        if box is not None:
            faces = self.finder.located(image, [Face(box)] if _is_inside(box, image) else [])
            return (self.finder.crop.crop(image, faces[0]), "") if faces else (None, NO_FACE)
        if not self.detects:
            return resize(image, self.size), ""
        found = self.finder.find(image)
        reason = found.reason or (self.one_face and only_face(found.faces, image.shape)) or ""
        if reason:
            return None, reason
        return (resize(image, self.size) if self.whole else found.largest_crop), ""


@dataclass(frozen=True)
class _Image:
    """An image, uint8 (H, W, 3), or the reason why it cannot be read, and its hashes."""

    path: str
    reason: str = ""
    identity: int = 0
    pixels: int = 0
    image: np.ndarray | None = None


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
