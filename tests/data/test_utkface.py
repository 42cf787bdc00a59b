import subprocess

import pytest

from src.data.datasets import read_dataset
from src.errors import UserError

UNPARSED = "name does not parse"


def read(folder):
    return read_dataset("utkface", folder)


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_labels_from_names_0_is_male(tmp_path):
    make(
        tmp_path,
        "20_0_0_20170110183726390.jpg.chip.jpg",
        "21_1_1_20170110183726390.jpg",
        "22_0_2_20170110183726390.JPG",
        "0_1_3_20170110183726390.JPG.CHIP.JPG",
        "116_1_4_20170110183726390.jpg.chip.jpg",
        "part1/9_0_0_20170110183726390.Jpg",
    )
    table = read(tmp_path).table.set_index("path").rename(lambda name: name.split("_")[0])
    assert table["age_low"].to_dict() == {
        "20": 20, "21": 21, "22": 22, "0": 0, "116": 100, "part1/9": 9,
    }  # fmt: skip
    assert table["age_high"].equals(table["age_low"])
    assert {name for name, gender in table["gender"].items() if gender == 1} == {
        "20", "22", "part1/9",
    }  # fmt: skip
    assert set(table["gender"]) == {0, 1}
    assert table["group"].loc[["20", "21", "22", "0", "116"]].tolist() == [
        "White", "Black", "Asian", "Indian", "Others",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "39_1_20170116174525125.jpg.chip.jpg",
        "20_2_0_20170110183726390.jpg",
        "20_0_5_20170110183726390.jpg",
        "-3_0_0_20170110183726390.jpg",
        "20_0_0_20170110183726390  .jpg",
        "20_0_0_2017011018372639jpg.chip.jpg",
        "1000_0_0_20170110183726390.jpg",
        "x20_0_0_20170110183726390.jpg",
    ],
)
def test_unparsed_name_is_counted_and_listed(tmp_path, name):
    records = read(make(tmp_path, name, "20_0_0_20170110183726390.jpg"))
    assert len(records.table) == 1
    assert records.removed == {UNPARSED: 1}
    assert records.skipped == [(name, UNPARSED)]


def test_other_files_are_ignored(tmp_path):
    records = read(make(tmp_path, "20_0_0_1.jpg", "notes.txt", "20_0_0_2.png", ".DS_Store"))
    assert (len(records.table), records.removed) == (1, {UNPARSED: 0})


def test_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(UserError, match=str(tmp_path)):
        read(make(tmp_path, "notes.txt"))


def test_linked_folders_are_read(tmp_path):
    make(tmp_path, "a/20_0_0_1.jpg", "elsewhere/30_0_0_1.jpg", "elsewhere/b/40_0_0_1.jpg")
    (tmp_path / "a" / "linked").symlink_to(tmp_path / "elsewhere")
    paths = read(tmp_path / "a").table["path"].tolist()
    assert sorted(path.rpartition("/")[2] for path in paths) == [
        *("20_0_0_1.jpg", "30_0_0_1.jpg", "40_0_0_1.jpg")
    ]


@pytest.fixture(scope="module")
def real(shared, tmp_path_factory):
    """The real set's records, read from its file names: the files are empty."""
    command = ["tar", "tzf", shared / "UTKFace.tar.gz"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    folder = tmp_path_factory.mktemp("UTKFace")
    return read(make(folder, *(name for name in names if not name.endswith("/"))))


def test_real_names_that_do_not_parse(real):
    assert len(real.table) == 18_961
    assert real.removed == {UNPARSED: 4}
    assert [path.removeprefix("UTKFace/") for path, _ in real.skipped] == [
        "39_1_20170116174525125.jpg.chip.jpg",
        "55_0_0_20170116232725357jpg.chip.jpg",
        "61_1_20170109142408075.jpg.chip.jpg",
        "61_1_20170109150557335.jpg.chip.jpg",
    ]


def test_real_ages_end_at_100(real):
    """Nine people of 100, four of 105, three of 116, two of 101, 110 and 115 each, one of 111."""
    assert real.table["age_high"].max() == 100
    assert (real.table["age_low"] == 100).sum() == 23


def test_real_women_are_0_men_1(real):
    """By what the pictures show."""
    genders = {
        "30_0_0_20170103181149464": 1,  # a man with a goatee and a cap
        "30_0_0_20170104185757997": 1,  # a man with glasses and a beard
        "30_1_0_20170103180858952": 0,  # a woman with long curls
        "30_1_0_20170103182425185": 0,  # a woman with a fringe and earrings
    }
    names = real.table["path"].str.extract(r"/(\w+)")[0]
    assert real.table.set_index(names)["gender"][[*genders]].to_dict() == genders
