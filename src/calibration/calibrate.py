"""Calibration of a model on held-out faces."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from ..data.split import divide
from ..errors import UserError
from ..estimation.estimator import Estimator
from ..evaluation.evaluate import estimate, evaluate
from ..evaluation.labelled import from_databases
from ..evaluation.measures import whole_ranges
from ..evaluation.results import Results
from ..evaluation.subgroups import USE
from ..labels import age_targets, gender_targets
from ..models.seen import NEVER_SEEN
from .temperatures import fit, scale

_MIN_FACES = 20  # a temperature of fewer is noise
_MIN_UNSEEN = 100  # faces of unseen datasets that are fitted on alone
_SEED = 2**33  # above those of train.py, whose random splits must not decide the halves


def calibrate(estimator: Estimator, databases: list[Path]) -> tuple[dict, Results]:
    """Fit temperatures on half of the faces not trained on, and evaluate them on the other half.

    The faces are the validation faces of databases of the model's run, and all faces of datasets
    that it never saw. A temperature is fitted on unseen datasets alone if 100 of their faces have
    the label, as users' faces are unseen too. Identical images are in the same half.

    Returns:
        The temperatures, see `Description.calibration`, and the evaluation "before" and "after".

    Raises:
        UserError: The model is calibrated already, its validation faces are unknown, or a
            temperature would be fitted on fewer than 20 faces.
    """
    if done := estimator.description.calibration:
        raise UserError(
            "--calibrate: expected a weight file that is not calibrated yet, received one "
            f"calibrated on {done['faces']:,} faces; pass the file that it was made from"
        )
    faces = from_databases(databases, "validation", estimator.description, flag="--calibrate")
    _, halves = divide(faces.parts, "random", 0.5, 0, _SEED)  # no image or person is in both
    faces.check(estimator)  # raises before the network runs
    labels, estimates, skipped = estimate(faces, estimator)
    is_fitted = labels.index.isin(halves["validation"])
    targets = {
        "gender": gender_targets(labels["gender"].to_numpy()),
        "age": age_targets(*whole_ranges(labels)),
    }
    calibration, fitted = {}, {}
    for head, target in targets.items():
        known = is_fitted & (target == 0).any(axis=1)  # targets of unknown labels are uniform
        calibration[f"{head}_temperature"], fitted[head] = 1.0, np.arange(0)
        if len(np.unique(target[known], axis=0)) > 1:  # given the label, no model looks calibrated
            rows = fitted[head] = _fitted(head, labels, known)
            distribution = getattr(estimates, f"{head}_distribution")[rows]
            calibration[f"{head}_temperature"] = fit(distribution, target[rows])
        else:
            faces.notes.append(f"fewer than two values of {head} are known: its temperature is 1")
    calibration["faces"] = max(map(len, fitted.values()))
    calibration["collections"] = sorted({*labels["source"].iloc[np.union1d(*fitted.values())]})
    labels, estimates = labels[~is_fitted], estimates.of_faces(np.flatnonzero(~is_fitted))
    before, after = estimates, scale(estimates, calibration)
    found = {"before": (labels, before, skipped), "after": (labels, after, skipped)}
    description = replace(estimator.description, calibration=calibration)
    scaled = SimpleNamespace(crop=estimator.crop, description=description)
    measured = replace(faces, labels=faces.labels[~is_fitted])
    models = {"before": estimator, "after": scaled}
    return calibration, evaluate(measured, models, resamples=200, found=found)


def _fitted(head: str, labels: pd.DataFrame, known: np.ndarray) -> np.ndarray:
    """Rows, int64, of the known labels of unseen datasets if there are enough; else of all."""
    unseen = known & (labels[USE] == NEVER_SEEN).to_numpy()
    rows = np.flatnonzero(unseen if unseen.sum() >= _MIN_UNSEEN else known)
    if len(rows) < _MIN_FACES:
        raise UserError(
            f"--calibrate: expected at least {_MIN_FACES} faces to fit the {head}, received "
            f"{len(rows)} not trained on with a known {head}, in one half; pass larger databases"
        )
    return rows
