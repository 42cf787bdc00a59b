"""Exported files and folders, recognised by their content."""

from collections.abc import Callable
from pathlib import Path

import h5py

from src.estimation.runtimes import EXTRA_ASSET

_DESCRIBED = b'"architecture"'  # in the JSON by which every export describes itself


def is_export(format: str) -> Callable[[Path], bool]:
    """A check that a file or folder is one of `FORMATS`, written by export.py."""
    return {"onnx": _is_graph, "litert": _is_graph, "saved_model": _is_saved_model}.get(
        format, _is_weights
    )


def _is_graph(path: Path) -> bool:
    return _DESCRIBED in path.read_bytes()


def _is_weights(path: Path) -> bool:
    if not h5py.is_hdf5(path):
        return False
    with h5py.File(path) as file:
        return "layer_names" in file.get("model_weights", file).attrs


def _is_saved_model(folder: Path) -> bool:
    """Whether a folder holds an exported SavedModel and nothing else."""
    if not (folder / EXTRA_ASSET).is_file():
        return False
    own = {str(EXTRA_ASSET), "saved_model.pb", "fingerprint.pb"}
    return all(
        path.is_dir() or str(place) in own or path.match("variables/variables.*")
        for path, place in ((path, path.relative_to(folder)) for path in folder.rglob("*"))
    )
