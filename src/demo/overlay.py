"""Annotation of images: faces as text, boxes, labels, blurred faces."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from ..estimation.estimator import FaceEstimate
from ..faces.images import Box
from ..labels import GENDER_COLOURS, GENDERS, INITIALS

MIN_CERTAINTY = 0.8  # probability of the gender, below which it has a question mark
# White text on each of them has a contrast of at least 7:1.
GREY = (85, 85, 85)
COLOURS = tuple(tuple(bytes.fromhex(colour[1:])[::-1]) for colour in GENDER_COLOURS)  # BGR
_WHITE = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_TEXT_OF_FACE = 0.2  # height of the text, as a fraction of the face's width,
_TEXT_OF_IMAGE = 0.05  # at most this fraction of the image's longer side,
_SMALLEST_TEXT = 9  # and at least this number of pixels
_MAX_COVERED = 0.1  # share of a label that may be on the edge of another face
_COVERS_OWN_FACE = 0.1  # cost of a covered pixel of the own face, relative to another one
_MOSAIC = 6  # blocks along each side of an anonymous face
_MOSAIC_MARGIN = 0.25  # of its width, around the box: hair, ears and chin


class Wording(NamedTuple):
    """A face as text, what --labels shows of it."""

    full: str  # "34 (28-41) F"
    short: str  # "34 F"
    line: str  # "34.1 years (28-41), F 0.97"
    cells: dict[str, str]  # of a table, by their headers


def wording(face: FaceEstimate, shown: str = "both") -> Wording:
    """A face as text; shown: "age", "gender" or "both"."""
    years, interval = f"{face.age:.0f}", f"{face.age_low}-{face.age_high}"
    initial = INITIALS[GENDERS.index(face.gender)]
    doubt = "" if face.p_gender >= MIN_CERTAINTY else "?"

    def joined(age: str, gender: str, separator: str = " ") -> str:
        return {"age": age, "gender": gender, "both": f"{age}{separator}{gender}"}[shown]

    ages = {"age": f"{face.age:.1f}", "80 %": interval} if shown != "gender" else {}
    genders = {"gender": f"{face.gender}{doubt} {face.p_gender:.0%}"} if shown != "age" else {}
    return Wording(
        joined(f"{years} ({interval})", initial + doubt),
        joined(years, initial + doubt),
        joined(f"{face.age:.1f} years ({interval})", f"{initial} {face.p_gender:.2f}", ", "),
        ages | genders,
    )


def annotate(
    image: np.ndarray,
    faces: Sequence[FaceEstimate],
    anonymize: bool = False,
    numbers: Sequence[int] | None = None,
    shown: str = "both",
) -> np.ndarray:
    """A copy of an image with each face's box and label.

    A label is "age (interval) gender" next to its face, at most as wide, shortened to the age if
    there is no room. Lines and text grow with the image.

    Args:
        image: uint8 (H, W, 3), BGR.
        faces: boxes in pixels of the image.
        anonymize: blur the faces.
        numbers: numbers of the faces, as prefixes of their labels.
        shown: "age", "gender" or "both".
    """
    annotated = image.copy()
    if anonymize:
        for face in faces:
            _blur(annotated, face.box)
    line = _line(image.shape)
    for face in faces:
        cv2.rectangle(annotated, face.box[:2], face.box[2:], _colour(face, shown), line)
    taken = [_enlarged(face.box, line) for face in faces]
    for i, face in enumerate(faces):
        others = np.array(taken[:i] + taken[i + 1 :]).reshape(-1, 4)
        words, prefix = wording(face, shown), "" if numbers is None else f"{numbers[i]}: "
        texts = [prefix + words.full, prefix + words.short, words.short]
        if shown != "gender":
            texts.append(wording(face, "age").short)
        for text in texts:  # the longest that fits, or the shortest
            label = _Label(text, face.box, image.shape)
            covered = label.find_position(others)
            if label.fits and covered <= _MAX_COVERED:
                break
        label.draw(annotated, _colour(face, shown))
        taken.append(label.box)
    return annotated


def _colour(face: FaceEstimate, shown: str) -> tuple[int, int, int]:
    """The colour of a face, BGR: of its gender; grey if that is uncertain or not shown."""
    if shown == "age" or face.p_gender < MIN_CERTAINTY:
        return GREY
    return COLOURS[GENDERS.index(face.gender)]


def _line(shape: tuple[int, ...]) -> int:
    """Thickness of lines in an image of `shape`, in pixels."""
    return max(1, round(max(shape[:2]) / 400))


class _Label:
    """Text next to a face, in an image of `shape`.

    fits: whether it is no wider than the face.  box: where it is, after `find_position`.
    """

    def __init__(self, text: str, face: Box, shape: tuple[int, ...]):
        self._text, self._face, self._shape, self._line = text, face, shape, _line(shape)
        side = face.right - face.left + self._line
        height = round(min(_TEXT_OF_FACE * side, _TEXT_OF_IMAGE * max(shape[:2])))
        self._measure(height)
        if self.size[0] > side:
            self._measure(int(height * side / self.size[0]))
        self.fits = self.size[0] <= side

    def _measure(self, height: int) -> None:
        """Set the size for a height of the text."""
        height = max(height, _SMALLEST_TEXT)
        self._thickness, self._pad = max(1, round(height / 9)), max(2, height // 4)
        self._scale = cv2.getFontScaleFromHeight(_FONT, height, self._thickness)
        width = cv2.getTextSize(self._text, _FONT, self._scale, self._thickness)[0][0]
        self.size = width + 2 * self._pad, height + 2 * self._pad

    def find_position(self, others: np.ndarray) -> float:
        """Choose the position above, below or within the face that covers the least of the boxes
        `others`, int (M, 4); returns the share of the label that covers them."""
        (width, height), face, line = self.size, self._face, self._line
        x = np.array([face.left - line // 2, face.right - width, (sum(face[::2]) - width) // 2])
        y = np.array(
            [face.top - height - line, face.bottom + 1 + line, face.bottom - height, face.top]
        )
        left = np.clip(x, 0, max(self._shape[1] - width, 0))
        top = np.clip(y, 0, max(self._shape[0] - height, 0))
        corners = np.stack([np.tile(left, len(y)), np.repeat(top, len(x))], axis=1)
        positions = np.hstack([corners, corners + self.size])
        covered = _covered(positions, others)
        cost = covered + _COVERS_OWN_FACE * _covered(positions, np.array([face]))
        best = int(cost.argmin())  # the first minimum
        self.box = Box(*positions[best].tolist())
        return float(covered[best]) / (width * height)

    def draw(self, image: np.ndarray, colour: tuple[int, int, int]) -> None:
        """White text on `colour`."""
        box, pad = self.box, self._pad
        cv2.rectangle(image, box[:2], (box.right - 1, box.bottom - 1), colour, cv2.FILLED)
        origin, font = (box.left + pad, box.bottom - pad - 1), (_FONT, self._scale)
        cv2.putText(image, self._text, origin, *font, _WHITE, self._thickness, cv2.LINE_AA)


def _covered(positions: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Number of pixels, (N,), of each position, int (N, 4), in the boxes `taken`, int (M, 4)."""
    low = np.maximum(positions[:, None, :2], taken[None, :, :2])
    high = np.minimum(positions[:, None, 2:], taken[None, :, 2:])
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
