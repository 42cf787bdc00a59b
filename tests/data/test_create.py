import errno
import signal

import pytest

from src import files
from src.data import create, writing
from src.data.create import FaceRule
from src.errors import UserError
from src.faces.crop import FaceCrop
from src.faces.finder import FaceFinder
from src.outputs import locked
from tests.helpers import mounted, names

WHOLE = FaceRule(FaceFinder("none", None, FaceCrop(8)))
FILES = {"db.mat", "db.removed.csv", "db.skipped.csv", "db.png"}


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def ctrl_c():
    """Ctrl-C raises `KeyboardInterrupt`, also in a background job of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def run(data_dir, out, **options):
    create.create_database(
        out / "db.mat",
        data_dir,
        "wiki",
        {},
        WHOLE,
        **options,
    )


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("step", ["finish", "_write_further"])
def test_ctrl_c_waits_for_all_files(small_wiki, out, monkeypatch, step):
    module = writing if step == "finish" else create
    work = getattr(module, step)

    def interrupted(*args):
        signal.raise_signal(signal.SIGINT)
        work(*args)

    monkeypatch.setattr(module, step, interrupted)
    with pytest.raises(KeyboardInterrupt) as stopped:
        run(small_wiki, out)
    assert stopped.value.args == ()  # no partial file
    assert names(out) == FILES


def test_ctrl_c_names_resume(small_wiki, out, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(create, "_select", interrupted)
        with pytest.raises(KeyboardInterrupt, match="--resume"):
            run(small_wiki, out)
    assert names(out) == {".db.partial.mat"}
    run(small_wiki, out, resume=True)
    assert names(out) == FILES


def test_files_appear_together_or_not(small_wiki, out, monkeypatch):
    run(small_wiki, out)
    older = {path.name: path.read_bytes() for path in out.iterdir()}

    def full(*_):
        raise OSError(errno.ENOSPC, "")

    with monkeypatch.context() as patched:
        patched.setattr(create, "plot_ages", full)
        with pytest.raises(UserError, match=r"db\.mat .*No space left on device; .*partial\.mat"):
            run(small_wiki, out, seed=1)
    assert older.items() <= {path.name: path.read_bytes() for path in out.iterdir()}.items()
    run(small_wiki, out, seed=1, resume=True)
    assert names(out) == FILES


def test_full_disk_under_the_contact_sheet(small_wiki, out, tmp_path):
    with mounted(tmp_path / "disk", "size=4k") as disk:
        with pytest.raises(UserError, match=r"disk/sheet\.png .*No space left on device"):
            run(small_wiki, out, contact_sheet=disk / "sheet.png")
        assert names(disk) == set()
    assert ".db.partial.mat" in names(out)
    run(small_wiki, out, contact_sheet=tmp_path / "sheet.png", resume=True)
    assert names(out) == FILES and (tmp_path / "sheet.png").exists()


def test_outputs_have_distinct_names(small_wiki, out):
    with pytest.raises(UserError, match=r"--contact_sheet: .*db\.png"):
        run(small_wiki, out, contact_sheet=out / "db.png")
    assert names(out) == set()


def test_label_files_are_never_replaced(small_wiki, out):
    labels = (small_wiki / "wiki.mat").read_bytes()
    with pytest.raises(UserError, match=r"--output: .*wiki\.mat"):
        create.create_database(
            small_wiki / "wiki.mat",
            small_wiki,
            "wiki",
            {},
            WHOLE,
        )
    assert (small_wiki / "wiki.mat").read_bytes() == labels


def test_second_run_is_rejected(small_wiki, out):
    with locked(out / "db.mat"), pytest.raises(UserError, match=r"db\.mat"):
        run(small_wiki, out)
    assert names(out) == set()


@pytest.mark.parametrize("step", ["allocate", "finish", "_select", "_write_further", "_replace"])
def test_any_crash_resumes(small_wiki, out, monkeypatch, step):
    """A resumed run writes the same bytes as an uninterrupted one."""
    run(small_wiki, out, max_per_age=1)
    expected = {path.name: path.read_bytes() for path in out.iterdir()}
    module = {"allocate": writing, "finish": writing, "_replace": files}.get(step, create)
    work = getattr(module, step)

    def crash(*args):
        work(*args)
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(module, step, crash)
        with pytest.raises(MemoryError):
            run(small_wiki, out, max_per_age=1)
    run(small_wiki, out, max_per_age=1, resume=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == expected
