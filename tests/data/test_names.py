"""Datasets with labels in the names of files or folders."""

import subprocess
from collections import Counter

import numpy as np
import pytest

from src.data.datasets import read_dataset
from src.errors import UserError

NAN = np.nan
UNPARSED = "name does not parse"


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("db", "name", "age", "gender", "person"),
    [
        ("agedb", "0_MariaCallas_35_f.jpg", 35, 0, "MariaCallas"),
        ("agedb", "AgeDB/15_Jean_Gabin_101_m.jpg", 100, 1, "Jean_Gabin"),
        ("afad", "AFAD-Full/15/111/638660-1.jpg", 15, 1, "638660"),
        ("afad", "72/112/1-0.jpg", 72, 0, "1"),
        ("fgnet", "images/001A02.JPG", 2, NAN, "001"),
        ("fgnet", "010a07b.jpeg", 7, NAN, "010"),
        ("morph", "Album2/009055_1M54.JPG", 54, 1, "009055"),
        ("morph", "021896_02F64.jpg", 64, 0, "021896"),
        ("cacd", "CACD2000/53_Robin_Williams_0001.jpg", 53, NAN, "Robin_Williams"),
        ("cacd", "14_Aaron_Johnson_0001.jpg", 14, NAN, "Aaron_Johnson"),
        ("all_age_faces", "images/00012A05.JPG", 5, 0, ""),
        ("all_age_faces", "07380A80.jpg", 80, 0, ""),
        ("all_age_faces", "07381A102.jpg", 100, 1, ""),
        ("utkface", "part1/24_0_1_20170116220224657 .jpg.chip.jpg", 24, 1, ""),
        ("utkface", "0_1_3_20170110183726390.JPG.CHIP.JPG", 0, 0, ""),
        ("utkface", "116_1_4_20170110183726390.jpg", 100, 0, ""),
    ],
)
def test_labels_in_names(tmp_path, db, name, age, gender, person):
    records = read_dataset(db, make(tmp_path, name, "other.jpg", "notes.txt", "20_0_0_2.png"))
    table = records.table[["path", "age_low", "age_high", "gender", "person"]]
    np.testing.assert_equal(table.to_numpy().tolist(), [[name, age, age, gender, person]])
    assert records.removed == {UNPARSED: 1}
    assert records.skipped == [("other.jpg", UNPARSED)]


@pytest.mark.parametrize(
    ("db", "name"),
    [
        ("utkface", "39_1_20170116174525125.jpg.chip.jpg"),
        ("utkface", "20_2_0_20170110183726390.jpg"),
        ("utkface", "20_0_5_20170110183726390.jpg"),
        ("utkface", "-3_0_0_20170110183726390.jpg"),
        ("utkface", "20_0_0_2017011018372639jpg.chip.jpg"),
        ("utkface", "1000_0_0_20170110183726390.jpg"),
        ("utkface", "x20_0_0_20170110183726390.jpg"),
        ("all_age_faces", "0012A05.jpg"),
        ("all_age_faces", "00012A5.jpg"),
    ],
)
def test_other_names_do_not_parse(tmp_path, db, name):
    assert read_dataset(db, make(tmp_path, name)).skipped == [(name, UNPARSED)]


def test_folder_without_images_is_rejected(tmp_path):
    with pytest.raises(UserError, match=str(tmp_path)):
        read_dataset("utkface", make(tmp_path, "notes.txt"))


def test_linked_folders_are_read(tmp_path):
    make(tmp_path, "a/20_0_0_1.jpg", "elsewhere/30_0_0_1.jpg", "elsewhere/b/40_0_0_1.jpg")
    (tmp_path / "a" / "linked").symlink_to(tmp_path / "elsewhere")
    paths = read_dataset("utkface", tmp_path / "a").table["path"].tolist()
    assert paths == ["20_0_0_1.jpg", "linked/30_0_0_1.jpg", "linked/b/40_0_0_1.jpg"]


def test_labels_in_folders(tmp_path):
    images = ["25/male/1.jpg", "female/x/30-39/2.PNG", "unknown/7/3.jpg", "Woman/4.webp"]
    make(tmp_path, *images, "x/5.jpg", "25/male/readme.txt", "8/1.JPG")
    records = read_dataset("folders", tmp_path)
    expected = [
        ["25/male/1.jpg", 25, 25, 1],
        ["8/1.JPG", 8, 8, NAN],
        ["Woman/4.webp", NAN, NAN, 0],
        ["female/x/30-39/2.PNG", 30, 39, 0],
        ["unknown/7/3.jpg", 7, 7, NAN],
    ]
    table = records.table[["path", "age_low", "age_high", "gender"]]
    np.testing.assert_equal(table.to_numpy().tolist(), expected)
    assert records.skipped == [("x/5.jpg", UNPARSED)]


def real_records(db, archive, folder):
    """Records of the names in an archive; the files are empty."""
    command = ["tar", "tzf", archive]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return read_dataset(db, make(folder, *(name for name in names if name[-1] != "/")))


def test_real_utkface(shared, tmp_path):
    """Nine people are 100 years old, 14 older. The genders are what the images show."""
    records = real_records("utkface", shared / "UTKFace.tar.gz", tmp_path)
    assert (len(records.table), records.removed) == (18_961, {UNPARSED: 4})
    assert records.table["age_high"].max() == 100
    assert (records.table["age_low"] == 100).sum() == 23
    genders = {
        "30_0_0_20170103181149464": 1,  # a man with a goatee and a cap
        "30_0_0_20170104185757997": 1,  # a man with glasses and a beard
        "30_1_0_20170103180858952": 0,  # a woman with long curls
        "30_1_0_20170103182425185": 0,  # a woman with a fringe and earrings
    }
    table = records.table.set_index(records.table["path"].str.extract(r"/(\w+)")[0])
    assert table["gender"][[*genders]].to_dict() == genders
    assert set(table["group"]) == {"White", "Black", "Asian", "Indian", "Others"}
    assert table["group"]["30_0_0_20170103181149464"] == "White"


def test_real_all_age_faces(shared, tmp_path):
    records = real_records("all_age_faces", shared / "AllAgeFaces.tar.gz", tmp_path)
    assert (len(records.table), records.skipped) == (6637, [])
    assert Counter(records.table["gender"]) == {0: 3677, 1: 2960}
    assert (records.table["age_low"].min(), records.table["age_low"].max()) == (2, 80)
