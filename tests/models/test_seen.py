"""Faces that a model has seen, by identities, or by the split of a named dataset."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from src.data.database import open_database
from src.data.identities import PARTS, file_identity
from src.data.split import hashed
from src.errors import UserError
from src.faces.crop import FaceCrop
from src.models.description import Description
from src.models.seen import rows_of_part, seen_in, seen_in_files, use_of
from tests.helpers import trained_on, write_our_database

SHARES = {"validation": 0.3, "test": 0.2}


def images(count, seed=0, size=8):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), np.uint8)


def write(path, faces, paths=None, db="csv", identity=None):
    """Write a database, with identities of source files if given."""
    count = len(faces)
    columns = {name: np.full(count, 20.0) for name in ("age_low", "age_high")}
    columns |= {"gender": np.zeros(count), "group": [""] * count}
    columns["path"] = paths or [f"{row}.jpg" for row in range(count)]
    write_our_database(path, faces, columns, db=db)
    with h5py.File(path, "r+") as file:
        if identity is not None:
            file.pop("identity", None)
            file["identity"] = np.asarray(identity, np.uint64)
    return path


def model(*paths, **options):
    return Description({}, FaceCrop(8, 0.4), **trained_on(*paths, **SHARES | options))


def of_version_0_2(description):
    """Without identities, and with what version 0.2 knew of databases."""
    data = [{"db": part["db"], "file": part["file"]} for part in description.data]
    return replace(description, data=data, identities=None)


def seen(path, description):
    return seen_in([open_database(path)], description)


def expected_parts(names):
    positions = np.array([hashed(name) for name in names])
    return np.where(positions < 0.3, "validation", np.where(positions < 0.5, "test", "training"))


def test_faces_are_found_whatever_their_file_is_called(tmp_path):
    """Renamed, cropped at another size, joined with others, and as photos."""
    files = [f"photo {row}".encode() for row in range(60)]
    ids = [file_identity(content) for content in files]
    own = write(tmp_path / "own.mat", images(60), identity=ids)
    owner = model(own)
    parts = expected_parts([f"{row}.jpg" for row in range(60)])
    new = [f"new/{row}.jpg" for row in range(70)]
    other = write(tmp_path / "other.mat", images(70, 1, 16), new, identity=[*range(10), *ids[::-1]])
    expected = np.concatenate([["never seen"] * 10, parts[::-1]])
    np.testing.assert_array_equal(seen(other, owner), expected)
    np.testing.assert_array_equal(seen(own, owner), parts)
    photos = []
    for row, content in enumerate(files[:20]):
        photos.append(tmp_path / f"x{row}.png")
        photos[-1].write_bytes(content)
    np.testing.assert_array_equal(seen_in_files(photos, "", owner), parts[:20])
    assert use_of(seen_in_files(photos, "", owner)) == "trained on"  # not "never seen"
    (tmp_path / "new.png").write_bytes(b"another")
    assert seen_in_files([tmp_path / "new.png"], "mine", owner).tolist() == ["never seen"]


def test_same_names_are_not_the_same_faces(tmp_path):
    """Two folders that both hold 1.jpg."""
    own = write(tmp_path / "own.mat", images(30))
    other = write(tmp_path / "other.mat", images(30, 1))
    assert set(seen(other, model(own))) == {"never seen"}


def test_across_kinds_is_unknown(tmp_path):
    pixels = write(tmp_path / "pixels.mat", images(30))
    ids = np.arange(30)
    source = write(tmp_path / "bytes.mat", images(30), identity=ids)
    larger = write(tmp_path / "larger.mat", images(30, 0, 16))
    assert set(seen(source, model(pixels))) == {"unknown"}
    assert set(seen(pixels, model(source))) == {"unknown"}
    assert set(seen(larger, model(pixels))) == {"unknown"}  # other crops have other pixels
    photo = tmp_path / "a.png"
    photo.write_bytes(b"photo")
    assert seen_in_files([photo], "", model(pixels)).tolist() == ["unknown"]
    with pytest.raises(UserError, match=r"--part: .*bytes\.mat.*--part all"):
        rows_of_part([open_database(source)], model(pixels), "test")


def test_initial_weights_without_identities(tmp_path):
    own = model(write(tmp_path / "own.mat", images(30)))
    initial = {"db": None, "file": "w.hdf5", "initial": True}
    other = write(tmp_path / "other.mat", images(30, 1))
    assert set(seen(other, replace(own, data=[*own.data, initial]))) == {"unknown"}


def test_reencoded_files_of_a_named_dataset(tmp_path):
    """By the hash of their names, if that decided the split."""
    own = write(tmp_path / "own.mat", images(60), db="utkface")
    reencoded = write(tmp_path / "new.mat", images(60, 1), db="utkface")
    parts = expected_parts([f"{row}.jpg" for row in range(60)])
    np.testing.assert_array_equal(seen(reencoded, model(own)), parts)
    at_random = model(own, method="random")
    assert set(seen(reencoded, at_random)) == {"trained on"}
    photos = [tmp_path / f"{row}.jpg" for row in range(60)]
    np.testing.assert_array_equal(seen_in_files(photos, "utkface", model(own)), parts)
    assert set(seen_in_files(photos, "utkface", at_random)) == {"trained on"}
    folders = write(tmp_path / "f.mat", images(60), [f"{r}/1.jpg" for r in range(60)], "utkface")
    photos = [tmp_path / f"{row}/1.jpg" for row in range(60)]
    assert set(seen_in_files(photos, "utkface", model(folders))) == {"trained on"}


def test_files_of_version_0_2(tmp_path):
    """Unknown, unless the dataset has a name."""
    for db, other in (("utkface", "trained on"), ("csv", "unknown")):
        own = write(tmp_path / f"{db}.mat", images(60), db=db)
        old = of_version_0_2(model(own))
        known = db == "utkface"
        parts = expected_parts([f"{row}.jpg" for row in range(60)])
        assert seen(own, old).tolist() == (parts.tolist() if known else ["unknown"] * 60)
        assert set(seen(own, replace(old, split=None))) == {other}
    new = write(tmp_path / "new.mat", images(5, 2), db="lap")
    assert set(seen(new, of_version_0_2(model(tmp_path / "utkface.mat")))) == {"unknown"}
    assert set(seen(new, Description({}, FaceCrop(8)))) == {"unknown"}


def test_named_dataset_of_initial_weights(tmp_path):
    """Whose split need not be this one."""
    own = model(write(tmp_path / "own.mat", images(30), db="lap"))
    initial = {"db": "wiki", "file": "wiki.mat", "initial": True, "identity": "bytes"}
    wiki = write(tmp_path / "wiki.mat", images(30, 1), db="wiki")
    assert set(seen(wiki, replace(own, data=[*own.data, initial]))) == {"trained on"}


def test_use_of_a_dataset():
    never, part = ["never seen"] * 9, ["test", "validation"]
    assert use_of(np.array(never)) == "never seen"
    assert use_of(np.array(never + part)) == "held out"
    assert use_of(np.array([*never, "unknown"])) == "unknown"
    for one in ("training", "trained on"):
        assert use_of(np.array([*never, *part, "unknown", one])) == "trained on"


def test_rows_of_parts(tmp_path):
    own = write(tmp_path / "own.mat", images(60), db="utkface")
    new = write(tmp_path / "new.mat", images(10, 1), db="lap")
    databases, owner = [open_database(path) for path in (new, own)], model(own)
    parts = expected_parts([f"{row}.jpg" for row in range(60)])
    for part in PARTS:
        rows = 10 + np.flatnonzero(parts == part)
        expected = rows if part == "training" else np.concatenate([np.arange(10), rows])
        np.testing.assert_array_equal(rows_of_part(databases, owner, part), expected)
    with pytest.raises(UserError, match=r"--part: expected test faces.*--test_split 0$"):
        rows_of_part(databases[1:], model(own, test=0.0), "test")
