"""The shipped weights."""

from pathlib import Path

from ..shipped import check_shipped, shipped_path

SHIPPED = shipped_path("age_gender.hdf5")


def shipped_weights() -> Path:
    """The path of the shipped weights. Raises `UserError` as `check_shipped` does."""
    return check_shipped(SHIPPED)
