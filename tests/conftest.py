"""Fixtures: real data if available, small made datasets otherwise."""

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from src.faces.crop import FaceCrop
from tests.helpers import ROOT, wiki_struct, write_wiki

SHARED = ROOT.parent / "shared" / "data"
ORIGINAL_WEIGHTS = ROOT / "pretrained_models" / "weights.28-3.73.hdf5"
SHIPPED_WEIGHTS = ROOT / "pretrained_models" / "age_gender.hdf5"


def required(path: Path) -> Path:
    """`path`; without it the test is skipped, or fails if CI is set."""
    if not path.exists():
        if os.environ.get("CI"):
            pytest.fail(f"CI has {path}, it is missing")
        pytest.skip(f"needs {path}")
    return path


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real datasets next to the repository."""
    return required(SHARED)


@pytest.fixture(scope="session")
def original_weights() -> Path:
    """The original toolkit's trained weights (`make weights`)."""
    return required(ORIGINAL_WEIGHTS)


@pytest.fixture(scope="session")
def shipped() -> Path:
    """The weights that ship."""
    return required(SHIPPED_WEIGHTS)


@pytest.fixture(scope="session")
def wiki(shared, tmp_path_factory) -> Path:
    """The real wiki_crop folder, unpacked."""
    folder = tmp_path_factory.mktemp("wiki")
    subprocess.run(["tar", "xzf", shared / "wiki_crop.tar.gz", "-C", folder], check=True)
    return folder / "wiki_crop"


@pytest.fixture
def run_here(monkeypatch, capfd) -> Callable[..., subprocess.CompletedProcess]:
    """Run a script within this process, which has TensorFlow loaded already."""

    def within(script: str, *args) -> subprocess.CompletedProcess:
        monkeypatch.setattr(sys, "argv", [script, *map(str, args)])
        capfd.readouterr()
        try:
            runpy.run_path(str(ROOT / script), run_name="__main__")
            code = 0
        except SystemExit as stop:
            code = stop.code
        return subprocess.CompletedProcess(args, code, *capfd.readouterr())

    return within


@pytest.fixture
def small_wiki(tmp_path) -> Path:
    """A made wiki_crop folder of 40 people."""
    return write_wiki(tmp_path / "wiki_crop", wiki_struct(40))


@pytest.fixture(scope="session")
def exports(tmp_path_factory) -> dict[str, Path]:
    """A small network for faces of 32 pixels by format: as a checkpoint, and exported."""
    from src.export.export import export
    from src.models import build_model
    from src.models.checkpoints import save_checkpoint
    from src.models.description import Description
    from tests.models.reference import fill

    folder = tmp_path_factory.mktemp("exports")
    files = {"onnx": "m.onnx", "litert": "m.tflite", "saved_model": "m", "hdf5": "weights.hdf5"}
    paths = {format: folder / name for format, name in files.items()}
    architecture = {"name": "wide_resnet", "depth": 10, "width": 1}
    model = build_model(architecture, 32)
    fill(model)
    save_checkpoint(paths["hdf5"], model, Description(architecture, FaceCrop(32, 0.15)))
    for format in ("onnx", "litert", "saved_model"):
        export(paths["hdf5"], format, paths[format])
    return paths
