"""src/outputs.py and src/files.py: nothing is destroyed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from src.errors import UserError
from src.files import check_input_file, replacing
from src.outputs import Output, check_outputs, has_mark, locked
from tests.helpers import ROOT, names


def table(path, flag="--csv"):
    return Output(flag, path, "a table", has_mark(b"file,face\n"))


@pytest.mark.parametrize("kind", ["folder", "missing"])
def test_wrong_inputs_are_rejected(tmp_path, kind):
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=str(tmp_path / kind)):
        check_input_file(tmp_path / kind, "a database")


@pytest.mark.parametrize("name", ["", "..", "none/x", "folder", "portrait.jpg"])
def test_impossible_outputs_are_rejected(tmp_path, monkeypatch, name):
    """Folders and files of another kind are never replaced."""
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("portrait.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(UserError, match="name another"):
        check_outputs([table(Path(name))], [])


@pytest.mark.parametrize("content", [None, b"", b"file,face\na.jpg,0\n"])
def test_outputs_of_the_kind_are_replaced(tmp_path, content):
    if content is not None:
        (tmp_path / "faces.csv").write_bytes(content)
    check_outputs([table(tmp_path / "faces.csv")], [("--labels", tmp_path / "labels.csv")])


@pytest.mark.parametrize("link", [os.symlink, None])
def test_inputs_are_never_outputs(tmp_path, link):
    source = output = tmp_path / "labels.csv"
    source.write_bytes(b"file,face\n")
    if link:
        output = tmp_path / "same.csv"
        link(source, output)
    with pytest.raises(UserError, match=f"--csv: .*{output}.*--labels"):
        check_outputs([table(output)], [("--labels", source)])


def test_two_outputs_of_one_path(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    outputs = [table(tmp_path / "x"), table(tmp_path / "link" / "x", "--jsonl")]
    with pytest.raises(UserError, match=r"--jsonl: .*--csv"):
        check_outputs(outputs, [])


def test_lock_lasts_as_long_as_its_run(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from src.outputs import locked\n"
        "with locked(Path(sys.argv[1])):\n    print(flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "db.mat")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as running:
        running.stdout.readline()
        with pytest.raises(UserError, match=r"db\.mat: another run"), locked(tmp_path / "db.mat"):
            pass
        running.send_signal(signal.SIGKILL)
        running.wait()
    with locked(tmp_path / "db.mat"):
        pass
    assert names(tmp_path) == set()


def test_stale_partial_folder_is_not_reused(tmp_path):
    (tmp_path / ".model.partial").mkdir()
    (tmp_path / ".model.partial" / "stale").touch()
    with replacing(tmp_path / "model") as partial:
        partial.mkdir()
        (partial / "new").touch()
    assert names(tmp_path / "model") == {"new"}
    assert names(tmp_path) == {"model"}
