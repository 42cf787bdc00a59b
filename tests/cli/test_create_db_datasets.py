"""create_db.py on other datasets than IMDB-WIKI."""

import shutil
import zlib

import cv2
import h5py
import numpy as np
import pytest

from src.data.database import open_database
from src.data.identities import file_identity
from tests.helpers import (
    assert_one_line_error,
    make_picture,
    names,
    printed_table,
    read_csv,
    wiki_struct,
    write_wiki,
)

SIZE = 40  # of make_picture's pictures, so that nothing is resized
FILES = {"db.mat", "db.removed.csv", "db.skipped.csv", "db.png"}


@pytest.fixture
def create(run_here):
    """Runs create_db.py within this process."""
    return lambda db, data_dir, out, *args: run_here(*command(db, data_dir, out), *args)


def command(db, data_dir, out):
    flags = ("--db", db, "--data_dir", data_dir, "-o", out / "db.mat", "--img_size", SIZE)
    return "create_db.py", *flags


def field(path, name):
    with h5py.File(path) as file:
        return file[name][()]


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def utkface(tmp_path):
    """24 faces, six of each decade from 20; two pairs are the same, one pair's ages disagree."""
    folder = tmp_path / "utkface"
    for i in range(24):
        name = f"{20 + 10 * (i // 6)}_{i % 2}_0_2017{i:04d}.jpg.chip.jpg"
        make_picture(folder / name, seed={2: 0, 6: 1}.get(i, i))
    make_picture(folder / "39_1_20170116174525125.jpg.chip.jpg")
    return folder


@pytest.fixture
def labels(tmp_path):
    """Writes labels.csv and pictures, except the first `missing` ones."""

    def write(*rows, missing=0):
        folder = tmp_path / "csv"
        folder.mkdir(exist_ok=True)
        lines = ["path,age,age_low,age_high,gender,group", *rows]
        (folder / "labels.csv").write_text("\n".join(lines) + "\n")
        for row in rows[missing:]:
            name = row.split(",")[0]
            make_picture(folder / name, seed=zlib.crc32(name.encode()))
        return folder

    return write


def test_duplicates_cap_and_contact_sheet(create, utkface, out):
    """Pictures 0 and 2 are both of men of 20; 1 and 6 are of a woman of 20, a man of 30."""
    done = create(
        *("utkface", utkface, out, "--drop_duplicates", "--max_per_age", 4),
        *("--contact_sheet", out / "sheet.png"),
    )
    assert done.returncode == 0, done.stderr
    assert printed_table(done) == {
        "read": 25,
        "name does not parse": 1,
        "image missing": 0,
        "image undecodable": 0,
        "pixel-identical to an earlier one": 1,
        "pixel-identical, labels disagree": 2,
        "more than --max_per_age": 1 + 2 + 2,  # four of 20 are left, five of 30
        "kept": 16,
    }
    reasons = {
        int(name.split("_2017")[1][:4]): reason
        for name, reason in read_csv(out / "db.skipped.csv")[2:]
    }
    disagree = "pixel-identical, labels disagree"
    assert reasons == {2: "pixel-identical to an earlier one", 1: disagree, 6: disagree}
    opened = open_database(out / "db.mat")
    assert np.unique(opened.age_low, return_counts=True)[1].tolist() == [4, 4, 4, 4]
    assert names(out) == FILES | {"sheet.png"}
    sheet = cv2.imread(str(out / "sheet.png"))
    assert sheet.std(axis=2).any(axis=1).any()  # colours of faces, not text alone


def test_unknown_labels_are_counted(create, labels, out):
    folder = labels("a.jpg,,,,NA,", "b.jpg,,,,,", "c.jpg,20,,,unknown,", "d.JPG,,,,m,", missing=1)
    done = create("csv", folder, out)
    assert done.returncode == 0, done.stderr
    assert printed_table(done) == {
        "read": 4,
        "image missing": 1,
        "image undecodable": 0,
        "kept": 3,
        "of these, age unknown": 2,
        "of these, gender unknown": 2,
    }
    assert np.isnan(field(out / "db.mat", "age")[[0, 2]]).all()


def test_persons_are_stored(create, out, tmp_path):
    folder = write_wiki(tmp_path / "wiki", wiki_struct(3))
    assert create("wiki", folder, out).returncode == 0
    assert open_database(out / "db.mat").person is None
    assert create("wiki", folder, out, "--persons").returncode == 0
    opened = open_database(out / "db.mat")
    assert opened.person.tolist() == opened.names  # the names in `wiki_struct`


@pytest.fixture
def people(labels, portraits):
    """Real images: of one person, of two, and of none."""
    folder = labels("one.jpg,40,,,m,", "two.jpg,,,,,", "none.jpg,,,,,")
    for name, portrait in (("one", "hopper"), ("two", "two_people"), ("none", "nobody")):
        shutil.copy(portraits / f"{portrait}.jpg", folder / f"{name}.jpg")
    return folder


def test_faces_are_detected_and_cropped(create, people, out):
    done = create("csv", people, out, "--detect", "--detector", "dlib", "--margin", 0.1)
    assert done.returncode == 0, done.stderr
    assert ("none.jpg", "no face found") in read_csv(out / "db.skipped.csv")
    opened = open_database(out / "db.mat")
    assert opened.names == ["one.jpg", "two.jpg"]
    assert (opened.crop.margin, opened.crop.alignment) == (0.1, "none")
    left, top, right, bottom = 158, 134, 367, 344  # dlib's box
    dx, dy = 0.1 * (right - left), 0.1 * (bottom - top)
    whole = cv2.imread(str(people / "one.jpg"))
    face = whole[int(top - dy) : int(bottom + dy) + 1, int(left - dx) : int(right + dx) + 1]
    expected = cv2.resize(face, (SIZE, SIZE)).astype(int)
    assert np.abs(opened.image[np.array([0])][0] - expected).mean() < 6


def test_photos_need_a_decision(create, labels, portraits, out):
    make_picture(out.parent / "photos" / "00012A05.jpg")
    done = create("all_age_faces", out.parent / "photos", out, "--one_face")
    assert_one_line_error(done, "create_db.py", "--db all_age_faces", "--detect", "--align")
    folder = labels("small.jpg,40,,,m,", "none.jpg,40,,,m,")
    one = cv2.imread(str(portraits / "hopper.jpg"))
    small = np.full((one.shape[0] * 2, one.shape[1] * 2, 3), 128, np.uint8)
    small[: one.shape[0], : one.shape[1]] = one
    cv2.imwrite(str(folder / "small.jpg"), small)
    done = create("csv", folder, out)
    assert_one_line_error(done, "create_db.py", "--detect", "--align", "--whole_image")
    assert names(out) == set()
    assert create("csv", folder, out, "--whole_image").returncode == 0
    shutil.copy(portraits / "hopper.jpg", folder / "small.jpg")
    assert create("csv", folder, out).returncode == 0
    assert create("csv", folder, out, "--align").returncode == 0
    opened = open_database(out / "db.mat")
    assert (opened.names, opened.crop.alignment) == (["small.jpg"], "five_points")


def test_audit_excludes_and_corrects(create, labels, out):
    folder = labels("a.jpg,20,,,f,", "b.jpg,30,,,f,", "c.jpg,40,,,f,")
    audit = out.parent / "audit.csv"
    identity = file_identity((folder / "c.jpg").read_bytes())
    lines = ["path,identity,suspicion,decision,new_age", "a.jpg,,0.99,,", "b.jpg,,0.2,drop,"]
    audit.write_text("\n".join([*lines, f"{folder}/c.jpg,{identity:016x},1,correct,44\n"]))
    done = create("csv", folder, out, "--exclude", audit, "--exclude_above", 0.9)
    assert done.returncode == 0, done.stderr
    removed = dict(read_csv(out / "db.removed.csv"))
    assert removed["audit: suspicion above 0.9"] == removed["audit: dropped by hand"] == "1"
    assert open_database(out / "db.mat").age_low.tolist() == [44]
    assert_one_line_error(
        create("csv", folder, out, "--exclude_above", 0.9), "create_db.py", "--exclude"
    )


def test_faces_at_their_boxes(create, people, out):
    lines = ["path,age,left,top,right,bottom", "one.jpg,40,158,134,367,344", "one.jpg,5,1,2,51,52"]
    (people / "labels.csv").write_text("\n".join(lines))
    done = create("csv", people, out, "--margin", 0)
    assert done.returncode == 0, done.stderr
    opened = open_database(out / "db.mat")
    assert (opened.names, opened.crop.margin) == (["one.jpg", "one.jpg"], 0)
    assert opened.identity[0] == opened.identity[1]
    whole = cv2.imread(str(people / "one.jpg"))
    for face, (left, top, right, bottom) in zip(
        opened.image[np.arange(2)], [(158, 134, 367, 344), (1, 2, 51, 52)], strict=True
    ):
        expected = cv2.resize(whole[top : bottom + 1, left : right + 1], (SIZE, SIZE))
        np.testing.assert_array_equal(face, expected)
    lines.append("two.jpg,30,,,,")
    (people / "labels.csv").write_text("\n".join(lines))
    assert_one_line_error(create("csv", people, out), "create_db.py", "--detect")
