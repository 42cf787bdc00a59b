"""A model with known estimates, which depend on the colour of a face."""

from types import SimpleNamespace

import numpy as np

from src.estimation.estimator import Estimates
from src.faces.crop import FaceCrop


class ColourModel:
    """Green is the age in years, blue the probability of female in percent."""

    def __init__(self, img_size=8, margin=0.4, align="none", training=None):
        self.crop = FaceCrop(img_size, margin, align)
        self.description = SimpleNamespace(
            training=training,
            margins=[margin],
            data=[],
            split=None,
            calibration=None,
            identities=None,
        )
        self.batches = []

    def __call__(self, faces):
        assert faces.dtype == np.uint8 and faces.shape[1:] == (self.crop.size, self.crop.size, 3)
        self.batches.append(len(faces))
        age = faces[..., 1].mean(axis=(1, 2))
        years = np.rint(age).astype(np.int64)
        return Estimates(
            p_female=(faces[..., 0].mean(axis=(1, 2)) / 100).astype(np.float32),
            age=age.astype(np.float32),
            age_low=years - 2,
            age_high=years + 2,
            age_distribution=np.eye(101, dtype=np.float32)[np.minimum(years, 100)],
        )


def face(age, percent_female=0, size=8):
    """A face that the model estimates at this age and gender, uint8 (size, size, 3)."""
    return np.full((size, size, 3), (percent_female, age, 0), np.uint8)
