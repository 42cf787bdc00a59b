import errno

import pytest

from src.data import create
from src.data.arguments import Arguments
from src.data.database import open_database
from src.errors import UserError
from tests.helpers import names

FILES = {"db.mat", "db.removed.csv", "db.skipped.csv", "db.png"}
RESUMABLE = {".db.partial", ".db.states"}


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def run(data_dir, out, **options):
    arguments = {"output": out / "db.mat", "data_dir": data_dir, "img_size": 8}
    return create.create_database(Arguments(**arguments | options))


def test_files_appear_together_or_not(small_wiki, out, monkeypatch):
    run(small_wiki, out)
    older = {path.name: path.read_bytes() for path in out.iterdir()}

    def full(*_):
        raise OSError(errno.ENOSPC, "")

    with monkeypatch.context() as patched:
        patched.setattr(create, "plot_ages", full)
        with pytest.raises(UserError, match=r"db\.mat .*No space left on device; .*db\.partial is"):
            run(small_wiki, out, img_size=9)
    assert older.items() <= {path.name: path.read_bytes() for path in out.iterdir()}.items()
    run(small_wiki, out, img_size=9, resume=True)
    assert names(out) == FILES
    assert open_database(out / "db.mat").crop.size == 9


def test_label_files_are_never_replaced(small_wiki, out):
    labels = (small_wiki / "wiki.mat").read_bytes()
    with pytest.raises(UserError, match=r"--output: .*wiki\.mat"):
        run(small_wiki, out, output=small_wiki / "wiki.mat")
    assert (small_wiki / "wiki.mat").read_bytes() == labels


def test_resume_with_another_selection(small_wiki, out, monkeypatch):
    """The faces do not depend on it."""
    with monkeypatch.context() as patched:
        patched.setattr(create, "_select", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(small_wiki, out)
    assert run(small_wiki, out, max_per_age=1, resume=True)[0]["kept"] == 40
