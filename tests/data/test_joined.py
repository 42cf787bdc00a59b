import numpy as np
import pytest

from src.data.database import join, open_database
from src.errors import UserError
from tests.helpers import write_database, write_our_database


def make(path, count, size=8, margin=0.4, **values):
    """A database of random faces, opened, and the faces."""
    rng = np.random.default_rng(count)
    faces = rng.integers(0, 256, (count, size, size, 3), np.uint8)
    low = rng.integers(0, 90, count).astype(float)
    low[0] = np.nan
    columns = {"age_low": low, "age_high": low + 9, "gender": rng.choice([0, 1, np.nan], count)}
    paths = [f"{path.stem}/{i}.jpg" for i in range(count)]
    texts = {"path": paths, "group": [f"group {path.stem}"] * count}
    write_our_database(path, faces, columns | texts, margin=margin, db=path.stem, **values)
    return open_database(path), faces


@pytest.fixture
def three(tmp_path):
    return [make(tmp_path / f"{name}.mat", count) for name, count in (("a", 5), ("b", 9), ("c", 4))]


def test_joined_rows_keep_their_order(three):
    parts, faces = zip(*three, strict=True)
    joined = join(list(parts))
    rows = np.random.default_rng(0).permutation(np.repeat(np.arange(18), 2))
    np.testing.assert_array_equal(joined.image[rows], np.concatenate(faces)[rows])
    assert joined.image[rows[:0]].shape == (0, 8, 8, 3)
    assert (len(joined), joined.image.shape) == (18, (18, 8, 8, 3))
    for name in ("gender", "age_low", "age_high"):
        expected = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(getattr(joined, name), expected)
    for name in ("names", "group"):
        assert getattr(joined, name) == [text for part in parts for text in getattr(part, name)]
    assert joined.db == "a+b+c"
    assert join([parts[0]]) is parts[0]
    assert joined.person is None


def test_persons_of_joined_databases(tmp_path):
    columns = {"path": ["0.jpg", "1.jpg"], "group": "", "gender": [0.0, 1.0]}
    columns |= {"age_low": [20.0, 30.0], "age_high": [20.0, 30.0]}
    faces = np.zeros((2, 8, 8, 3), np.uint8)
    write_our_database(tmp_path / "named.mat", faces, columns | {"person": ["Ann", ""]})
    write_our_database(tmp_path / "unnamed.mat", faces, columns)
    parts = [open_database(tmp_path / f"{name}.mat") for name in ("unnamed", "named")]
    assert join(parts).person.tolist() == ["", "", "Ann", ""]


def test_margin_of_most_rows(tmp_path):
    counts = {"a": (10, 0.4), "b": (6, 0.1), "c": (6, 0.1)}
    parts = [make(tmp_path / f"{n}.mat", count, margin=m)[0] for n, (count, m) in counts.items()]
    assert join(parts[:2]).crop.margin == 0.4
    assert join(parts).crop.margin == 0.1


def test_files_of_the_original_toolkit(tmp_path):
    """They have no names and groups, and are not aligned."""
    old = open_database(write_database(tmp_path / "old.mat", count=4, img_size=8))
    new, _ = make(tmp_path / "new.mat", 3)
    joined = join([new, old])
    assert joined.names == []
    assert joined.group == [*["group new"] * 3, *[""] * 4]
    aligned, _ = make(tmp_path / "aligned.mat", 3, alignment="five_points")
    with pytest.raises(UserError, match=r"one alignment, received none in .*five_points in "):
        join([old, aligned])
    with pytest.raises(UserError, match=r"one size, received 8 in \S*new\.mat and 16 in \S*c\.mat"):
        join([new, make(tmp_path / "c.mat", 3, size=16)[0]])
