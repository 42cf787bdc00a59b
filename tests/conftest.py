"""Fixtures: real data if available, portraits from sample data, small generated datasets."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from src.faces.crop import FaceCrop
from tests.helpers import ROOT, exit_code, wiki_struct, write_wiki
from tests.portraits import write_portraits

SHARED = ROOT.parent / "shared" / "data"
ORIGINAL_WEIGHTS = ROOT / "pretrained_models" / "weights.28-3.73.hdf5"
SHIPPED_WEIGHTS = ROOT / "pretrained_models" / "age_gender.hdf5"


IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
if IS_WORKER:  # one of several processes, which share the cores
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")


# Files of more than ten seconds, longest first: so the processes end at about the same time.
LONGEST = (
    "cli/test_demo_web.py",
    "test_readme.py",
    "test_notebook.py",
    "training/test_fit.py",
    "cli/test_create_db.py",
    "training/test_state.py",
    "cli/test_demo.py",
    "training/test_distribution.py",
    "cli/test_train.py",
    "models/test_checkpoints.py",
    "export/test_export.py",
    "cli/test_export.py",
    "models/test_transfer.py",
    "cli/test_create_db_cluster.py",
    "cli/test_demo_window.py",
    "cli/test_train_hosts.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    positions = {ROOT / "tests" / name: i for i, name in enumerate(LONGEST)}
    assert all(path.exists() for path in positions)
    items.sort(key=lambda item: positions.get(item.path, len(LONGEST)))


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
    """The shipped weights."""
    return required(SHIPPED_WEIGHTS)


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Returns a read-only folder that a function fills once for all processes of pytest."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if IS_WORKER else base

    def filled(name: str, fill: Callable[[Path], object]) -> Path:
        folder, partial = base / name, base / f"{name}.partial"
        with FileLock(base / f"{name}.lock"):
            if not folder.exists():
                partial.mkdir()
                fill(partial)
                partial.rename(folder)
        return folder

    return filled


@pytest.fixture(scope="session")
def portraits(once) -> Path:
    """The folder of `write_portraits`."""
    return once("portraits", write_portraits)


@pytest.fixture(scope="session")
def wiki(shared, once) -> Path:
    """The real wiki_crop folder with the images of a tenth of its people."""
    command = ["tar", "xzf", shared / "wiki_crop.tar.gz", "--wildcards"]
    command += ["wiki_crop/wiki.mat", "wiki_crop/0*"]
    unpacked = once("wiki", lambda folder: subprocess.run(command, cwd=folder, check=True))
    return unpacked / "wiki_crop"


@pytest.fixture
def run_here(capfd) -> Callable[..., subprocess.CompletedProcess]:
    """Run a script within this process."""

    def within(script: str, *args) -> subprocess.CompletedProcess:
        capfd.readouterr()
        code = exit_code(script, *args)
        return subprocess.CompletedProcess(args, code, *capfd.readouterr())

    return within


@pytest.fixture
def small_wiki(tmp_path) -> Path:
    """A generated wiki_crop folder of 40 people."""
    return write_wiki(tmp_path / "wiki_crop", wiki_struct(40))


EXPORTS = {
    "onnx": "m.onnx",
    "litert": "m.tflite",
    "openvino": "m_openvino",
    "saved_model": "m",
    "keras": "m.keras",
    "hdf5": "weights.hdf5",
}


@pytest.fixture(scope="session")
def exports(once) -> dict[str, Path]:
    """A small network for faces of 32 pixels by format: as a checkpoint, and exported."""
    folder = once("exports", write_exports)
    return {format: folder / name for format, name in EXPORTS.items()}


def write_exports(folder: Path) -> None:
    from src.export.arguments import Arguments
    from src.export.export import export
    from src.models import build_model
    from src.models.checkpoints import save_checkpoint
    from src.models.description import Description
    from tests.models.reference import fill

    architecture = {"name": "wide_resnet", "depth": 10, "width": 1}
    model = build_model(architecture, 32)
    fill(model)
    checkpoint = folder / EXPORTS["hdf5"]
    save_checkpoint(checkpoint, model, Description(architecture, FaceCrop(32, 0.15)))
    for format in sorted(EXPORTS.keys() - {"hdf5"}):
        output = folder / EXPORTS[format]
        export(Arguments(weight_file=checkpoint, format=format, output=output))
