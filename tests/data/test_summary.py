import numpy as np
import pandas as pd
import pytest
from PIL import Image

from src.data.summary import plot_ages

NAN = np.nan


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
