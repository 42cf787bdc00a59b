"""src/training/split.py: who is trained on and who is validated on."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from src.errors import UserError
from src.training.split import hashed, rows_by_part, split


class EachItsOwn:
    """Pictures of which no two are alike: row numbers."""

    def __getitem__(self, rows):
        return np.asarray(rows).reshape(-1, 1)


class Twins:
    """Pictures of which each two that follow each other are alike."""

    def __getitem__(self, rows):
        return np.asarray(rows).reshape(-1, 1) // 2


class Rows(list):
    """A database of pictures with these names; what else it holds does not matter here."""

    path = Path("made.mat")
    image = EachItsOwn()

    @property
    def names(self):
        return list(self)


def drawn(count, share, seed=0):
    return split(Rows([""] * count), share, "random", seed)


def test_split_holds_every_row_on_one_side():
    training, validation = drawn(1000, 0.1)
    assert (len(training), len(validation)) == (900, 100)
    assert sorted([*training, *validation]) == list(range(1000))
    assert validation.std() > 200  # from all over the database: 289 for a perfect spread


def test_split_is_drawn_by_its_seed():
    rows, same, other = (drawn(100, 0.1, seed)[1] for seed in (0, 0, 1))
    np.testing.assert_array_equal(rows, same)
    assert set(rows) != set(other)


def test_split_leaves_a_row_on_each_side_where_it_can():
    assert len(drawn(24, 0.001)[1]) == 1
    assert len(drawn(10, 0.9)[0]) == 1  # 10 * (1 - 0.9) is 0.9999999999999998


@pytest.mark.parametrize("count, share", [(24, 0.99), (1, 0.1), (0, 0.1)])
def test_split_that_leaves_nothing_is_refused(count, share):
    with pytest.raises(UserError, match=f"--validation_split: .* received {share} of {count} rows"):
        drawn(count, share)


def test_hash_is_of_the_file_name_alone():
    expected = int(hashlib.sha256(b"7_1_0_2017.jpg").hexdigest()[:8], 16) / 2**32
    assert hashed("7_1_0_2017.jpg") == hashed("part1/7_1_0_2017.jpg") == expected


def test_hash_split_is_the_same_whatever_is_joined():
    one, two = [f"{i}.jpg" for i in range(300)], [f"b/{i}.png" for i in range(200)]
    alone = split(Rows(two), 0.2, "hash", 0)[1]
    joined = split(Rows(one + two), 0.2, "hash", 1)[1]
    np.testing.assert_array_equal(joined[joined >= 300] - 300, alone)
    assert 20 < len(alone) < 60  # of 200, a fifth is wanted


def test_hash_split_wants_names():
    with pytest.raises(UserError, match=r"--split_by hash: .* made\.mat"):
        split(Rows(), 0.1, "hash", 0)


def part(db, count):
    rows = Rows([""] * count)
    rows.db = db
    return rows


def test_rows_are_told_apart_by_part():
    rows = rows_by_part([part("wiki", 3), part("utkface", 2)], np.array([4, 0, 2, 3]))
    assert {name: list(chosen) for name, chosen in rows.items()} == {
        "wiki": [0, 2],
        "utkface": [4, 3],
    }


def test_parts_of_one_name_are_numbered():
    assert list(rows_by_part([part("wiki", 1), part("wiki", 1)], np.array([0]))) == [
        "wiki1",
        "wiki2",
    ]


def test_pictures_alike_to_the_pixel_are_on_one_side():
    """That of the least of their hashes, wherever they stand."""
    database = Rows(f"{i}.jpg" for i in range(200))
    database.image = Twins()
    hashes = np.array([hashed(name) for name in database]).reshape(-1, 2)
    expected = np.repeat(hashes.min(axis=1) < 0.3, 2)
    assert (hashes.min(axis=1) < 0.3).sum() > ((hashes < 0.3).all(axis=1)).sum()
    validated = split(database, 0.3, "hash", 0)[1]
    np.testing.assert_array_equal(validated, np.flatnonzero(expected))
