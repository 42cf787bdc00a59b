import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io

from src.data import writing
from src.data.database import open_database
from src.errors import UserError
from src.faces.crop import FaceCrop

SIZE = 32
RUN = "5" * 64
VALUES = {"db": "csv", "img_size": SIZE, "min_score": 1.0, "margin": 0.2, "alignment": "none"}


def make(count):
    """Random faces and labels; a third of the labels is unknown."""
    rng = np.random.default_rng(count)
    low = np.where(np.arange(count) % 3 == 0, np.nan, rng.integers(0, 90, count))
    columns = {"age_low": low, "age_high": low + 5, "gender": rng.choice([0, 1, np.nan], count)}
    texts = {"path": [f"é{i}.jpg" for i in range(count)], "group": "", "person": ""}
    return rng.integers(0, 256, (count, SIZE, SIZE, 3), np.uint8), pd.DataFrame(columns | texts)


def fill(slots, faces, rows):
    """Write some faces, with their row as identity and the third state."""
    for row in rows:
        record = np.array([(2**63 + int(row), 0, 3)], writing.RECORD)
        slots.write(row, faces[row : row + 1], record)


def filled(path, faces, rows=None):
    slots = writing.FaceSlots(path, len(faces), SIZE, RUN).__enter__()
    fill(slots, faces, np.random.default_rng(0).permutation(len(faces)) if rows is None else rows)
    return slots


@pytest.fixture
def path(tmp_path):
    return tmp_path / "db.mat"


@pytest.mark.parametrize("version", ["7.3", "5"])
@pytest.mark.parametrize("share", [0.02, 0.5, 1])
def test_kept_rows_stay_in_order(path, monkeypatch, share, version):
    monkeypatch.setattr(writing, "_COPIED_BYTES", 7 * SIZE * SIZE * 3)
    faces, table = make(300)
    kept = np.flatnonzero(np.random.default_rng(1).random(300) <= share)
    writing.write_database(path, filled(path, faces), table, kept, VALUES, version)
    opened = open_database(path)
    np.testing.assert_array_equal(opened.image[np.arange(len(kept))], faces[kept])
    for name in ("age_low", "age_high", "gender"):
        np.testing.assert_array_equal(getattr(opened, name), table[name].iloc[kept])
    assert opened.names == table["path"].iloc[kept].tolist()
    assert (opened.db, opened.crop) == ("csv", FaceCrop(SIZE, 0.2))
    if version == "5":
        stored = scipy.io.loadmat(path)
    else:
        with h5py.File(path) as file:
            stored = {name: file[name][()] for name in ("image", "identity")}
    np.testing.assert_array_equal(stored["image"], faces[kept])
    assert stored["identity"].dtype == np.uint64
    assert stored["identity"].ravel().tolist() == [2**63 + row for row in kept.tolist()]


def test_half_filled_slots_resume(path):
    faces, table = make(70)
    first = np.random.default_rng(2).permutation(70)[:30]
    filled(path, faces, first)
    slots = writing.FaceSlots(path, 70, SIZE, RUN, resume=True)
    assert slots.done == 30
    assert set(np.flatnonzero(slots.records["state"] == 3)) == set(first)
    assert slots.records["identity"][first].tolist() == [2**63 + row for row in first.tolist()]
    fill(slots, faces, np.flatnonzero(slots.records["state"] == writing.TO_DO))
    writing.write_database(path, slots, table, np.arange(70), VALUES, "7.3")
    np.testing.assert_array_equal(open_database(path).image[np.arange(70)], faces)


def test_slots_of_another_run_are_rejected(path):
    filled(path, make(3)[0])
    with pytest.raises(UserError, match=r"--resume: .*\.db\.partial"):
        writing.FaceSlots(path, 3, SIZE, "6" * 64, resume=True)
    slots = writing.FaceSlots(path, 3, SIZE, RUN, resume=True)
    assert slots.done == 3
    slots.remove()
    assert writing.FaceSlots(path, 3, SIZE, RUN, resume=True).done == 0
    assert list(path.parent.iterdir()) == []
