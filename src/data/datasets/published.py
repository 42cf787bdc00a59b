"""Published datasets with labels in text files."""

from pathlib import Path

import numpy as np
import pandas as pd

from ...errors import UserError
from ...labels import MAX_AGE, whole_years
from . import Records
from .tables import OLDEST, read_table, relative_paths

APPA_REAL_MARGIN = 0.4  # of the `_face.jpg` crops, as a fraction of the box
AGE_COLUMNS = {"apparent": "apparent_age_avg", "real": "real_age"}
_GROUPS = ("race", "ethnicity")  # columns of the categories; the first that exists is the group


def read_adience(data_dir: Path) -> Records:
    """Adience: 26,580 faces in 2,284 people's albums, with age ranges.

    Eidinger et al., IEEE TIFS 9(12), 2014,
    https://talhassner.github.io/home/projects/Adience/Adience-data.html. Labels are the files
    `fold_{0..4}_data.txt`; images are in `aligned/` or `faces/`, one per face, or photos with
    boxes. Faces of an album count as one person's, to stay in one part of a split.
    """
    files = sorted(data_dir.glob("fold_[0-9]_data.txt"))
    if not files:
        raise UserError(f"{data_dir}: expected fold_0_data.txt to fold_4_data.txt, found none")
    crops = {"aligned": "landmark_aligned_face", "faces": "coarse_tilt_aligned_face"}
    folder = next((name for name in crops if (data_dir / name).is_dir()), None)
    start = f"{folder}/{{}}/{crops[folder]}.{{}}.{{}}" if folder else "{0}/{2}"
    columns = {name: name for name in ("original_image", "face_id", "age", "gender")}
    columns |= {"user_id": "person"} | ({} if folder else {"x": "left", "y": "top"})
    tables = [read_table(path, columns) for path in files]
    for table in tables:
        frame = table.frame
        cells = (frame[name] for name in ("person", "face_id", "original_image"))
        frame["path"] = [start.format(*row) for row in zip(*cells, strict=True)]
        if not folder:
            for end, begin, length in (("right", "left", "dx"), ("bottom", "top", "dy")):
                sides = (table.numbers(name, -1e6, 1e6) for name in (begin, length))
                frame[end] = sum(sides).astype(str)
    return Records(pd.concat([table.records(data_dir) for table in tables]))


def read_appa_real(data_dir: Path, split: str, target: str, ignore_list: Path | None) -> Records:
    """APPA-REAL: 7,591 faces with real ages and the means of about 38 ratings, by `target`.

    Agustsson et al., FG 2017, https://chalearnlap.cvc.uab.cat/dataset/26/description/. Ages above
    100 become 100. Gender and group come from `allcategories_{split}.csv` if it exists. Faces in
    the column `img_name` of `ignore_list`, crops of another or no face, are skipped.
    """
    labels = read_appa_real_labels(data_dir, split)
    age = np.minimum(whole_years(labels[AGE_COLUMNS[target]].to_numpy()), MAX_AGE)
    path = split + "/" + labels["file_name"] + "_face.jpg"
    table = labels[["gender", "group"]].assign(path=path, age_low=age, age_high=age)
    skipped, names = (), ignore_list or data_dir / "ignore_list.csv"
    if ignore_list or names.is_file():
        skipped = read_table(names, {"img_name": "img_name"}).texts("img_name")
    ignored = labels["file_name"].isin(skipped)
    removed = {"on the ignore list": int(ignored.sum())}
    return Records(table[~ignored], removed, margin=APPA_REAL_MARGIN)


def read_appa_real_labels(data_dir: Path, split: str) -> pd.DataFrame:
    """A split's labels, a row per image, in the order of `gt_avg_{split}.csv`.

    Columns: `file_name`; `apparent_age_avg`, `apparent_age_std`, `real_age` (float64, years);
    `gender` (float64, NaN where unknown), `group` (""); and the other columns of
    `allcategories_{split}.csv`, as text.
    """
    path, names = data_dir / f"gt_avg_{split}.csv", ("file_name", *AGE_COLUMNS.values())
    table = read_table(path, dict(zip(names, names, strict=True)))
    labels = table.frame.assign(gender=np.nan, group="")
    labels["file_name"] = relative_paths(labels["file_name"], data_dir / split, path)
    for column in AGE_COLUMNS.values():
        labels[column] = table.numbers(column, 0, OLDEST)
    path = data_dir / f"allcategories_{split}.csv"
    if path.is_file():
        table = read_table(path, {"file": "file", "gender": "gender"})
        categories = table.frame.assign(gender=table.genders("gender")).drop_duplicates("file")
        categories = categories.set_index("file").reindex(labels["file_name"])
        labels["gender"] = categories.pop("gender").to_numpy()
        for column in categories:
            labels[column] = categories[column].fillna("").to_numpy()
        group = next((column for column in _GROUPS if column in categories), "group")
        labels["group"] = labels[group]
    return labels


def read_fairface(data_dir: Path, split: str) -> Records:
    """FairFace: 108,501 faces balanced over seven groups, with age ranges.

    Karkkainen & Joo, WACV 2021, https://github.com/joojs/fairface, CC BY 4.0. Labels are
    `fairface_label_{split}.csv`. The margin was measured as for UTKFace, on the images with padding
    0.25.
    """
    columns = {"file": "path", "age": "age", "gender": "gender", "race": "group"}
    table = read_table(data_dir / f"fairface_label_{split}.csv", columns)
    return Records(table.records(data_dir), margin=0.09)


def read_lagenda(data_dir: Path) -> Records:
    """LAGENDA: 84,192 faces with a box and a label in 67,159 photos of Open Images.

    Kuprashevich & Tolstykh, AIST 2023, https://wildchlamydia.github.io/lagenda/. Labels are rows of
    `lagenda_annotation.csv`, one per face or body; -1 is unknown.
    """
    columns = {"img_name": "path", "age": "age", "gender": "gender"}
    columns |= {"face_x0": "left", "face_y0": "top", "face_x1": "right", "face_y1": "bottom"}
    table = read_table(data_dir / "lagenda_annotation.csv", columns)
    table.frame = table.frame.replace(r"-1(\.0)?", "", regex=True)
    records = table.records(data_dir)
    has_box = records["box"].notna()
    has_label = records["age_low"].notna() | records["gender"].notna()
    removed = {"no face box": int((~has_box).sum())}
    removed["no label"] = int((has_box & ~has_label).sum())
    return Records(records[has_box & has_label], removed)


def read_lap(data_dir: Path, split: str) -> Records:
    """ChaLearn LAP: images with the mean and the standard deviation of age guesses.

    Escalera et al., CVPR workshops 2016, https://chalearnlap.cvc.uab.cat/dataset/19/description/.
    Labels are `{split}_gt.csv` (image, mean, stdv), with or without a header, of the images in
    `{split}/` or `{split}_images/`. The age is the range of one standard deviation to each side.
    """
    columns = {"image": "path", "mean": "age", "stdv": "age_std"}
    table = read_table(data_dir / f"{split}_gt.csv", columns, by_position=True)
    folders = (split, f"{split}_images", "validation_images" if split == "valid" else split)
    folder = next((name for name in folders if (data_dir / name).is_dir()), None)
    if folder is None:
        raise UserError(f"{data_dir}: expected images in {split}/ or {split}_images/, found none")
    return Records(table.records(data_dir, f"{folder}/{{}}"))


def read_megaage_asian(data_dir: Path, split: str) -> Records:
    """MegaAge-Asian: 43,945 faces of Asian people aged 0 to 70, in the splits train and test.

    Zhang et al., BMVC 2017, https://mmlab.ie.cuhk.edu.hk/projects/MegaAge/. Labels are lines of
    `list/{split}_age.txt`, of the files in `list/{split}_name.txt`, which are in `{split}/`.
    """
    names, ages = (
        read_table(data_dir / "list" / f"{split}_{kind}.txt", {column: column}, by_position=True)
        for kind, column in (("name", "path"), ("age", "age"))
    )
    if len(names.frame) != len(ages.frame):
        raise UserError(f"{ages.path}: expected as many lines as in {names.path}")
    ages.frame["path"] = names.frame["path"]
    return Records(ages.records(data_dir, f"{split}/{{}}"))
