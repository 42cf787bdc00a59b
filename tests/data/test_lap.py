import numpy as np
import pytest

from src.data.datasets import read_dataset
from src.errors import UserError


def read(folder, split="train"):
    return read_dataset("lap", folder, split=split)


def write(folder, text, split="train", pictures="train"):
    (folder / pictures).mkdir(exist_ok=True)
    (folder / f"{split}_gt.csv").write_text(text)
    return folder


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("header", ["", "image,mean,stdv\n"])
def test_age_is_mean_and_one_deviation(tmp_path, separator, header):
    text = header + "a.jpg,20.4,3.2\nb.JPG,2,4.5\nc.jpg,97,8\nd.jpg,50,0\ne.jpg,50,\nf.jpg,,\n"
    table = read(write(tmp_path, text.replace(",", separator))).table
    assert table["path"].tolist() == [
        *("train/a.jpg", "train/b.JPG", "train/c.jpg", "train/d.jpg", "train/e.jpg", "train/f.jpg")
    ]
    # 17.2..23.6, -2.5..6.5, 89..105
    np.testing.assert_array_equal(table["age_low"], [17, 0, 89, 50, 50, np.nan])
    np.testing.assert_array_equal(table["age_high"], [24, 7, 100, 50, 50, np.nan])
    assert table["gender"].isna().all()


@pytest.mark.parametrize(
    ("split", "pictures"),
    [("valid", "valid"), ("test", "test_images"), ("valid", "validation_images")],
)
def test_picture_folders_of_each_split(tmp_path, split, pictures):
    write(tmp_path, "a.jpg,20,3\n", split, pictures)
    assert read(tmp_path, split).table["path"].tolist() == [f"{pictures}/a.jpg"]


def test_missing_picture_folder_is_named(tmp_path):
    write(tmp_path, "a.jpg,20,3\n")
    (tmp_path / "train").rmdir()
    with pytest.raises(UserError, match="train/ or train_images/"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("row", "received"),
    [
        ("b.jpg,abc,3", "'mean'.*'abc' in row 2"),
        ("b.jpg,250,3", "'mean'.*'250' in row 2"),
        ("b.jpg,20,-3", "'stdv'.*'-3' in row 2"),
        ("../../b.jpg,20,3", r"'train/\.\./\.\./b\.jpg' in row 2"),
    ],
)
@pytest.mark.parametrize("header", ["", "image,mean,stdv\n"])
def test_bad_row_is_named(tmp_path, header, row, received):
    write(tmp_path, f"{header}a.jpg,20,3\n{row}\n")
    with pytest.raises(UserError, match=rf"train_gt\.csv: .*{received}"):
        read(tmp_path)
