import errno
import signal

import pytest

from src.data import create, writing
from src.data.datasets import Options
from src.data.faces import Cut
from src.errors import UserError
from tests.helpers import names

FILES = {"db.mat", "db.removed.csv", "db.skipped.csv", "db.png"}


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def ctrl_c():
    """Ctrl-C raises `KeyboardInterrupt`, where the tests are a shell's background job too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def run(data_dir, out, **options):
    create.create_database(out / "db.mat", data_dir, Options("wiki"), 8, Cut(), **options)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("step", ["finish", "_write_beside"])
def test_ctrl_c_at_the_end_waits_until_every_file_is_whole(small_wiki, out, monkeypatch, step):
    """Half finished, the database could not be gone on with."""
    module = writing if step == "finish" else create
    work = getattr(module, step)

    def interrupted(*args):
        signal.raise_signal(signal.SIGINT)
        work(*args)

    monkeypatch.setattr(module, step, interrupted)
    with pytest.raises(KeyboardInterrupt) as stopped:
        run(small_wiki, out)
    assert stopped.value.args == ()  # nothing is left to go on with
    assert names(out) == FILES


def test_ctrl_c_before_says_how_to_go_on(small_wiki, out, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(create, "_select", interrupted)
        with pytest.raises(KeyboardInterrupt, match="--resume goes on"):
            run(small_wiki, out)
    assert names(out) == {".db.partial.mat"}
    run(small_wiki, out, resume=True)
    assert names(out) == FILES


def test_last_file_that_cannot_be_written_takes_the_others_with_it(small_wiki, out, monkeypatch):
    for name in FILES:
        (out / name).write_text("older")

    def full(*_):
        raise OSError(errno.ENOSPC, "")

    monkeypatch.setattr(create, "plot_ages", full)
    with pytest.raises(UserError, match="No space left on device; nothing was kept"):
        run(small_wiki, out)
    assert {path.name: path.read_text() for path in out.iterdir()} == dict.fromkeys(FILES, "older")


def test_contact_sheet_under_the_histograms_name_is_refused(small_wiki, out):
    with pytest.raises(UserError, match="names of their own"):
        run(small_wiki, out, contact_sheet=out / "db.png")
    assert names(out) == set()
