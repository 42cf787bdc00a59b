"""Estimates of faces, as arrays, objects, tables and HTML."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from ..faces.detectors.base import Face
from ..faces.images import Box
from ..labels import GENDER_COLOURS, GENDERS, MAX_AGE, age_interval, expected_age
from ..thumbnails import data_url, shrink
from .images import ImageSource, read_pixels

if TYPE_CHECKING:
    import pandas

_COLUMNS = ("age", "age_low", "age_high", "gender", "p_female", "quality")
_SHOWN = 800  # pixels, longer side of an image in a notebook


@dataclass(frozen=True)
class Estimates:
    """Estimates of N faces.

    p_female: float32 (N,), 0..1.  age: float32 (N,), years, the distribution's expectation.
    age_low, age_high: int64 (N,), years, the shortest range with a probability of 80 %.
    age_distribution: float32 (N, 101).
    """

    p_female: np.ndarray
    age: np.ndarray
    age_low: np.ndarray
    age_high: np.ndarray
    age_distribution: np.ndarray

    @classmethod
    def of(cls, p_female: np.ndarray, age_distribution: np.ndarray) -> Estimates:
        """Estimates with ages and intervals computed from distributions, float32 (N, 101)."""
        low, high = age_interval(age_distribution)
        return cls(p_female, expected_age(age_distribution), low, high, age_distribution)

    @property
    def gender(self) -> np.ndarray:
        """The more probable one, int64 (N,), an index of `labels.GENDERS`; male at 0.5."""
        return (self.p_female <= 0.5).astype(np.int64)

    @property
    def gender_distribution(self) -> np.ndarray:
        """Probabilities in the order of `labels.GENDERS`, float32 (N, 2)."""
        return np.stack([self.p_female, 1 - self.p_female], axis=1)

    def of_faces(self, faces: slice) -> Estimates:
        """Estimates of some of the faces."""
        return Estimates(*(getattr(self, field.name)[faces] for field in fields(self)))

    def of_face(self, row: int, face: Face) -> FaceEstimate:
        """The estimate of one face."""
        numbers = ("age", "age_low", "age_high", "p_female")
        return FaceEstimate(
            box=face.box,
            gender=GENDERS[self.gender[row]],
            quality=face.quality,
            age_distribution=self.age_distribution[row],
            **{name: getattr(self, name)[row].item() for name in numbers},
        )


@dataclass(frozen=True)
class FaceEstimate:
    """One face of an image and its estimates.

    Attributes:
        box: left, top, right, bottom in pixels of the image; right and bottom are exclusive.
        age: years, the expectation of `age_distribution`.
        age_low: first year of the shortest range with a probability of 80 %.
        age_high: last year of that range.
        gender: "female" or "male", the more probable one.
        p_female: probability of female, 0..1.
        quality: of the face in the image, 0..1; at low values the age is less reliable.
        age_distribution: probability of each age from 0 to 100, float32 (101,).
    """

    box: Box
    age: float
    age_low: int
    age_high: int
    gender: str
    p_female: float
    quality: float
    age_distribution: np.ndarray = field(repr=False, compare=False)

    @property
    def p_gender(self) -> float:
        """Probability of `gender`, 0.5..1."""
        return max(self.p_female, 1 - self.p_female)

    def p_age(self, low: int, high: int = MAX_AGE) -> float:
        """Probability that the age is from `low` to `high` completed years, both included.

        >>> face = estimator.predict(portrait)[0]
        >>> face.p_age(18) > 0.99
        True
        >>> round(face.p_age(0, 17) + face.p_age(18), 3)
        1.0
        """
        return float(self.age_distribution[low : high + 1].sum())

    def as_dict(self) -> dict[str, Any]:
        """The estimates as numbers and text, for JSON; without the distribution.

        >>> " ".join(estimator.predict(portrait)[0].as_dict())
        'left top right bottom age age_low age_high gender p_female quality'
        """
        return self.box._asdict() | {name: getattr(self, name) for name in _COLUMNS}

    def __str__(self) -> str:
        return (
            f"{self.gender} ({self.p_gender:.0%}), {self.age:.0f} years "
            f"({self.age_low}-{self.age_high}), box {', '.join(map(str, self.box))}"
        )


class ImageFaces(list[FaceEstimate]):
    """The faces of one image: a list that a notebook shows as the image with its faces.

    Attributes:
        source: the image that was passed to `Estimator.predict`.
        error: the reason why the image could not be read, or "".
    """

    def __init__(self, source: ImageSource, channels: str = "bgr", error: str = ""):
        self.source, self.error, self._channels = source, error, channels

    def _repr_html_(self) -> str:
        if self.error:
            return html.escape(self.error)
        image = read_pixels(self.source, self._channels)
        shown = Image.fromarray(shrink(image, _SHOWN)[..., ::-1])
        draw = ImageDraw.Draw(shown)
        for face in self:
            box = np.multiply(face.box, shown.width / image.shape[1]).round()
            colour = GENDER_COLOURS[GENDERS.index(face.gender)]
            draw.rectangle(np.add(box, [-1, -1, 1, 1]).tolist(), outline=colour, width=3)
            draw.text(box[:2].tolist(), f"{face.age:.0f}", colour, anchor="lb", font_size=18)
        url = data_url(np.asarray(shown)[..., ::-1])
        lines = "".join(f"<br>{html.escape(str(face))}" for face in self)
        return f'<img src="{url}" alt="{len(self)} faces">{lines}'


def to_frame(results: Iterable[ImageFaces]) -> pandas.DataFrame:
    """A table of the faces of many images, one row per face; images without faces have none.

    The column `file` is the path of the image, or its position in `results` if it has none; `face`
    counts from 1 within each image.

    >>> to_frame(estimator.predict([portrait, portrait]))["face"].tolist()
    [1, 1]
    """
    import pandas

    rows = []
    for position, faces in enumerate(results):
        file = str(faces.source) if isinstance(faces.source, str | os.PathLike) else position
        rows += [{"file": file, "face": i, **face.as_dict()} for i, face in enumerate(faces, 1)]
    return pandas.DataFrame(rows, columns=["file", "face", *Box._fields, *_COLUMNS])
