"""docs/notebooks: executed, and stored without outputs."""

import shutil

import nbformat
from nbclient import NotebookClient

from tests.helpers import ROOT

NOTEBOOK = ROOT / "docs" / "notebooks" / "quickstart.ipynb"


def test_quickstart_runs(shipped, tmp_path):
    for name in ("create_db.py", "train.py", "evaluate.py", "src", "recipes"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "pretrained_models").symlink_to(shipped.parent)
    folder = tmp_path / "docs" / "notebooks"
    folder.mkdir(parents=True)
    notebook = nbformat.read(shutil.copy(NOTEBOOK, folder), as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
    outputs = {cell.id: cell.get("outputs", []) for cell in notebook.cells}
    assert "data:image/jpeg" in outputs["predict"][0].data["text/html"]
    assert "p_female" in outputs["table"][0].data["text/html"]
    text = "".join(output.text for output in outputs["after"] if output.name == "stdout")
    before, after = (float(line.split()[-2]) for line in text.splitlines())
    assert abs(after - 77) < abs(before - 77)
    assert (tmp_path / "data" / "quickstart_report" / "report.html").exists()


def test_stored_without_outputs():
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        assert not cell.get("outputs") and not cell.get("execution_count")
