import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from src.data.database import Database
from src.data.summary import draw_contact_sheet, plot_ages
from src.faces.crop import FaceCrop

CELL = (116, 96)  # a face of 96 pixels, its label below
NAN = np.nan


def database(tmp_path, low, high=None, gender=None):
    """Faces of a constant colour; blue is the row."""
    low = np.array(low, float)
    faces = np.zeros((len(low), 8, 8, 3), np.uint8)
    faces[..., 0] = np.arange(len(low))[:, None, None]
    return Database(
        path=tmp_path / "db.mat",
        image=faces,
        gender=np.zeros(len(low)) if gender is None else np.array(gender, float),
        age_low=low,
        age_high=low if high is None else np.array(high, float),
        names=[],
        db="csv",
        crop=FaceCrop(8),
    )


def sheet_rows(path):
    """Rows of `database` on the sheet, one list per line, -1 where a cell is empty."""
    sheet = cv2.imread(str(path))
    lines, columns = sheet.shape[0] // CELL[0], sheet.shape[1] // CELL[1]
    assert sheet.shape == (lines * CELL[0], columns * CELL[1], 3)
    corners = sheet[40 :: CELL[0], 40 :: CELL[1]].astype(int)
    return np.where(corners[..., 1] == 255, -1, corners[..., 0]).tolist(), sheet


def test_sheet_has_a_row_per_decade(tmp_path):
    low = [5, 35, 39, 20, 95, 100, NAN] + [61] * 30
    high = [5, 35, 39, 49, 95, 100, NAN] + [61] * 30
    draw_contact_sheet(database(tmp_path, low, high), 0, tmp_path / "sheet")
    rows, sheet = sheet_rows(tmp_path / "sheet")
    draw_contact_sheet(database(tmp_path, low, high), 1, tmp_path / "other")
    assert sheet_rows(tmp_path / "other")[0] != rows  # drawn by the seed
    assert [sorted(row) for row in rows[:2]] == [[-1] * 9 + [0], [-1] * 7 + [1, 2, 3]]
    assert len(set(rows[2])) == 10 and min(rows[2]) >= 7
    assert sorted(rows[3]) == [-1] * 8 + [4, 5]
    assert len(rows) == 4
    strips = sheet.reshape(4, CELL[0], 10, CELL[1], 3)[:, 96:]
    labelled = (strips < 128).any(axis=(1, 3, 4))
    np.testing.assert_array_equal(labelled, np.array(rows) >= 0)


def test_labels_show_age_range_gender(tmp_path):
    labels = []
    for low, high, gender in ((61, 61, 0), (61, 61, 1), (61, 61, NAN), (60, 69, 0), (62, 62, 0)):
        draw_contact_sheet(database(tmp_path, [low], [high], [gender]), 0, tmp_path / "sheet")
        labels.append(sheet_rows(tmp_path / "sheet")[1][96:, :96].tobytes())
    assert len(set(labels)) == 5


def test_sheet_without_known_ages_is_empty(tmp_path):
    draw_contact_sheet(database(tmp_path, [NAN, NAN]), 0, tmp_path / "sheet")
    assert set(np.ravel(sheet_rows(tmp_path / "sheet")[0])) == {-1}


@pytest.mark.parametrize("low", [[20, 30, NAN, 100], [NAN] * 4])
def test_histogram_shows_the_genders(tmp_path, low):
    histograms = set()
    for gender in ([0, 1, 1, NAN], [1, 1, 1, NAN], [NAN] * 4):
        table = pd.DataFrame({"age_low": low, "age_high": low, "gender": gender}, dtype=float)
        plot_ages(table, tmp_path / "ages")
        histograms.add((tmp_path / "ages").read_bytes())
    assert len(histograms) == 3
    with Image.open(tmp_path / "ages") as histogram:
        assert histogram.format == "PNG"
