"""The examples of docs/extending.md, registered and used."""

import re
import sys

import pytest

from src.data import datasets
from src.data.database import open_database
from tests.helpers import ROOT, make_picture, printed_table

PAGE = (ROOT / "docs" / "extending.md").read_text()


@pytest.fixture
def example(tmp_path, monkeypatch):
    """Python code of a section of the page, by position; the first becomes a module."""
    monkeypatch.syspath_prepend(tmp_path)

    def code(section, module):
        text = re.search(rf"^## {section}$(.+?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)[1]
        blocks = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
        (tmp_path / f"{module}.py").write_text(blocks[0])
        monkeypatch.delitem(sys.modules, module, raising=False)
        return blocks

    return code


def test_dataset(example, tmp_path, monkeypatch, run_here):
    _, entry = example("A dataset", "my_faces")
    entry = entry.replace("src.data.datasets.my_faces", "my_faces")
    for name, dataset in eval("{" + entry + "}", vars(datasets)).items():
        monkeypatch.setitem(datasets.DATASETS, name, dataset)
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
