"""Prediction of age and gender from pictures and face crops."""

from dataclasses import dataclass, fields
from pathlib import Path
from threading import Lock

import numpy as np

from ..errors import UserError
from ..faces.detectors import DEFAULT_DETECTOR
from ..faces.finder import FaceFinder
from ..faces.images import Box
from ..labels import GENDERS, age_interval, expected_age
from ..models.description import Original
from .runtimes import load, runtime_of
from .shipped import shipped_weights

Picture = Path | str | np.ndarray

_BATCH = 32  # faces; larger batches are no faster on a CPU


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
    def of(cls, p_female: np.ndarray, age_distribution: np.ndarray) -> "Estimates":
        """Estimates with ages and intervals computed from distributions, float32 (N, 101)."""
        low, high = age_interval(age_distribution)
        return cls(p_female, expected_age(age_distribution), low, high, age_distribution)

    @property
    def gender(self) -> np.ndarray:
        """The more probable one, int64 (N,), an index of `labels.GENDERS`; male at 0.5."""
        return (self.p_female <= 0.5).astype(np.int64)

    @property
    def p_gender(self) -> np.ndarray:
        """Probability of the more probable gender, float32 (N,), 0.5..1."""
        return np.maximum(self.p_female, 1 - self.p_female)

    def of_faces(self, faces: slice) -> "Estimates":
        """Estimates of some of the faces."""
        return Estimates(*(getattr(self, field.name)[faces] for field in fields(self)))


@dataclass(frozen=True)
class FaceEstimate:
    """One face of a picture and its estimates.

    box: in pixels of the picture.  age: years, the distribution's expectation.
    age_low, age_high: years, the shortest range with a probability of 80 %.
    gender: one of `labels.GENDERS`.  p_female: 0..1.  age_distribution: float32 (101,).
    """

    box: Box
    age: float
    age_low: int
    age_high: int
    gender: str
    p_female: float
    age_distribution: np.ndarray


class Estimator:
    """A checkpoint or an exported model that estimates age and gender.

    crop: the face crops that it expects.
    """

    def __init__(
        self,
        weight_file: Path | str | None = None,
        runtime: str | None = None,
        original: Original = Original(),
    ):
        """Load `weight_file`, by default the shipped weights.

        runtime: one of `estimation.RUNTIMES`, by default from the file's name.
        Raises `UserError` if the file cannot be loaded.
        """
        weight_file = Path(weight_file) if weight_file else shipped_weights()
        runtime = runtime or runtime_of(weight_file)
        self._predict, self.description = load(weight_file, runtime, original)
        self.crop = self.description.crop
        self._turn = Lock()  # some runtimes are not thread-safe

    def __call__(self, faces: np.ndarray) -> Estimates:
        """Estimate crops, uint8 (N, size, size, 3), BGR, 0..255; N may be 0.

        Raises `UserError` for other arrays.
        """
        _check_array(faces, ("N", self.crop.size, self.crop.size, 3))
        genders = [np.empty((0, 2), np.float32)]
        ages = [np.empty((0, 101), np.float32)]
        for start in range(0, len(faces), _BATCH):
            with self._turn:
                gender, age = self._predict(faces[start : start + _BATCH])
            genders.append(gender)
            ages.append(age)
        return Estimates.of(np.concatenate(genders)[:, 0], np.concatenate(ages))

    def predict(
        self,
        picture: Picture | list[Picture] | tuple[Picture, ...],
        detector: str = DEFAULT_DETECTOR,
        min_face: int | None = None,
    ) -> list[FaceEstimate] | list[list[FaceEstimate]]:
        """Detect the faces of a picture and estimate their age and gender.

        picture: path of a file, or uint8 (H, W, 3), BGR; or a list or tuple of them.
        detector, min_face: see `faces.detectors.get_detector`.
        Returns one `FaceEstimate` per face, in the detector's order; for a list of pictures, a list
        per picture. Raises `UserError` if a file is not a picture, and for other objects.
        """
        if isinstance(picture, list | tuple):
            return [self.predict(one, detector, min_face) for one in picture]
        finder = FaceFinder(detector, min_face, self.crop)
        if isinstance(picture, Path | str):
            found = finder.find_in_file(picture)
        else:
            _check_array(picture, ("H", "W", 3))
            found = finder.find(picture)
        if found.error:
            raise UserError(found.error)
        estimates = self(found.crops)
        return [
            FaceEstimate(
                face.box,
                float(estimates.age[i]),
                int(estimates.age_low[i]),
                int(estimates.age_high[i]),
                GENDERS[estimates.gender[i]],
                float(estimates.p_female[i]),
                estimates.age_distribution[i],
            )
            for i, face in enumerate(found.faces)
        ]


def _check_array(array: object, shape: tuple[int | str, ...]) -> None:
    """Raise `UserError` unless `array` is uint8 of the shape; axes named by letters are free.

    Other arrays would be broadcast or rounded without an error: those of floats to zeros and ones.
    """
    is_array = isinstance(array, np.ndarray)
    if is_array and array.dtype == np.uint8 and array.ndim == len(shape):
        pairs = zip(array.shape, shape, strict=True)
        if all(length == axis or isinstance(axis, str) for length, axis in pairs):
            return
    received = f"{array.dtype} {array.shape}" if is_array else type(array).__name__
    raise UserError(
        f"expected a picture file, or pixels, BGR, as uint8 ({', '.join(map(str, shape))}); "
        f"received {received}"
    )
