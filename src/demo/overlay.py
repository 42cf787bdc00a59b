"""Annotation of pictures: boxes, labels, blurred faces, hints."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from ..estimation.estimator import Estimates
from ..faces.images import Box
from ..labels import INITIALS

# Of female and male faces, BGR: white text on either has a contrast of at least 7:1.
COLOURS = ((110, 20, 160), (180, 75, 0))
_WHITE = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_TEXT_OF_FACE = 0.2  # height of the text, as a fraction of the face's width,
_TEXT_OF_PICTURE = 0.016, 0.05  # within these fractions of the picture's longer side,
_SMALLEST_TEXT = 10  # and at least this number of pixels
_MOSAIC = 6  # blocks along each side of an anonymous face
_MOSAIC_MARGIN = 0.25  # of its width, around the box: hair, ears and chin


def annotate(
    image: np.ndarray,
    boxes: Sequence[Box],
    estimates: Estimates,
    anonymize: bool = False,
    numbers: Sequence[int] | None = None,
) -> np.ndarray:
    """A copy of `image`, uint8 (H, W, 3), BGR, with each face's box and label.

    A label is "age (interval) gender". Lines and text grow with the picture. Labels cover no face
    if the picture has room for them.
    anonymize: blur the faces.
    numbers: numbers of the faces, as prefixes of their labels.
    """
    annotated = image.copy()
    if anonymize:
        for box in boxes:
            _blur(annotated, box)
    line = _line(image.shape)
    for box, gender in zip(boxes, estimates.gender, strict=True):
        cv2.rectangle(annotated, box[:2], box[2:], COLOURS[gender], line)
    taken = [_enlarged(box, line) for box in boxes]
    for i, box in enumerate(boxes):
        text = "" if numbers is None else f"{numbers[i]}: "
        label = _Label(text + label_text(estimates, i), box, image.shape)
        place = label.find_place(taken)
        label.draw(annotated, place, COLOURS[estimates.gender[i]])
        taken.append(place)
    return annotated


def label_text(estimates: Estimates, face: int) -> str:
    """ "age (interval) gender" of a face."""
    interval = f"{estimates.age_low[face]}-{estimates.age_high[face]}"
    return f"{estimates.age[face]:.0f} ({interval}) {INITIALS[estimates.gender[face]]}"


def _line(shape: tuple[int, ...]) -> int:
    """Thickness of lines in a picture of `shape`, in pixels."""
    return max(1, round(max(shape[:2]) / 400))


class _Label:
    """Text next to a face, in a picture of `shape`."""

    def __init__(self, text: str, box: Box, shape: tuple[int, ...]):
        self._text, self._box = text, box
        self._height, self._width = shape[:2]
        self._line = _line(shape)
        small, large = (share * max(shape[:2]) for share in _TEXT_OF_PICTURE)
        text_height = max(np.clip(_TEXT_OF_FACE * (box.right - box.left), small, large), 1)
        self._text_height = max(round(text_height), _SMALLEST_TEXT)
        self._thickness = max(1, round(self._text_height / 9))
        self._scale = cv2.getFontScaleFromHeight(_FONT, self._text_height, self._thickness)
        self._pad = max(2, self._text_height // 3)
        text_width = cv2.getTextSize(text, _FONT, self._scale, self._thickness)[0][0]
        if text_width + 2 * self._pad > self._width:  # a picture narrower than its label
            self._scale *= max(self._width - 2 * self._pad, 1) / text_width
            text_width = self._width - 2 * self._pad
        self.size = text_width + 2 * self._pad, self._text_height + 2 * self._pad

    def find_place(self, taken: list[Box]) -> Box:
        """The place in the picture that covers the smallest part of `taken`; the nearest of
        several."""
        places = list(self._places())
        overlaps = _covered(np.array(places), np.array(taken))
        return places[int(overlaps.argmin())]  # the first minimum is the nearest

    def _places(self) -> Iterator[Box]:
        """Above, below and next to the box, then at increasing distances."""
        box, (width, height) = self._box, self.size
        middle = (box.left + box.right - width) // 2
        for ring in range(12):
            away = self._line + ring * height
            columns = [
                box.left,
                box.right - width,
                middle,
                box.left - width - away,
                box.right + away,
            ]
            rows = [box.top - height - away, box.bottom + 1 + away]
            yield from (self._inside(x, y) for y in rows for x in columns)
            yield from (
                self._inside(x, y)
                for x in (box.right + 1 + away, box.left - width - away)
                for y in range(box.top - away, box.bottom + away, height)
            )

    def _inside(self, left: int, top: int) -> Box:
        width, height = self.size
        left = max(0, min(left, self._width - width))
        top = max(0, min(top, self._height - height))
        return Box(left, top, left + width, top + height)

    def draw(self, image: np.ndarray, place: Box, colour: tuple[int, int, int]) -> None:
        """White text on `colour` at `place`, with a line to the box if that is not next to it."""
        box = self._box
        near = _enlarged(box, self.size[1])
        if not _covered(np.array([place]), np.array([near]))[0]:
            ends = [((b[0] + b[2]) // 2, (b[1] + b[3]) // 2) for b in (box, place)]
            start = tuple(np.clip(ends[1], box[:2], box[2:]).tolist())
            cv2.line(image, start, ends[1], colour, self._line, cv2.LINE_AA)
        cv2.rectangle(image, place[:2], (place.right - 1, place.bottom - 1), colour, cv2.FILLED)
        origin = place.left + self._pad, place.bottom - self._pad - 1
        cv2.putText(
            image, self._text, origin, _FONT, self._scale, _WHITE, self._thickness, cv2.LINE_AA
        )


def _covered(places: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Number of pixels, (N,), of each place, int (N, 4), in the boxes `taken`, int (M, 4)."""
    low = np.maximum(places[:, None, :2], taken[None, :, :2])
    high = np.minimum(places[:, None, 2:], taken[None, :, 2:])
    return np.clip(high - low, 0, None).prod(axis=2).sum(axis=1)


def _enlarged(box: Box, pixels: int) -> Box:
    return Box(box.left - pixels, box.top - pixels, box.right + pixels, box.bottom + pixels)


def _blur(image: np.ndarray, box: Box) -> None:
    """Replace a face, in place, by a mosaic of the means of a few blocks."""
    left, top, right, bottom = _enlarged(box, round(_MOSAIC_MARGIN * (box.right - box.left)))
    face = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if not face.size:
        return
    height, width = face.shape[:2]
    blocks = cv2.resize(face, (_MOSAIC, _MOSAIC), interpolation=cv2.INTER_AREA)
    face[:] = cv2.resize(blocks, (width, height), interpolation=cv2.INTER_LINEAR)


def add_hint(image: np.ndarray, hint: str) -> np.ndarray:
    """A copy of `image`, uint8 (H, W, 3), with `hint` in a dark strip at its bottom."""
    hinted = image.copy()
    height, width = image.shape[:2]
    scale = max(0.4, width / 1600)
    (_, text_height), below = cv2.getTextSize(hint, _FONT, scale, 1)
    strip = hinted[max(height - text_height - 2 * below, 0) :]
    strip //= 3
    origin = (below, height - below)
    cv2.putText(hinted, hint, origin, _FONT, scale, _WHITE, max(1, round(scale)), cv2.LINE_AA)
    return hinted
