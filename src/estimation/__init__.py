"""Age and gender estimation."""

from src.estimation.estimator import Estimates, Estimator, FaceEstimate

__all__ = ["Estimates", "Estimator", "FaceEstimate"]
