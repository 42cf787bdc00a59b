"""src/data/split.py: every row in one part, and splits from checkpoints."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from src.data.database import open_database
from src.data.split import PARTS, divide, hashed, read_split, rows_by_database
from src.errors import UserError
from tests.helpers import write_our_database


@pytest.fixture
def make(tmp_path):
    """Write and open a database of pictures, one per number: equal numbers are equal pictures."""

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


def test_small_shares_leave_one_row(make):
    assert len(parts([make("a", range(24))], "random", 0.001)["validation"]) == 1
    assert len(parts([make("b", range(10))], "random", 0.9)["training"]) == 1


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
def test_identical_pictures_share_a_part(make, method):
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
    assert rows_part(rows, 399) == rows_part(rows, 7) == rows_part(rows, 4)  # the same picture
    stored, _ = divide([database], method, 0.3, 0.2, 0)
    np.testing.assert_array_equal(stored.rows([database], "test"), rows["test"])


def rows_part(rows, row):
    return next(part for part, own in rows.items() if row in own)


def test_identical_pictures_share_the_lowest_hash(make):
    database = make("a", np.arange(200) // 2)
    hashes = np.array([hashed(name) for name in database.names]).reshape(-1, 2)
    expected = np.repeat(hashes.min(axis=1) < 0.3, 2)
    rows = parts([database], "hash", 0.3)
    np.testing.assert_array_equal(rows["validation"], np.flatnonzero(expected))


@pytest.mark.parametrize("method", ["random", "hash"])
@pytest.mark.parametrize("chosen", [[0, 1], [1, 0], [1]])
def test_checkpoint_finds_its_rows(make, method, chosen):
    databases = [make("a", range(60)), make("b", range(60, 100))]
    split, rows = divide(databases, method, 0.3, 0.2, 5)
    starts = {0: 0, 1: 60}
    stored = read_split(json.loads(json.dumps(split.as_json())))
    given = [databases[number] for number in chosen]
    positions = np.concatenate([starts[n] + np.arange(len(databases[n])) for n in chosen])
    for part in PARTS:
        assert set(positions[stored.rows(given, part)]) == set(rows[part]) & set(positions)


@pytest.mark.parametrize("method", ["random", "hash"])
def test_other_databases_are_rejected(make, method):
    split, _ = divide([make("a", range(60))], method, 0.3, 0.2, 5)
    for other in (make("b", range(100, 160)), make("a", range(59))):
        assert not split.has(other)
        with pytest.raises(UserError, match=rf"--part: .*{other.path.name}: .* 60 rows"):
            split.rows([other], "validation")


def test_other_order_is_rejected(make):
    split, _ = divide([make("a", range(60), named=False)], None, 0.3, 0, 5)
    turned = make("b", range(59, -1, -1), named=False)
    with pytest.raises(UserError, match=r"--part: b\.mat"):
        split.rows([turned], "validation")


def test_pictures_shared_with_a_missing_database(make):
    databases = [make("a", range(60)), make("b", range(30, 90))]
    split, _ = divide(databases, "hash", 0.3, 0.2, 5)
    with pytest.raises(UserError, match=r"--part: .*a\.mat.*b\.mat"):
        split.rows(databases[:1], "validation")


def test_database_twice_is_rejected(make):
    with pytest.raises(UserError, match=r"--input: .*b\.mat .*a\.mat"):
        divide([make("a", range(20)), make("b", range(20))], None, 0.2, 0, 0)


@pytest.mark.parametrize(
    "start, is_accepted",
    [(("hash", 0.3, 0.2), True), (("hash", 0.3, 0.3), True), (("hash", 0.3, 0.1), False),
     (("random", 0.3, 0.2), False)],
)  # fmt: skip
def test_init_rejects_held_out_faces(make, start, is_accepted):
    databases = [make("a", range(90))]
    split, _ = divide(databases, "hash", 0.3, 0.2, 0)
    other, _ = divide(databases, *start, 0)
    if is_accepted:
        split.check_start(other, "--init")
    else:
        with pytest.raises(UserError, match=r"--init: .*--split_by"):
            split.check_start(other, "--init")
    others = [make("b", range(100, 190))]
    split.check_start(divide(others, *start, 0)[0], "--init")


@pytest.mark.parametrize(
    "change", [{"method": "name"}, {"test_split": "a"}, {"databases": [{}]}, {"x": 1}]
)
def test_damaged_splits_are_rejected(make, change):
    stored = divide([make("a", range(20))], None, 0.2, 0, 0)[0].as_json()
    with pytest.raises(UserError, match="split"):
        read_split(stored | change)


def test_rows_by_database_number_equal_names(make):
    databases = [make("a", range(3), db="wiki"), make("b", range(3, 5), db="utkface")]
    rows = rows_by_database(databases, np.array([4, 0, 2, 3]))
    assert {name: list(chosen) for name, chosen in rows.items()} == {
        "wiki": [0, 2],
        "utkface": [4, 3],
    }
    databases[1] = make("c", range(5, 7), db="wiki")
    assert list(rows_by_database(databases, np.array([0]))) == ["wiki1", "wiki2"]
