import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from src.data import summary

NAN = np.nan


@pytest.mark.parametrize("low", [[20, 30, NAN, 100], [NAN] * 4])
def test_histogram_shows_the_genders(tmp_path, low):
    histograms = set()
    for gender in ([0, 1, 1, NAN], [1, 1, 1, NAN], [NAN] * 4):
        table = pd.DataFrame({"age_low": low, "age_high": low, "gender": gender}, dtype=float)
        summary.plot_ages(table, tmp_path / "ages")
        histograms.add((tmp_path / "ages").read_bytes())
    assert len(histograms) == 3
    with Image.open(tmp_path / "ages") as histogram:
        assert histogram.format == "PNG"


def test_sheet_has_a_row_per_decade(tmp_path, monkeypatch):
    low = np.array([5, 35, 39, 20, 95, 100, NAN] + [61] * 30)
    high = np.array([5, 35, 39, 49, 95, 100, NAN] + [61] * 30)
    table = pd.DataFrame({"age_low": low, "age_high": high, "gender": 1.0})
    faces = np.arange(len(table), dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), "u1")
    sheets = []
    monkeypatch.setattr(summary, "contact_sheet", lambda lines: sheets.append(lines) or Figure())
    for seed in (0, 1):
        summary.draw_faces(table, faces, seed, tmp_path / "sheet")
    lines, other = ([[face[0, 0, 0] for face, _ in line] for line in lines] for lines in sheets)
    assert [sorted(line) for line in lines[:2] + lines[3:]] == [[0], [1, 2, 3], [4, 5]]
    assert len(set(lines[2])) == 10 and min(lines[2]) >= 7
    assert sorted(lines[2]) != sorted(other[2])  # drawn by the seed
    assert {title for _, title in sheets[0][1]} == {"35 M", "39 M", "20-49 M"}


def test_sheet_shows_faces_and_titles(tmp_path):
    red = np.full((8, 8, 3), (0, 0, 255), np.uint8)
    figure = summary.contact_sheet([[(red, "61 F")], []])
    shown = [axes.images[0].get_array()[0, 0].tolist() for axes in figure.axes if axes.images]
    assert shown == [[255, 0, 0]] and figure.axes[0].get_title() == "61 F"
