"""Reading of faces, by record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..faces.detectors.base import Face
from ..faces.finder import MISSING, NO_FACE, UNDECODABLE, FaceFinder, Found
from ..faces.images import Box, ImageError, decode_image, jpeg_reduction, read_bytes, resize
from .identities import file_identity
from .writing import RECORD

USABLE, MORE_FACES, SMALL_FACE = "usable", "more than one face", "face below a tenth of the image"
FACE_RULES = NO_FACE, MORE_FACES, SMALL_FACE
STATES = ("", USABLE, MISSING, UNDECODABLE, *FACE_RULES)  # by code; the first is `writing.TO_DO`
_CLEARLY_LARGER = 1.5  # sides of a reduced image, in sides of the face


@dataclass(frozen=True)
class FaceReader:
    """Reads the face of an image: at the record's box, else the largest detected one.

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

    def read(
        self, task: tuple[Sequence[str], Sequence[Box | None]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Faces, uint8 (n, S, S, 3), BGR, and `RECORD`s (n,) of some records.

        task: absolute paths of their images, (n,), and boxes of their faces, (n,), None if unknown.
        """
        paths, boxes = task
        size = self.finder.crop.size
        faces = np.zeros((len(paths), size, size, 3), np.uint8)
        records = np.zeros(len(paths), RECORD)
        for row, (path, box) in enumerate(zip(paths, boxes, strict=True)):
            record = records[row]
            try:
                content = read_bytes(path)
                record["identity"] = file_identity(content)
                found = self._find(content, path, box)
                reason = found.reason
                if self.one_face and not reason and box is None:
                    reason = _only_face(found.faces, found.shape)
            except FileNotFoundError:
                reason = MISSING
            except ImageError:
                reason = UNDECODABLE
            if not reason:
                faces[row] = resize(found.image, size) if self.whole else found.largest_crop
                if self.hash_pixels:
                    content = repr(found.image.shape).encode() + found.image.tobytes()
                    record["pixels"] = file_identity(content)
            record["state"] = STATES.index(reason or USABLE)
        return faces, records

    def _find(self, content: bytes, path: str, box: Box | None) -> Found:
        if box is not None:
            return self.finder.find(decode_image(content, path), [Face(box).rounded()])
        if not self.whole or self.one_face:
            return self.finder.find_in_file(path, self.whole or self.hash_pixels, content)
        # libjpeg's reduction differs from INTER_AREA by less than a grey level on average.
        side = self.finder.crop.size * _CLEARLY_LARGER
        reduction = jpeg_reduction(content, lambda sides: side / min(sides))
        return Found(decode_image(content, path, reduction), [], np.empty(0))


def _only_face(faces: list[Face], shape: tuple[int, ...]) -> str:
    """The rule by which an image of `shape` has not exactly one large face; "" if it has."""
    if not faces:
        return NO_FACE
    if len(faces) > 1:
        return MORE_FACES
    left, top, right, bottom = faces[0].box
    share = min((right - left) / shape[1], (bottom - top) / shape[0])
    return SMALL_FACE if share < 0.1 else ""
