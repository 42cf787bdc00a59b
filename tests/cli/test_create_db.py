import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import scipy.io
from PIL import Image

from src.data.database import open_database
from src.data.datasets import read_dataset
from src.data.writing import read_states
from tests.helpers import (
    ROOT,
    allow_ctrl_c,
    assert_one_line_error,
    make_picture,
    mounted,
    names,
    printed_table,
    read_csv,
    run,
    wiki_struct,
    write_wiki,
)

SIZE = 40  # of make_picture's pictures, so that nothing is resized
RULES = ["face_score below 1", "a second face", "age outside 0..100", "gender unknown"]
PICTURE_RULES = ["image missing", "image undecodable"]
FILES = {"db.mat", "db.removed.csv", "db.skipped.csv", "db.png"}
RESUMABLE = {".db.partial", ".db.states"}


def create(data_dir, output, *args):
    return run("create_db.py", "--data_dir", data_dir, "-o", output, *args)


@pytest.fixture
def create_here(run_here):
    """`create` within this process."""
    return lambda data_dir, output, *args: run_here(
        "create_db.py", "--data_dir", data_dir, "-o", output, *args
    )


def assert_refused(done, folder, *words):
    """The run must have ended with one line that contains `words`, and without files."""
    assert_one_line_error(done, "create_db.py", *words)
    assert names(folder) == set()


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


# Outputs


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A folder of 12 people, most of them with unusual pictures."""
    folder = write_wiki(tmp_path_factory.mktemp("odd") / "wiki_crop", wiki_struct(12))
    pictures = [folder / f"{i % 10:02d}/{i}.jpg" for i in range(12)]
    whole = Image.open(pictures[0])
    rgb = np.array(whole)
    pictures[1].unlink()
    pictures[2].write_bytes(b"")
    pictures[3].write_bytes(pictures[0].read_bytes()[:-100])
    pictures[4].write_text("no picture\n" * 20)
    Image.fromarray(rgb[:, :, 0]).save(pictures[5])
    cv2.imwrite(str(folder / "16.png"), rgb[:, :, ::-1].astype(np.uint16) * 257)
    (folder / "16.png").rename(pictures[6])
    whole.convert("CMYK").save(pictures[7])
    whole.save(pictures[8], format="png")
    pictures[8].write_bytes(pictures[8].read_bytes()[:-100])
    pictures[9].rename(folder.parent / "elsewhere.jpg")
    pictures[9].symlink_to(folder.parent / "elsewhere.jpg")
    pictures[10].unlink()
    pictures[10].mkdir()
    return folder


READABLE = [0, 5, 6, 7, 9, 11]


def test_unusual_images(odd, out):
    """Those that can be read equal Pillow's, in the order of the labels; others are listed."""
    done = create(odd, out / "db.mat", "--img_size", SIZE, "--workers", 3)
    assert done.returncode == 0, done.stderr
    assert names(out) == FILES
    opened = open_database(out / "db.mat")
    for face, i in zip(opened.image[np.arange(len(READABLE))], READABLE, strict=True):
        picture = np.asarray(Image.open(odd / f"{i % 10:02d}/{i}.jpg").convert("RGB"))
        assert np.abs(face[:, :, ::-1].astype(int) - picture).max() <= 5, i
    assert opened.gender.tolist() == [i % 2 for i in READABLE]
    assert opened.age_low.tolist() == opened.age_high.tolist() == [20 + i for i in READABLE]
    assert (opened.db, opened.crop.margin, opened.crop.alignment) == ("wiki", 0.4, "none")
    undecodable = [(f"{i % 10:02d}/{i}.jpg", "image undecodable") for i in (2, 3, 4, 8, 10)]
    skipped = [("path", "reason"), ("01/1.jpg", "image missing"), *undecodable]
    assert read_csv(out / "db.skipped.csv") == skipped
    counts = dict(zip([*RULES, *PICTURE_RULES, "kept"], [0, 0, 0, 0, 1, 5, 6], strict=True))
    assert printed_table(done) == {"read": 12} | counts
    saved = [("rule", "rows"), *((rule, str(rows)) for rule, rows in counts.items())]
    assert read_csv(out / "db.removed.csv") == saved


def test_progress_without_terminal(create_here, small_wiki, out):
    done = create_here(small_wiki, out / "db.mat")
    assert done.stderr.splitlines()[-1] == "40 of 40 images"
    assert "\r" not in done.stderr


def test_default_folder_is_in_data(tmp_path):
    write_wiki(tmp_path / "data" / "imdb_crop", wiki_struct(3), "imdb")
    command = [sys.executable, ROOT / "create_db.py", "--db", "imdb", "-o", "db.mat"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert names(tmp_path) == FILES | {"data"}
    opened = open_database(tmp_path / "db.mat")
    assert (len(opened), opened.db, opened.crop.size) == (3, "imdb", 32)


@pytest.fixture(scope="module")
def real(wiki, tmp_path_factory):
    out = tmp_path_factory.mktemp("real")
    return create(wiki, out / "db.mat"), out


def test_real_wiki_keeps_unpacked_pictures(real, wiki):
    done, out = real
    assert done.returncode == 0, done.stderr
    unpacked = {path.relative_to(wiki).as_posix() for path in wiki.rglob("*.jpg")}
    found = sum(path in unpacked for path in read_dataset("wiki", wiki).table["path"])
    assert 3_000 < found < 4_000
    missing = 38_138 - found
    removed = zip([*RULES, *PICTURE_RULES], [19_335, 4_070, 49, 736, missing, 0], strict=True)
    assert printed_table(done) == {"read": 62_328} | dict(removed) | {"kept": found}
    assert names(out) == FILES


def test_real_pictures_equal_the_originals(real, wiki):
    opened = open_database(real[1] / "db.mat")
    skipped = {path for path, _ in read_csv(real[1] / "db.skipped.csv")}
    struct = scipy.io.loadmat(wiki / "wiki.mat")["wiki"][0, 0]
    good = (struct["face_score"][0] >= 1) & ~(struct["second_face_score"][0] > 0)
    paths = [str(cell[0]) for cell in struct["full_path"][0][good & (struct["gender"][0] == 0)]]
    women = [path for path in paths if path not in skipped]
    rows = np.flatnonzero(opened.gender == 0)[:20]
    for face, path in zip(opened.image[rows], women[:20], strict=True):
        np.testing.assert_array_equal(face, cv2.resize(cv2.imread(str(wiki / path)), (32, 32)))


# Rejected inputs


def test_no_dataset(create_here, out, tmp_path):
    done = create_here(tmp_path, out / "db.mat")
    assert_refused(done, out, "wiki.mat", "--data_dir")
    done = create_here(tmp_path / "none", out / "db.mat")
    assert_refused(done, out, "none", "expected a folder")


def test_no_row_left(create_here, small_wiki, out, tmp_path):
    done = create_here(small_wiki, out / "db.mat", "--min_score", 99)
    assert_refused(done, out, "face_score below 99: 40")
    done = create_here(write_wiki(tmp_path / "none", wiki_struct(0)), out / "db.mat")
    assert_refused(done, out, "none: ", "is empty")


def test_no_picture_left(create_here, small_wiki, out):
    for folder in small_wiki.glob("0*"):
        shutil.rmtree(folder)
    done = create_here(small_wiki, out / "db.mat")
    assert done.returncode == 2
    error = done.stderr.splitlines()[-1]  # after the lines of progress
    assert error.startswith("create_db.py: error: ")
    assert "image missing: 40" in error
    assert names(out) == set()


# Failures during a run


def test_version_5_size_limit(create_here, out, tmp_path):
    folder = write_wiki(tmp_path / "wiki_crop", wiki_struct(90))
    done = create_here(folder, out / "db.mat", "--img_size", 4000, "--mat_version", 5)
    assert_refused(done, out, "of 4000x4000 take 4,320,000,000", "--mat_version 7.3")


def test_disk_too_small_is_refused_first(create_here, small_wiki, out):
    with mounted(out, "size=2000k") as disk:
        done = create_here(small_wiki, disk / "db.mat", "--img_size", 100)
        assert_refused(done, disk, "free bytes for 40 images of 100x100", "smaller --img_size")


@pytest.mark.parametrize("version", ["7.3", "5"])
@pytest.mark.parametrize("size", ["700k", "2000k"])
def test_full_disk_keeps_only_resumable_files(small_wiki, out, size, version):
    """The reported free space is too large: the disk fills amid faces, the copy or labels."""
    with mounted(out, f"size={size}") as disk:
        command = [sys.executable, "-c", BOASTING, "--data_dir", small_wiki, "-o", disk / "db.mat"]
        command += ["--img_size", "100", "--mat_version", version]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 2, done.stderr
        lines = [line for line in done.stderr.splitlines() if not line.endswith(" images")]
        assert len(lines) == 1
        assert "db.mat could not be written: No space left on device" in lines[0]
        assert names(disk) <= RESUMABLE


# The script, on a disk that reports more free space than it has.
BOASTING = f"""
import runpy, shutil, sys
shutil.disk_usage = lambda path: shutil._ntuple_diskusage(2**40, 0, 2**40)
sys.path.insert(0, {str(ROOT)!r})
runpy.run_path({str(ROOT / "create_db.py")!r}, run_name="__main__")
"""


def killed_at(share, command, out, sign):
    """Run a command and send it a signal when a share of the faces is done, or, from 1 on, when the
    database is being copied."""
    running = subprocess.Popen(
        [sys.executable, *map(str, command)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=allow_ctrl_c,
    )
    states, copy = out / ".db.states", out / ".db.partial.mat"
    while not (copy.exists() if share >= 1 else states.exists() and done_share(states) >= share):
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.002)
    running.send_signal(sign)
    _, stderr = running.communicate(timeout=60)
    return running.returncode, stderr


def done_share(states):
    return (read_states(states)["state"] != 0).mean()


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """800 records of the same 20 images, which take a while at 250 pixels."""
    fields = wiki_struct(800)
    fields["full_path"][0] = [np.array([f"00/{i % 20}.jpg"]) for i in range(800)]
    folder = tmp_path_factory.mktemp("many") / "wiki_crop"
    for i in range(20):
        make_picture(folder / "00" / f"{i}.jpg", seed=i)
    scipy.io.savemat(folder / "wiki.mat", {"wiki": fields})
    return folder


@pytest.mark.parametrize("share", [0.001, 0.6, 1])
def test_resume_after_kill(create_here, many, out, share):
    """Killed twice, and the faces that were done are kept."""
    arguments = [many, out / "db.mat", "--img_size", 250]
    command = [ROOT / "create_db.py", "--data_dir", many, "-o", *arguments[1:]]
    code, _ = killed_at(share, command, out, signal.SIGKILL)
    assert code == -signal.SIGKILL
    begun = read_states(out / ".db.states")
    other = create_here(*arguments, "--min_score", 2, "--resume")
    assert_one_line_error(other, "create_db.py", "--resume: ", ".db.partial")
    assert (read_states(out / ".db.states") == begun).all()
    done = create_here(*arguments, "--resume")
    assert done.returncode == 0, done.stderr
    assert names(out) - {".db.mat.lock"} == FILES
    opened = open_database(out / "db.mat")
    for row in range(800):
        expected = cv2.imread(str(many / opened.names[row]))
        expected = cv2.resize(expected, (250, 250))
        np.testing.assert_array_equal(opened.image[np.array([row])][0], expected)
    assert opened.age_low.tolist() == [20 + i % 40 for i in range(800)]


def test_resume_after_ctrl_c(create_here, many, out):
    arguments = [many, out / "db.mat", "--img_size", 250]
    command = [ROOT / "create_db.py", "--data_dir", many, "-o", *arguments[1:]]
    code, stderr = killed_at(0.3, command, out, signal.SIGINT)
    assert code == 130
    assert "interrupted" in stderr.splitlines()[-1] and "--resume" in stderr.splitlines()[-1]
    assert "Traceback" not in stderr
    assert names(out) - {".db.mat.lock"} == RESUMABLE
    assert create_here(*arguments, "--resume").returncode == 0
    assert names(out) == FILES
