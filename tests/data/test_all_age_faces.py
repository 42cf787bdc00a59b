import subprocess
from collections import Counter

import pytest

from src.data.datasets import read_dataset


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_labels_from_names(tmp_path):
    names = ["00000A02.jpg", "images/00012A05.JPG", "07380A80.jpg", "07381A02.jpg", "13321A102.jpg"]
    table = read_dataset("all_age_faces", make(tmp_path, *names)).table.set_index("path")
    assert table["age_low"].to_dict() == dict(zip(names, [2, 5, 80, 2, 100], strict=True))
    assert table["age_high"].equals(table["age_low"])
    assert table["gender"].to_dict() == dict(zip(names, [0, 0, 0, 1, 1], strict=True))


@pytest.mark.parametrize("name", ["0012A05.jpg", "00012A5.jpg", "00012B05.jpg", "00012A05 .jpg"])
def test_unparsed_name_is_listed(tmp_path, name):
    records = read_dataset("all_age_faces", make(tmp_path, name, "00012A05.jpg"))
    assert (len(records.table), records.skipped) == (1, [(name, "name does not parse")])


def test_real_names_all_parse(shared, tmp_path):
    command = ["tar", "tzf", shared / "AllAgeFaces.tar.gz"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    records = read_dataset("all_age_faces", make(tmp_path, *(n for n in names if n[-1] != "/")))
    assert (len(records.table), records.skipped) == (6637, [])
    assert Counter(records.table["gender"]) == {0: 3677, 1: 2960}
    assert (records.table["age_low"].min(), records.table["age_low"].max()) == (2, 80)
