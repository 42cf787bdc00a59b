"""Splits of databases: every row in one part."""

import hashlib
from dataclasses import asdict, replace

import numpy as np
import pytest

from src.data.database import open_database
from src.data.identities import PARTS
from src.data.split import Split, divide, hashed, hashed_by, read_split, related, rows_by_database
from src.errors import UserError
from tests.helpers import write_our_database


@pytest.fixture
def make(tmp_path):
    """Write and open a database of images, one per number: equal numbers are equal images."""

    def made(name, numbers, named=True, db="made"):
        rng = [np.random.default_rng(number) for number in numbers]
        faces = np.stack([one.integers(0, 256, (8, 8, 3), np.uint8) for one in rng])
        count = len(faces)
        names = [f"{name}/{number}_{row}.jpg" for row, number in enumerate(numbers)]
        columns = {column: np.full(count, 20.0) for column in ("age_low", "age_high")}
        columns |= {"gender": np.zeros(count), "group": [""] * count}
        columns["path"] = names
        path = tmp_path / f"{name}.mat"
        write_our_database(path, faces, columns, db=db)
        database = open_database(path)
        return database if named else replace(database, names=[])

    return made


def parts(databases, method, validation=0.1, test=0.0, seed=0):
    return divide(databases, method, validation, test, seed)[1]


@pytest.mark.parametrize("method", ["random", "hash"])
def test_every_row_is_in_one_part(make, method):
    rows = parts([make("a", range(300)), make("b", range(300, 400))], method, 0.2, 0.1)
    assert sorted(np.concatenate(list(rows.values()))) == list(range(400))
    expected = [280, 80, 40]
    found = [len(rows[part]) for part in PARTS]
    assert found == (expected if method == "random" else pytest.approx(expected, abs=25))
    assert rows["validation"].std() > 80  # from everywhere: 115 for a perfect spread


def test_random_parts_end_a_permutation(make):
    rows = parts([make("a", range(50), named=False)], None, 0.2, 0.1, seed=3)
    order = np.random.default_rng(3).permutation(50)
    assert set(rows["validation"]) == set(order[40:])
    assert set(rows["test"]) == set(order[35:40])
    assert len(parts([make("b", range(24))], "random", 0.001)["validation"]) == 1


@pytest.mark.parametrize("shares", [(0.99, 0), (0.5, 0.49)])
def test_empty_parts_are_rejected(make, shares):
    with pytest.raises(UserError, match=f"--validation_split: .* {shares[0]} .* of 24 rows"):
        parts([make("a", range(24))], "random", *shares)


def test_hash_is_of_the_file_name():
    expected = int(hashlib.sha256(b"7_1_0_2017.jpg").hexdigest()[:8], 16) / 2**32
    assert hashed("7_1_0_2017.jpg") == hashed("part1/7_1_0_2017.jpg") == expected


def test_hash_parts_ignore_joining(make):
    one, two = make("a", range(30)), make("b", range(30, 230))
    alone, joined = parts([two], "hash", 0.2), parts([one, two], "hash", 0.2, seed=1)
    for part in PARTS:
        both = joined[part]
        np.testing.assert_array_equal(both[both >= 30] - 30, alone[part])


def test_default_method_depends_on_names(make):
    named, unnamed = make("a", range(30)), make("b", range(30, 60), named=False)
    assert divide([named], None, 0.2, 0, 0)[0].method == "hash"
    assert divide([named, unnamed], None, 0.2, 0, 0)[0].method == "random"
    with pytest.raises(UserError, match=r"--split_by hash: .*b\.mat"):
        divide([named, unnamed], "hash", 0.2, 0, 0)


@pytest.mark.parametrize("method", ["random", "hash"])
def test_identical_images_share_a_part(make, method):
    databases = [make("a", [*range(60), *range(30)]), make("b", range(40, 80))]
    rows = parts(databases, method, 0.3, 0.2)
    numbers = np.array([*range(60), *range(30), *range(40, 80)])
    seen = [set(numbers[rows[part]]) for part in PARTS]
    assert sum(map(len, seen)) == 80


@pytest.mark.parametrize("method", ["random", "hash"])
def test_persons_are_in_one_part(make, method):
    persons = np.array([*(f"p{row // 4}" for row in range(200)), *[""] * 200])
    database = replace(make("a", [*range(399), 7]), person=persons)
    rows = parts([database], method, 0.3, 0.2)
    expected = {"training": 200, "validation": 120, "test": 80}
    assert {part: len(own) for part, own in rows.items()} == pytest.approx(expected, abs=50)
    named = [set(persons[own]) - {""} for own in rows.values()]
    assert sum(map(len, named)) == 50
    assert rows_part(rows, 399) == rows_part(rows, 7) == rows_part(rows, 4)  # the same image


def rows_part(rows, row):
    return next(part for part, own in rows.items() if row in own)


@pytest.mark.parametrize("method", ["random", "hash"])
def test_faces_of_one_file_share_a_part(make, method):
    database = replace(make("a", range(200)), identity=np.arange(200, dtype=np.uint64) // 2)
    rows = parts([database], method, 0.3, 0.2)
    assert sum(len(set(own // 2)) for own in rows.values()) == 100


def test_repeated_file_names_hash_the_path(make):
    """500 folders of the same ten names: their hashes alone make a validation set of one name."""
    names = [f"{row // 10:03d}/{row % 10:03d}.jpg" for row in range(5000)]
    faces = np.random.default_rng(0).integers(0, 256, (5000, 2, 2, 3), np.uint8)
    database = replace(make("a", [0]), names=names, image=faces, gender=np.zeros(5000))
    assert hashed_by(database) == "path"
    validation = parts([database], "hash", 0.1)["validation"]
    assert len(validation) == pytest.approx(500, abs=80)
    assert len(set(validation % 10)) == 10
    digests = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    expected = [int(digest[:8], 16) / 2**32 < 0.1 for digest in digests]
    np.testing.assert_array_equal(validation, np.flatnonzero(expected))
    several = [f"{row // 2}.jpg" for row in range(100)]  # faces of one image
    assert hashed_by(replace(make("b", range(100)), names=several)) == "file"


def test_related_rows(make):
    one = replace(make("a", [0, 1, 2, 3]), person=np.array(["Ann", "Bob", "", ""]))
    two = replace(make("b", [2, 9, 8]), person=np.array(["Ann", "", "Eve"]))
    numbers = related([one, two])
    assert numbers[0] == numbers[2] == numbers[4]  # of Ann, and the image that is also hers
    assert len(set(numbers)) == 5


def test_split_of_version_0_2():
    stored = {"method": "hash", "validation_split": 0.2, "test_split": 0.1, "seed": 3}
    split = read_split(stored | {"databases": [{"file": "wiki.mat"}]})
    assert asdict(split) == stored | {"folds": 0, "fold": 0}
    assert read_split(None) is None


def test_rows_by_database_number_equal_names(make):
    databases = [make("a", range(3), db="wiki"), make("b", range(3, 5), db="utkface")]
    rows = rows_by_database(databases, np.array([4, 0, 2, 3]))
    assert {name: list(chosen) for name, chosen in rows.items()} == {
        "wiki": [0, 2],
        "utkface": [4, 3],
    }
    databases[1] = make("c", range(5, 7), db="wiki")
    assert list(rows_by_database(databases, np.array([0]))) == ["wiki1", "wiki2"]


def test_every_face_is_in_one_fold():
    positions = np.random.default_rng(0).random(3000)
    parts = np.array(
        [Split("hash", 0.1, 0.0, 0, folds=3, fold=fold).parts_of(positions) for fold in range(3)]
    )
    assert ((parts == "test").sum(axis=0) == 1).all()
    np.testing.assert_array_equal((parts == "test").argmax(axis=0), np.floor(positions * 3))
    share = (parts == "validation").sum(axis=1) / (parts != "test").sum(axis=1)
    np.testing.assert_allclose(share, 0.1, atol=0.02)
