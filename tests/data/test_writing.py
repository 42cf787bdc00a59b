import os
from contextlib import closing
from functools import partial

import h5py
import numpy as np
import pandas as pd
import pytest

from src.data import writing
from src.data.database import open_database
from src.errors import UserError
from src.faces.crop import FaceCrop

SIZE = 32
VALUES = {"db": "csv", "img_size": SIZE, "min_score": 1.0, "margin": 0.2, "alignment": "none"}


def make(count):
    """Random faces and labels; a third of the labels is unknown."""
    rng = np.random.default_rng(count)
    low = np.where(np.arange(count) % 3 == 0, np.nan, rng.integers(0, 90, count))
    columns = {"age_low": low, "age_high": low + 5, "gender": rng.choice([0, 1, np.nan], count)}
    texts = {"path": [f"é{i}.jpg" for i in range(count)], "group": "", "person": ""}
    return rng.integers(0, 256, (count, SIZE, SIZE, 3), np.uint8), pd.DataFrame(columns | texts)


def fill(path, faces, rows):
    """Write some faces, and record the third state for them."""
    with closing(writing.FaceSlots(path)) as places:
        for row in rows:
            digest = np.full((1, writing.DIGEST_BYTES), row % 256, np.uint8)
            places.write(row, faces[row : row + 1], np.full(1, 3, np.uint8), digest)


def assert_holds(path, faces, table, rows):
    opened = open_database(path)
    np.testing.assert_array_equal(opened.image[np.arange(len(opened))], faces[rows])
    for name in ("age_low", "age_high", "gender"):
        np.testing.assert_array_equal(getattr(opened, name), table[name].iloc[rows])
    assert opened.names == table["path"].iloc[rows].tolist()
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["image"][()], faces[rows])
        assert not {"state", "digest", "moved"} & set(file)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "db.mat"


def test_place_of_faces_depends_on_hdf5(path, monkeypatch):
    """HDF5 2.0 writes the newer format by default, with a shorter beginning."""
    faces, table = make(5)
    older = writing.h5py.File
    monkeypatch.setattr(writing.h5py, "File", partial(older, libver="latest"))
    writing.allocate(path, table, SIZE, "it")
    fill(path, faces, range(5))
    monkeypatch.setattr(writing.h5py, "File", older)
    with pytest.raises(UserError, match=r"db\.mat.*--resume"):
        writing.finish(path, table, np.arange(5), VALUES, "7.3")
    monkeypatch.setattr(writing.h5py, "File", partial(older, libver="latest"))
    writing.finish(path, table, np.arange(5), VALUES, "7.3")
    monkeypatch.setattr(writing.h5py, "File", older)
    assert_holds(path, faces, table, np.arange(5))


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_faces_in_any_order(path, count):
    faces, table = make(count)
    writing.allocate(path, table, SIZE, "it")
    fill(path, faces, np.random.default_rng(0).permutation(count))
    writing.finish(path, table, np.arange(count), VALUES, "7.3")
    assert_holds(path, faces, table, np.arange(count))
    opened = open_database(path)
    assert (opened.db, opened.crop) == ("csv", FaceCrop(SIZE, 0.2))


@pytest.mark.parametrize("version", ["7.3", "5"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_rows_kept_stay_in_order(path, share, version):
    faces, table = make(1000)
    writing.allocate(path, table, SIZE, "it")
    fill(path, faces, range(1000))
    rows = np.flatnonzero(np.random.default_rng(1).random(1000) < share)
    writing.finish(path, table, rows, VALUES, version)
    opened = open_database(path)
    np.testing.assert_array_equal(opened.image[np.arange(len(rows))], faces[rows])
    assert opened.names == table["path"].iloc[rows].tolist()
    np.testing.assert_array_equal(opened.age_high, table["age_high"].iloc[rows])
    if version == "7.3":
        assert_holds(path, faces, table, rows)


def test_runs_of_rows(path):
    faces, table = make(1000)
    writing.allocate(path, table, SIZE, "it")
    state, digest = np.full(1000, 3, np.uint8), np.zeros((1000, writing.DIGEST_BYTES), np.uint8)
    with closing(writing.FaceSlots(path)) as places:
        for rows in (slice(300, 1000), slice(0, 300)):
            places.write(rows.start, faces[rows], state[rows], digest[rows])
    writing.finish(path, table, np.arange(1000), VALUES, "7.3")
    assert_holds(path, faces, table, np.arange(1000))


def test_file_shrinks_when_most_rows_go(path):
    faces, table = make(3000)
    writing.allocate(path, table, SIZE, "it")
    whole = path.stat().st_size
    assert faces.nbytes < whole <= writing.bytes_needed(table, SIZE)
    fill(path, faces, range(100))
    writing.finish(path, table, np.arange(0, 100, 2), VALUES, "7.3")
    assert path.stat().st_size < whole / 4
    assert_holds(path, faces, table, np.arange(0, 100, 2))


def test_half_filled_file_resumes(path):
    faces, table = make(700)
    writing.allocate(path, table, SIZE, "it")
    first = np.random.default_rng(2).permutation(700)[:300]
    fill(path, faces, first)
    assert writing.read_fingerprint(path) == "it"
    with closing(writing.FaceSlots(path)) as places:
        assert set(np.flatnonzero(places.state == 3)) == set(first)
        assert (places.state[places.state != 3] == writing.TO_DO).all()
        np.testing.assert_array_equal(
            places.digest[first], np.repeat(first % 256, 16).reshape(-1, 16)
        )
        rest = np.flatnonzero(places.state == writing.TO_DO)
    fill(path, faces, rest)
    writing.finish(path, table, np.arange(700), VALUES, "7.3")
    assert_holds(path, faces, table, np.arange(700))


class Killed(BaseException):
    """Raised where a process is killed."""


@pytest.mark.parametrize("version", ["7.3", "5"])
def test_finish_resumes_after_any_write(tmp_path, path, monkeypatch, version):
    """The process is killed halfway through every seventh write in turn, and finishes then."""
    faces, table = make(12)
    kept = np.array([0, 2, 3, 4, 7, 9, 10, 11])
    whole = tmp_path / "whole.mat"
    for file in (path, whole):
        writing.allocate(file, table, SIZE, "it")
        fill(file, faces, range(12))
    filled = path.read_bytes()
    writing.finish(whole, table, kept, VALUES, version)
    left = 0

    def killed_write(file, data, real=os.write):
        nonlocal left
        left -= 1
        if left < 0:
            real(file, data[: len(data) // 2])
            raise Killed
        return real(file, data)

    for moment in range(0, 1000, 7):
        path.write_bytes(filled)
        writing.journal_of(path).unlink(missing_ok=True)
        left = moment
        with monkeypatch.context() as patched:
            patched.setattr(writing.os, "write", killed_write)
            try:
                writing.finish(path, table, kept, VALUES, version)
                break
            except Killed:
                pass
        assert writing.read_fingerprint(path) == "it"
        with closing(writing.FaceSlots(path)) as places:
            assert (places.state == 3).all()
        writing.finish(path, table, kept, VALUES, version)
        assert path.read_bytes() == whole.read_bytes()
    assert moment > len(kept)


def test_hdf5_resumes_after_any_write(tmp_path, path, monkeypatch):
    """HDF5 is killed after each of its writes in turn; the faces stay in their places."""
    faces, table = make(9)
    kept, done = np.array([1, 4, 5, 8]), []

    class Recorded(writing._AroundFaces):
        def write(self, data):
            done.append((self.tell(), bytes(data)))
            return super().write(data)

    writing.allocate(path, table, SIZE, "it")
    fill(path, faces, range(9))
    with monkeypatch.context() as patched:
        patched.setattr(writing, "_write_7_3", lambda *_: None)
        writing.finish(path, table, kept, VALUES, "7.3")
    moved = path.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(writing, "_AroundFaces", Recorded)
        writing.finish(path, table, kept, VALUES, "7.3")
    whole = path.read_bytes()
    assert_holds(path, faces, table, kept)
    for count in range(len(done)):
        path.write_bytes(moved)
        with path.open("r+b") as file:
            for place, data in done[:count]:
                file.seek(place)
                file.write(data)
        writing.finish(path, table, kept, VALUES, "7.3")
        assert path.read_bytes() == whole


def test_killed_conversion_to_version_5_resumes(tmp_path, path, monkeypatch):
    faces, table = make(20)
    writing.allocate(path, table, SIZE, "it")
    fill(path, faces, range(20))

    def killed(file, *_, **__):
        file.write(b"MATLAB 5.0 MAT-file")
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr("scipy.io.savemat", killed)
        writing.finish(path, table, np.arange(1, 20), VALUES, "5")
    for _ in range(2):
        writing.finish(path, table, np.arange(1, 20), VALUES, "5")
        assert open_database(path).names == table["path"].iloc[1:].tolist()


@pytest.mark.parametrize("content", [None, b"", b"text\n" * 100], ids=["none", "empty", "text"])
def test_other_files_have_no_fingerprint(path, content):
    if content is not None:
        path.write_bytes(content)
    assert writing.read_fingerprint(path) is None


def test_short_writes_are_continued(tmp_path, monkeypatch):
    real = writing.os.write
    monkeypatch.setattr(writing.os, "write", lambda file, data: real(file, data[:7]))
    values = np.arange(50, dtype=np.uint16).reshape(5, 10)[:, ::2]
    with (tmp_path / "a").open("w+b") as file:
        writing.write_at(file.fileno(), 3, values)
    assert (tmp_path / "a").read_bytes() == bytes(3) + values.tobytes()
