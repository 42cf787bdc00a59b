"""Published datasets with label files, on made folders of their layout and on real labels."""

import csv
import io
import tarfile
from collections import Counter

import numpy as np
import pytest

from src.data.datasets import read_dataset
from src.errors import UserError

NAN = np.nan


@pytest.fixture
def read(tmp_path):
    """Writes empty images, and files with lines, and reads them as a dataset."""

    def make(db, images=(), files=None, **options):
        contents = dict.fromkeys(images, ()) | (files or {})
        for name, lines in contents.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("\n".join([*lines, ""]))
        return read_dataset(db, tmp_path, **options)

    return make


def rows(records, *columns):
    return records.table[["path", *columns]].to_numpy().tolist()


FAIRFACE = "file,age,gender,race,service_test"
APPA_REAL = "file_name,num_ratings,apparent_age_avg,apparent_age_std,real_age"
LAGENDA = "img_name,age,gender,face_x0,face_y0,face_x1,face_y1,person_x0,person_y0"
FOLD = "user_id original_image face_id age gender x y dx dy tilt_ang".replace(" ", "\t")
FOLDS = {
    "fold_0_data.txt": [
        FOLD,
        "30601258@N03\ta_o.jpg\t1\t(25, 32)\tf\t0\t414\t1086\t1383\t-115",
        "30601258@N03\ta_o.jpg\t2\tNone\tu\t10\t4\t100\t110\t-115",
    ],
    "fold_4_data.txt": [FOLD, "7153718@N04\tb_o.jpg\t3\t35\tm\t7\t8\t9\t10\t0"],
    "fold_frontal_0_data.txt": [FOLD],
}


def test_fairface(read):
    lines = [
        "val/1.jpg,0-2,Male,East Asian,TRUE",
        "val/2.JPG,60-69,Female,Black,FALSE",
        "val/3.jpg,more than 70,,,TRUE",
    ]
    records = read("fairface", files={"fairface_label_val.csv": [FAIRFACE, *lines]}, split="val")
    expected = [
        ["val/1.jpg", 0, 2, 1, "East Asian"],
        ["val/2.JPG", 60, 69, 0, "Black"],
        ["val/3.jpg", 70, 100, NAN, ""],
    ]
    np.testing.assert_equal(rows(records, "age_low", "age_high", "gender", "group"), expected)
    with pytest.raises(UserError, match=r"fairface_label_test\.csv"):
        read("fairface", split="test")


def test_real_fairface_labels(shared, read):
    with tarfile.open(shared / "FairFace.tar.gz") as archive:
        first = next(iter(archive))
        while not first.name.endswith("fairface_label_train.csv"):
            first = archive.next()
        text = archive.extractfile(first).read().decode()
    table = read("fairface", files={"fairface_label_train.csv": text.splitlines()}).table
    labels = list(csv.DictReader(io.StringIO(text)))
    assert len(labels) == 40_000
    assert table["path"].tolist() == [row["file"] for row in labels]
    assert table["group"].tolist() == [row["race"] for row in labels]
    assert Counter(zip(table["age_low"], table["age_high"], strict=True)) == {
        (0, 2): 841, (3, 9): 4867, (10, 19): 4314, (20, 29): 11_677, (30, 39): 8939,
        (40, 49): 4878, (50, 59): 2830, (60, 69): 1260, (70, 100): 394,
    }  # fmt: skip
    assert Counter(table["gender"]) == {0: 18_839, 1: 21_161}


@pytest.mark.parametrize("header", [[], ["image,mean,stdv"]])
def test_lap_age_is_mean_and_one_deviation(read, header):
    lines = ["a.jpg,20.4,3.2", "b.JPG,2,4.5", "c.jpg,97,8", "d.jpg,50,", "e.jpg,,"]
    records = read("lap", ["train/a.jpg"], {"train_gt.csv": header + lines})
    expected = [  # 17.2..23.6, -2.5..6.5, 89..105
        ["train/a.jpg", 17, 24, NAN],
        ["train/b.JPG", 0, 7, NAN],
        ["train/c.jpg", 89, 100, NAN],
        ["train/d.jpg", 50, 50, NAN],
        ["train/e.jpg", NAN, NAN, NAN],
    ]
    np.testing.assert_equal(rows(records, "age_low", "age_high", "gender"), expected)


@pytest.mark.parametrize(
    ("split", "folder"),
    [("valid", "valid"), ("test", "test_images"), ("valid", "validation_images")],
)
def test_lap_folders(read, split, folder):
    files = {f"{split}_gt.csv": ["a.jpg,20,3"]}
    with pytest.raises(UserError, match=f"{split}/ or {split}_images/"):
        read("lap", files=files, split=split)
    assert rows(read("lap", [f"{folder}/a.jpg"], files, split=split)) == [[f"{folder}/a.jpg"]]


@pytest.mark.parametrize(
    ("folder", "name"), [("aligned", "landmark_aligned"), ("faces", "coarse_tilt_aligned")]
)
def test_adience_folds(read, folder, name):
    records = read("adience", [f"{folder}/7153718@N04/{name}_face.3.b_o.jpg"], FOLDS)
    np.testing.assert_equal(
        rows(records, "age_low", "age_high", "gender", "person"),
        [
            [f"{folder}/30601258@N03/{name}_face.1.a_o.jpg", 25, 32, 0, "30601258@N03"],
            [f"{folder}/30601258@N03/{name}_face.2.a_o.jpg", NAN, NAN, NAN, "30601258@N03"],
            [f"{folder}/7153718@N04/{name}_face.3.b_o.jpg", 35, 35, 1, "7153718@N04"],
        ],
    )
    assert records.table["box"].isna().all()


def test_adience_photos_have_boxes(read):
    assert rows(read("adience", ["7153718@N04/b_o.jpg"], FOLDS), "box")[1:] == [
        ["30601258@N03/a_o.jpg", (10, 4, 110, 114)],
        ["7153718@N04/b_o.jpg", (7, 8, 16, 18)],
    ]


def test_lagenda_boxes(read):
    lines = [
        "lag/a.jpg,30,M,1,2,30,40,0,0",
        "lag/a.jpg,-1,-1,3,3,4,4,60,10",
        "lag/a.jpg,20,F,-1,-1,-1,-1,5,5",
        "lag/b.jpg,7.0,-1,10,20,30,40,-1,-1",
    ]
    records = read("lagenda", files={"lagenda_annotation.csv": [LAGENDA, *lines]})
    np.testing.assert_equal(
        rows(records, "age_low", "gender", "box"),
        [["lag/a.jpg", 30, 1, (1, 2, 30, 40)], ["lag/b.jpg", 7, NAN, (10, 20, 30, 40)]],
    )
    assert records.removed == {"no face box": 1, "no label": 1}


def test_megaage_asian_lists(read):
    files = {"list/test_name.txt": ["1.jpg", "2.jpg"], "list/test_age.txt": ["31", "0"]}
    records = read("megaage_asian", files=files, split="test")
    assert rows(records, "age_low", "age_high") == [["test/1.jpg", 31, 31], ["test/2.jpg", 0, 0]]
    files["list/test_age.txt"] = ["31"]
    with pytest.raises(UserError, match=r"test_age\.txt.*test_name\.txt"):
        read("megaage_asian", files=files, split="test")


FACES = ["000000.jpg,38,4.5,2.5,4", "000001.jpg,38,29.49,4,31", "000002.JPG,38,99.5,9,100"]


def appa_real_files(split="train", lines=FACES):
    categories = ["file,gender,happiness,ethnicity", "000001.jpg,female,happy,asian"]
    categories.append("000000.jpg,male,neutral,caucasian")
    return {f"gt_avg_{split}.csv": [APPA_REAL, *lines], f"allcategories_{split}.csv": categories}


@pytest.mark.parametrize(("target", "ages"), [("apparent", [5, 29, 100]), ("real", [4, 31, 100])])
def test_appa_real(read, target, ages):
    records = read("appa_real", files=appa_real_files("valid"), target=target, split="valid")
    expected = [
        ["valid/000000.jpg_face.jpg", ages[0], ages[0], 1, "caucasian"],
        ["valid/000001.jpg_face.jpg", ages[1], ages[1], 0, "asian"],
        ["valid/000002.JPG_face.jpg", ages[2], ages[2], NAN, ""],
    ]
    np.testing.assert_equal(rows(records, "age_low", "age_high", "gender", "group"), expected)


@pytest.mark.parametrize("passed", [False, True])
def test_appa_real_ignore_list(read, tmp_path, passed):
    """The ignore list in the folder, or a passed one."""
    files = appa_real_files() | {
        "ignore_list.csv": ["img_name", "000001.jpg", "999999.jpg"],
        "other.csv": [",img_name", "1,000000.jpg", "2,000002.JPG"],
    }
    options = {"ignore_list": tmp_path / "other.csv"} if passed else {}
    records = read("appa_real", files=files, **options)
    kept = ["000001.jpg"] if passed else ["000000.jpg", "000002.JPG"]
    assert rows(records) == [[f"train/{name}_face.jpg"] for name in kept]
    assert records.removed == {"on the ignore list": 3 - len(kept)}
    with pytest.raises(UserError, match=r"none\.csv"):
        read("appa_real", ignore_list=tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("db", "file", "lines", "received"),
    [
        ("fairface", "fairface_label_train.csv", [FAIRFACE, "1,3-9,other,,"], "'other' in row 1"),
        ("fairface", "fairface_label_train.csv", ["file,age,gender", "1,3-9,"], "'race'"),
        ("lap", "train_gt.csv", ["a.jpg,20,3", "b,250,3"], "'age'.*'250' in row 2"),
        ("lap", "train_gt.csv", ["../../b.jpg,20,3"], r"'train/\.\./\.\./b\.jpg' in row 1"),
        ("lap", "train_gt.csv", ["a.jpg,20"], "'stdv', found image, mean"),
        ("appa_real", "gt_avg_train.csv", [APPA_REAL, "3,3,9,2,250"], "'real_age'.*'250' in row 1"),
        ("appa_real", "gt_avg_train.csv", [APPA_REAL, "../3,3,9,2,5"], r"'\.\./3' in row 1"),
        ("appa_real", "gt_avg_train.csv", ["file_name,real_age", "a,20"], "'apparent_age_avg'"),
    ],
)
def test_bad_row_is_named(read, db, file, lines, received):
    with pytest.raises(UserError, match=rf"{file}: .*{received}"):
        read(db, ["train/a.jpg"], {file: lines})
