"""The examples of docs/extending.md, registered and used."""

import re
import sys

import numpy as np
import pytest

from src import models
from src.data import datasets
from src.data.database import open_database
from tests.helpers import ROOT, make_picture, printed_table

PAGE = (ROOT / "docs" / "extending.md").read_text()


@pytest.fixture
def register(tmp_path, monkeypatch):
    """Adds the example of a section: its first code becomes a module, its second an entry."""
    monkeypatch.syspath_prepend(tmp_path)

    def add(section, module, registry, package):
        text = re.search(rf"^## {section}$(.+?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)[1]
        code, entry = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
        (tmp_path / f"{module}.py").write_text(code)
        monkeypatch.delitem(sys.modules, module, raising=False)
        entry = entry.replace(f"{package.__name__}.{module}", module)
        for name, value in eval("{" + entry + "}", vars(package)).items():
            monkeypatch.setitem(registry, name, value)

    return add


def test_dataset(register, tmp_path, run_here):
    register("A dataset", "my_faces", datasets.DATASETS, datasets)
    for seed, name in enumerate(("ann_31_f.jpg", "ann_33_f.jpg", "bob_70_m.jpg")):
        make_picture(tmp_path / "faces" / name, seed)
    command = ("create_db.py", "--db", "my_faces", "--data_dir", tmp_path / "faces")
    done = run_here(*command, "--oldest", 60, "-o", tmp_path / "db.mat")
    assert done.returncode == 0, done.stderr
    assert printed_table(done)["older than 60"] == 1
    opened = open_database(tmp_path / "db.mat")
    assert opened.age_low.tolist() == [31, 33]
    assert opened.person.tolist() == ["ann", "ann"]
    assert run_here(*command[:2], "utkface", "--oldest", 60, "-o", tmp_path / "b").returncode == 2


def test_network(register, tmp_path):
    register("A network", "tiny", models.NETWORKS, models)
    from src.models.checkpoints import load_checkpoint, save_checkpoint
    from src.models.description import Description

    architecture = {"name": "tiny", "channels": 4}
    model = models.build_model(architecture, 32)
    save_checkpoint(tmp_path / "weights.hdf5", model, Description(architecture, 32))
    loaded, description = load_checkpoint(tmp_path / "weights.hdf5")
    assert description.architecture == architecture
    faces = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    for found, expected in zip(loaded(faces), model(faces), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)
