import datetime
import re

import numpy as np
import pandas as pd
import pytest
import scipy.io

from src.data.datasets import COLUMNS, read_dataset
from src.data.datasets.imdb_wiki import ages
from src.errors import UserError
from tests.helpers import wiki_struct

MATLAB_EPOCH = 366  # days that MATLAB's serial dates are ahead of Python's ordinals
RULES = ["face_score below 1", "a second face", "age outside 0..100", "gender unknown"]


def read(folder, db="wiki", **options):
    return read_dataset(db, folder, **options)


def write(folder, fields, name="wiki", file="wiki"):
    scipy.io.savemat(folder / f"{file}.mat", {name: fields})
    return folder


def serial_date(*day):
    return datetime.date(*day).toordinal() + MATLAB_EPOCH


def original_age(dob, photo_taken):
    """The original toolkit's calc_age."""
    birth = datetime.datetime.fromordinal(max(int(dob) - 366, 1))
    # assume the photo was taken in the middle of the year
    return photo_taken - birth.year if birth.month < 7 else photo_taken - birth.year - 1


def test_ages_equal_the_originals():
    rng = np.random.default_rng(0)
    dob = rng.integers(-1000, serial_date(2030, 1, 1), 5000).astype(np.int32)
    photo_taken = rng.integers(1900, 2030, 5000).astype(np.uint16)
    expected = [original_age(*row) for row in zip(dob.tolist(), photo_taken.tolist(), strict=True)]
    assert ages(dob, photo_taken).tolist() == expected


def test_ages_around_the_birthday():
    """It is ahead from July on; unsigned columns do not wrap around; missing dates have no age."""
    days = [(1980, 1, 1), (1980, 6, 30), (1980, 7, 1), (1980, 12, 31), (2020, 1, 1)]
    dob = np.array([serial_date(*day) for day in days], np.uint32)
    assert ages(dob, np.full(5, 2010, np.uint16)).tolist() == [30, 30, 29, 29, -10]
    assert np.isnan(ages(np.array([np.nan, np.inf, -np.inf, 1e18]), np.full(4, 2010.0))).all()


def broken_struct():
    """21 people: six good, one of each age limit, and rows that break one rule or several."""
    fields = wiki_struct(21)
    score, second, gender = (
        fields[name][0] for name in ("face_score", "second_face_score", "gender")
    )
    dob, photo_taken = fields["dob"][0], fields["photo_taken"][0]
    dob[:] = serial_date(1900, 3, 1)
    photo_taken[:] = 1930
    score[[0, 1, 2, 3]] = 0.999, -np.inf, 0, np.nan
    second[[3, 4, 5]] = 2.0  # row 3 is counted by the first rule it breaks
    second[6] = -1.0  # no second face
    score[7] = 1.0  # just enough
    photo_taken[[8, 9]] = 1899, 2001  # -1 and 101
    photo_taken[[10, 11]] = 1900, 2000  # 0 and 100
    dob[12] = 0  # taken for the year 1
    gender[[12, 13, 14]] = np.nan, np.nan, np.nan
    gender[15] = -1
    return fields


def test_rules_count_rows_in_order(tmp_path):
    records = read(write(tmp_path, broken_struct()))
    assert records.removed == dict(zip(RULES, [4, 2, 3, 3], strict=True))
    kept, table = [6, 7, 10, 11, 16, 17, 18, 19, 20], records.table
    assert list(table.columns) == list(COLUMNS)
    assert table["path"].tolist() == [f"{i % 10:02d}/{i}.jpg" for i in kept]
    assert table["age_low"].tolist() == [30, 30, 0, 100, 30, 30, 30, 30, 30]
    assert table["age_high"].tolist() == table["age_low"].tolist()
    assert table["gender"].tolist() == [i % 2 for i in kept]


def test_imdb_with_its_further_fields(tmp_path):
    fields = wiki_struct(3) | {"celeb_names": np.array([["A", "B"]], object), "celeb_id": [1, 2, 1]}
    assert len(read(write(tmp_path, fields, "imdb", "imdb"), "imdb").table) == 3


@pytest.fixture(scope="module")
def real(wiki):
    return read(wiki)


def test_real_ages_agree_with_file_names(real):
    """`12/1234_1957-08-16_1990.jpg`: birth, photo. One name has a full stop after the day."""
    dates = [re.search(r"_(\d+)-(\d+)-\d+\.?_(\d+)\.jpg$", path) for path in real.table["path"]]
    years, months, taken = np.array([date.groups() for date in dates], int).T
    np.testing.assert_array_equal(real.table["age_low"], taken - years - (months >= 7))


def test_real_persons_and_genders(real, wiki):
    """With --persons, the same rows with a name each. Women are 0, men 1."""
    table = read(wiki, persons=True).table
    assert set(real.table["person"]) == {""}
    pd.testing.assert_frame_equal(table.assign(person=""), real.table)
    assert (table["person"] != "").all()
    table = table.set_index("path")
    for path, name, gender in (
        ("46/20913246_1984-11-22_2012.jpg", "Scarlett Johansson", 0),
        ("43/149243_1990-04-15_2013.jpg", "Emma Watson", 0),
        ("68/43568_1956-07-09_2014.jpg", "Tom Hanks", 1),
        ("17/1439517_1986-06-03_2015.jpg", "Rafael Nadal", 1),
    ):
        assert table.loc[path, ["person", "gender"]].tolist() == [name, gender]


@pytest.mark.parametrize("name", ["dob", "full_path", "second_face_score", "name"])
def test_missing_field_is_named(tmp_path, name):
    fields = wiki_struct(3)
    del fields[name]
    with pytest.raises(UserError, match=f"no field of name {name}"):
        read(write(tmp_path, fields), persons=True)


@pytest.mark.parametrize(
    ("variables", "received"),
    [
        ({"imdb": wiki_struct(3)}, "struct 'wiki' .*is --db right"),
        ({"wiki": 5.0}, r"wiki\.mat"),
        ({"wiki": wiki_struct(3) | {"full_path": np.array([[1.0, 2.0, 3.0]])}}, "'' in row 1"),
        ({"wiki": wiki_struct(3) | {"gender": np.array([["m", "f", "m"]], object)}}, "wiki"),
        ({"wiki": wiki_struct(2) | {"full_path": np.array([["a", "../b"]], object)}}, "in row 2"),
    ],
    ids=["another struct", "a number", "paths are numbers", "genders are texts", "a path outside"],
)
def test_wrong_labels_are_named(tmp_path, variables, received):
    scipy.io.savemat(tmp_path / "wiki.mat", variables)
    with pytest.raises(UserError, match=received):
        read(tmp_path)


def people():
    """A struct of 12 people with paths and names of several lengths, and one without a name."""
    fields = wiki_struct(12)
    names = np.empty((1, 12), object)
    names[0] = [np.array(["Zoë " + "x" * i]) for i in range(11)] + [np.array([])]
    return fields | {"name": names}


def test_persons_are_stripped(tmp_path):
    found = read(write(tmp_path, people()), persons=True).table
    assert found["person"].tolist() == [f"Zoë {'x' * i}".strip() for i in range(11)] + [""]
