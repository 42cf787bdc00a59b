"""Reading of the face of each record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..faces.detectors import get_detector
from ..faces.finder import FACE_RULES, MISSING, UNDECODABLE, FaceFinder, only_face
from ..faces.images import (
    Box,
    ImageError,
    decode_image,
    jpeg_reduction,
    jpeg_sides,
    read_bytes,
    resize,
)
from .identities import file_identity
from .writing import RECORD

USABLE = "usable"
STATES = ("", USABLE, MISSING, UNDECODABLE, *FACE_RULES)  # by code; the first is `writing.TO_DO`
_CLEARLY_LARGER = 1.5  # sides of a reduced image, in sides of the face


@dataclass(frozen=True)
class FaceReader:
    """The face of an image for a database: at the record's box, else the largest detected one.

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
    def is_parallel(self) -> bool:
        """Whether threads use all cores: all work is done by libraries that release Python's lock;
        the detector "none" of whole images and boxes does nothing."""
        return get_detector(self.finder.detector).is_parallel

    def read(
        self, task: tuple[Sequence[str], Sequence[Box | None]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Read the faces of some records.

        Args:
            task: absolute paths of their images, (n,), and boxes of their faces, None where
                unknown, (n,).

        Returns:
            Faces, uint8 (n, S, S, 3), BGR, and `RECORD`s (n,).
        """
        paths, boxes = task
        size = self.finder.crop.size
        cv2.setNumThreads(1)  # one image per worker
        faces = np.zeros((len(paths), size, size, 3), np.uint8)
        records = np.zeros(len(paths), RECORD)
        for row, (path, box) in enumerate(zip(paths, boxes, strict=True)):
            identity, pixels = 0, 0
            try:
                content = read_bytes(path)
                identity = file_identity(content)
                reason, face, image = self._read_face(content, path, box)
                if not reason:
                    faces[row] = face
                    if self.hash_pixels:
                        pixels = file_identity(repr(image.shape).encode() + image.tobytes())
            except FileNotFoundError:
                reason = MISSING
            except ImageError:
                reason = UNDECODABLE
            records[row] = (identity, pixels, STATES.index(reason or USABLE))
        return faces, records

    def _read_face(
        self, content: bytes, path: str, box: Box | None
    ) -> tuple[str, np.ndarray | None, np.ndarray | None]:
        """The rule by which there is no face, or "", the face, uint8 (S, S, 3), and the image."""
        size = self.finder.crop.size
        if self.whole and not self.one_face:
            # libjpeg's reduction differs from INTER_AREA by less than a grey level on average.
            sides = jpeg_sides(content)
            reduction = jpeg_reduction(size * _CLEARLY_LARGER / min(sides)) if sides else 1
            image = decode_image(content, path, reduction)
            return "", resize(image, size), image
        if box is not None:
            found = self.finder.find(decode_image(content, path), [box])
        else:
            found = self.finder.find_in_file(path, self.whole or self.hash_pixels, content)
        reason = found.reason
        if self.one_face and not reason and box is None:
            reason = only_face(found.faces, found.shape)
        if reason:
            return reason, None, None
        face = resize(found.image, size) if self.whole else found.largest_crop
        return "", face, found.image
