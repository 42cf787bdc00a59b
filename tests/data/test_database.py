import hashlib

import h5py
import mat73
import numpy as np
import pytest
import scipy.io

from src.data.database import open_database
from src.errors import UserError
from src.faces.crop import FaceCrop
from tests.helpers import write_our_database

VERSIONS = ("7.3", "5")
PATHS = ["00/a.jpg", "été/顔.jpg", "𝄞 b.jpg"]  # the last begins with two UTF-16 units


def faces(count, size):
    return np.random.default_rng(size).integers(0, 256, (count, size, size, 3), np.uint8)


def labels(count):
    """Columns of `count` rows: every third gender unknown, every fourth age, some age ranges."""
    rows = np.arange(count)
    low = np.where(rows % 4 == 3, np.nan, rows % 101)
    high = np.where(rows % 4 == 2, np.minimum(low + 9, 100), low)
    return {
        "gender": np.where(rows % 3 == 2, np.nan, rows % 2),
        "age": (low + high) / 2,
        "age_low": low,
        "age_high": high,
        "path": [PATHS[i % 3] for i in rows],
        "group": ["East Asian" if i % 2 else "" for i in rows],
        "person": ["Ann" if i % 5 else "" for i in rows],
    }


def write(path, count=7, size=8, version="7.3"):
    """Write `count` rows; returns their faces and columns."""
    image, columns = faces(count, size), labels(count)
    write_our_database(path, image, columns, version)
    return image, columns


def write_original(path, **fields):
    """A file as the original toolkit writes it, with some `fields` replaced."""
    image = faces(4, 8)
    values = {
        "image": image,
        "gender": [0, 1, 1, 0],
        "age": [20, 30, 40, 50],
        "db": "imdb",
        "img_size": 8,
        "min_score": 1.0,
    } | fields
    kept = {name: value for name, value in values.items() if value is not None}
    scipy.io.savemat(path, kept)
    return image


@pytest.fixture
def path(tmp_path):
    return tmp_path / "faces.mat"


@pytest.mark.parametrize("count", [1, 7])
@pytest.mark.parametrize("version", VERSIONS)
def test_written_rows_are_read(path, version, count):
    image, columns = write(path, count, version=version)
    opened = open_database(path)
    assert len(opened) == count
    np.testing.assert_array_equal(opened.image[np.arange(count)], image)
    for name in ("gender", "age_low", "age_high"):
        np.testing.assert_array_equal(getattr(opened, name), columns[name])
    assert opened.names == columns["path"]
    assert (opened.group or [""]) == columns["group"]
    assert opened.persons.tolist() == columns["person"]
    assert (opened.db, opened.crop) == ("wiki", FaceCrop(8))


def test_mat73_reads_reversed_dimensions(path):
    image, columns = write(path)
    read = mat73.loadmat(path)
    np.testing.assert_array_equal(read["image"].T, image)
    np.testing.assert_array_equal(read["age"], columns["age"])
    np.testing.assert_array_equal(read["gender"], columns["gender"])
    assert (read["db"], read["img_size"], read["margin"]) == ("wiki", 8, 0.4)
    header = path.read_bytes()[:128]  # version 2.0, little-endian
    assert header.startswith(b"MATLAB 7.3 MAT-file, Platform: ") and header[124:] == b"\x00\x02IM"


def test_scipy_reads_version_5(path):
    image, columns = write(path, version="5")
    read = scipy.io.loadmat(path)
    assert read["image"].dtype == np.uint8
    np.testing.assert_array_equal(read["image"], image)
    np.testing.assert_array_equal(read["gender"][0], columns["gender"])
    np.testing.assert_array_equal(read["age"][0], columns["age"])
    assert (read["db"][0], read["img_size"][0, 0], read["min_score"][0, 0]) == ("wiki", 8, 1.5)
    assert [text.rstrip() for text in read["path"]] == columns["path"]


@pytest.mark.parametrize("unknown", [-1, np.nan])
def test_file_of_the_original_toolkit_opens(path, unknown):
    image = write_original(path, gender=[0, 1, unknown, 0])
    opened = open_database(path)
    np.testing.assert_array_equal(opened.image[np.arange(4)], image)
    np.testing.assert_array_equal(opened.gender, [0, 1, np.nan, 0])
    assert opened.age_low.tolist() == opened.age_high.tolist() == [20, 30, 40, 50]
    assert opened.db == "imdb"
    assert (opened.names, opened.group, opened.person) == ([], [], None)
    assert opened.crop.margin is None


def test_original_utkface_genders_are_converted(path, capsys):
    """Its script stores UTKFace's own code under `db` "utk": 0 is male."""
    write_original(path, db="utk", gender=[0, 1, -1, 0], min_score=-1)
    np.testing.assert_array_equal(open_database(path).gender, [1, 0, np.nan, 1])
    (line,) = capsys.readouterr().err.splitlines()
    assert str(path) in line
    write_our_database(path, faces(2, 8), labels(2), db="utk")
    assert open_database(path).gender.tolist() == [0, 1]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("version", VERSIONS)
def test_names_that_are_not_utf_8(path, version):
    columns = labels(2) | {"path": ["caf\udce9.jpg", "b.jpg"]}
    write_our_database(path, faces(2, 8), columns, version)
    expected = {"7.3": "caf\udce9.jpg", "5": r"caf\udce9.jpg"}[version]
    assert open_database(path).names == [expected, "b.jpg"]


def test_identities_of_source_files(path):
    image, _ = write(path)
    opened = open_database(path)
    assert opened.identity is None and opened.identity_kind == "pixels 8 none 0.4"
    expected = [hashlib.blake2b(face.tobytes(), digest_size=8).digest() for face in image]
    assert opened.identities.tobytes() == b"".join(expected)
    stored = np.arange(7, dtype=np.uint64) + np.uint64(2**63)
    with h5py.File(path, "r+") as file:
        file["identity"] = stored[:, None]
    opened = open_database(path)
    assert opened.identity_kind == "bytes"
    np.testing.assert_array_equal(opened.identities, stored)


@pytest.mark.parametrize("chunk", [20, None])
def test_rows_in_any_order(path, chunk):
    """Older databases have their images in chunks."""
    image, _ = write(path, count=50)
    if chunk:
        with h5py.File(path, "r+") as file:
            del file["image"]
            file.create_dataset("image", data=image, chunks=(chunk, 8, 8, 3))
    rows = np.random.default_rng(0).permutation(np.repeat(np.arange(50), 2))
    np.testing.assert_array_equal(open_database(path).image[rows], image[rows])


@pytest.mark.parametrize(
    ("fields", "received"),
    [
        *(({name: None}, f"'{name}'") for name in ("image", "gender", "age")),
        ({"gender": [0, 1, 2, 0]}, "'gender'.* 2 in row 2"),
        ({"gender": [0, 1, 0.5, 0]}, r"'gender'.* 0\.5 in row 2"),
        ({"gender": [1, 1, 1]}, "'gender'.* 3 values for 4"),
        ({"age": [101, 20, 20, 20]}, "'age_low'.* 101 in row 0"),
        ({"age": [20, -3, 20, 20]}, "'age_low'.* -3 in row 1"),
        ({"age": [20, np.inf, 20, 20]}, "'age_low'.* inf in row 1"),
        ({"age": "abcd"}, "float64"),
        ({"group": ["a", "b", "c"]}, "'group'.* 3 values"),
        ({"identity": np.arange(4.0)}, "uint64"),
        ({"margin": "wide"}, "wide"),
        ({"image": faces(4, 8)[:, :, :7]}, r"\(4, 8, 7, 3\)"),
        ({"image": faces(4, 8)[..., 0]}, r"\(4, 8, 8\)"),
        ({"image": faces(0, 8), "gender": [], "age": []}, r"\(0, 8, 8, 3\)"),
        ({"image": np.empty((4, 0, 0, 3), np.uint8)}, r"\(4, 0, 0, 3\)"),
        ({"image": faces(4, 8) / 255}, "float64"),
    ],
)
def test_wrong_values_are_named(path, fields, received):
    write_original(path, **fields)
    with pytest.raises(UserError, match=rf"faces\.mat: .*{received}"):
        open_database(path)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.9])
def test_database_cut_short_is_refused(path, version, share):
    write(path, version=version)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UserError, match=r"faces\.mat"):
        open_database(path)


@pytest.mark.parametrize("content", [b"no database\n" * 50, None])
def test_other_file_is_named(path, content):
    if content:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"faces\.mat: expected a database"):
        open_database(path)
