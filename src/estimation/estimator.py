"""Faces in, ages and genders out: the only way anything in the toolkit predicts."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from src.estimation.runtimes import load, runtime_of
from src.estimation.shipped import shipped_weights
from src.labels import age_interval, expected_age

_BATCH = 32  # faces; larger batches are no faster on a CPU


@dataclass(frozen=True)
class Estimates:
    """What a model says of N faces.

    p_female: float32 (N,), 0..1.  age: float32 (N,), years, the distribution's expectation.
    age_low, age_high: int64 (N,), years, the shortest range that holds 80 %.
    age_distribution: float32 (N, 101).
    """

    p_female: np.ndarray
    age: np.ndarray
    age_low: np.ndarray
    age_high: np.ndarray
    age_distribution: np.ndarray

    @classmethod
    def of(cls, p_female: np.ndarray, age_distribution: np.ndarray) -> "Estimates":
        """Read ages and intervals from distributions, float32 (N, 101)."""
        low, high = age_interval(age_distribution)
        return cls(p_female, expected_age(age_distribution), low, high, age_distribution)

    @property
    def gender(self) -> np.ndarray:
        """The likelier one, int64 (N,), a place in `labels.GENDERS`; male at a half."""
        return (self.p_female <= 0.5).astype(np.int64)

    @property
    def p_gender(self) -> np.ndarray:
        """The probability of the likelier gender, float32 (N,), 0.5..1."""
        return np.maximum(self.p_female, 1 - self.p_female)

    def of_faces(self, faces: slice) -> "Estimates":
        """What is said of some of the faces."""
        return Estimates(*(getattr(self, field.name)[faces] for field in fields(self)))


class Estimator:
    """A checkpoint or an exported model that estimates age and gender.

    `margin`, `align` and `img_size` say how it wants faces cut, as `faces.crop` takes them.
    """

    def __init__(
        self,
        weight_file: Path | None = None,
        depth: int = 16,
        width: int = 8,
        runtime: str | None = None,
        img_size: int | None = None,
    ):
        """Load `weight_file`, or the weights that ship.

        depth, width, img_size: as `load_checkpoint` takes them.
        runtime: one of `runtimes.RUNTIMES`; None for the one of the file's name.
        """
        weight_file = weight_file or shipped_weights()
        runtime = runtime or runtime_of(weight_file)
        self._predict, self.description = load(weight_file, runtime, depth, width, img_size)
        self.margin, self.align = self.description.margin, self.description.align
        self.img_size = self.description.img_size

    def __call__(self, faces: np.ndarray) -> Estimates:
        """Estimate faces, uint8 (N, img_size, img_size, 3), BGR, 0..255; N may be 0."""
        genders = [np.empty((0, 2), np.float32)]
        ages = [np.empty((0, 101), np.float32)]
        for start in range(0, len(faces), _BATCH):
            gender, age = self._predict(faces[start : start + _BATCH])
            genders.append(gender)
            ages.append(age)
        return Estimates.of(np.concatenate(genders)[:, 0], np.concatenate(ages))
