"""Readers of datasets that cannot be shared, on made folders of their published layout."""

import numpy as np
import pytest

from src.data.datasets import read_dataset
from src.errors import UserError

NAN = np.nan


@pytest.fixture
def made(tmp_path):
    """Writes empty images, and files with lines, and reads them as a dataset: its table."""

    def make(db, images=(), files=None, **options):
        for name in images:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        for name, lines in (files or {}).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("\n".join(lines) + "\n")
        return read_dataset(db, tmp_path, **options)

    return make


def rows(records, *columns):
    return records.table[["path", *columns]].to_numpy().tolist()


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
        ("utkface", "24_0_1_20170116220224657 .jpg.chip.jpg", 24, 1, ""),
    ],
)
def test_labels_in_names(made, db, name, age, gender, person):
    records = made(db, [name, "other.jpg"])
    columns = ("age_low", "age_high", "gender", "person")
    np.testing.assert_equal(rows(records, *columns), [[name, age, age, gender, person]])
    assert records.removed == {"name does not parse": 1}
    assert records.skipped == [("other.jpg", "name does not parse")]


def test_labels_in_folders(made):
    images = ["25/male/1.jpg", "female/x/30-39/2.PNG", "unknown/7/3.jpg", "Woman/4.webp"]
    records = made("folders", [*images, "x/5.jpg", "25/male/readme.txt", "8/1.JPG"])
    expected = [
        ["25/male/1.jpg", 25, 25, 1],
        ["8/1.JPG", 8, 8, NAN],
        ["Woman/4.webp", NAN, NAN, 0],
        ["female/x/30-39/2.PNG", 30, 39, 0],
        ["unknown/7/3.jpg", 7, 7, NAN],
    ]
    np.testing.assert_equal(rows(records, "age_low", "age_high", "gender"), expected)
    assert records.skipped == [("x/5.jpg", "name does not parse")]


FOLD = "user_id original_image face_id age gender x y dx dy tilt_ang fiducial_yaw_angle".split()
FOLDS = {
    "fold_0_data.txt": [
        "\t".join([*FOLD, "fiducial_score"]),
        "30601258@N03\ta_o.jpg\t1\t(25, 32)\tf\t0\t414\t1086\t1383\t-115\t30\t17",
        "30601258@N03\ta_o.jpg\t2\tNone\tu\t10\t4\t100\t110\t-115\t30\t17",
    ],
    "fold_4_data.txt": [
        "\t".join([*FOLD, "fiducial_score"]),
        "7153718@N04\tb_o.jpg\t3\t35\tm\t7\t8\t9\t10\t0\t0\t1",
    ],
    "fold_frontal_0_data.txt": ["\t".join([*FOLD, "fiducial_score"])],
}


@pytest.mark.parametrize(
    ("folder", "name"), [("aligned", "landmark_aligned"), ("faces", "coarse_tilt_aligned")]
)
def test_adience_folds(made, folder, name):
    records = made("adience", [f"{folder}/7153718@N04/{name}_face.3.b_o.jpg"], FOLDS)
    np.testing.assert_equal(
        rows(records, "age_low", "age_high", "gender", "person"),
        [
            [f"{folder}/30601258@N03/{name}_face.1.a_o.jpg", 25, 32, 0, "30601258@N03"],
            [f"{folder}/30601258@N03/{name}_face.2.a_o.jpg", NAN, NAN, NAN, "30601258@N03"],
            [f"{folder}/7153718@N04/{name}_face.3.b_o.jpg", 35, 35, 1, "7153718@N04"],
        ],
    )
    assert records.table["box"].isna().all()


def test_adience_photos_have_boxes(made):
    records = made("adience", ["7153718@N04/b_o.jpg"], FOLDS)
    assert rows(records, "box")[1:] == [
        ["30601258@N03/a_o.jpg", (10, 4, 110, 114)],
        ["7153718@N04/b_o.jpg", (7, 8, 16, 18)],
    ]


def test_lagenda_boxes(made):
    header = "img_name,age,gender,face_x0,face_y0,face_x1,face_y1,person_x0,person_y0"
    lines = [
        "lag/a.jpg,30,M,1,2,30,40,0,0",
        "lag/a.jpg,-1,-1,3,3,4,4,60,10",
        "lag/a.jpg,20,F,-1,-1,-1,-1,5,5",
        "lag/b.jpg,7.0,-1,10,20,30,40,-1,-1",
    ]
    records = made("lagenda", files={"lagenda_annotation.csv": [header, *lines]})
    np.testing.assert_equal(
        rows(records, "age_low", "gender", "box"),
        [["lag/a.jpg", 30, 1, (1, 2, 30, 40)], ["lag/b.jpg", 7, NAN, (10, 20, 30, 40)]],
    )
    assert records.removed == {"no face box": 1, "no label": 1}


def test_megaage_asian_lists(made):
    files = {"list/test_name.txt": ["1.jpg", "2.jpg"], "list/test_age.txt": ["31", "0"]}
    records = made("megaage_asian", files=files, split="test")
    assert rows(records, "age_low", "age_high") == [["test/1.jpg", 31, 31], ["test/2.jpg", 0, 0]]
    files["list/test_age.txt"] = ["31"]
    with pytest.raises(UserError, match=r"test_age\.txt.*test_name\.txt"):
        made("megaage_asian", files=files, split="test")
