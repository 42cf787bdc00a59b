import numpy as np
import pandas as pd
import pytest

from src.data import writing
from src.data.database import open_database
from src.faces.crop import FaceCrop

SIZE = 32
VALUES = {"db": "csv", "img_size": SIZE, "min_score": 1.0, "margin": 0.2, "alignment": "none"}


@pytest.mark.parametrize("version", ["7.3", "5"])
@pytest.mark.parametrize("share", [0.02, 0.5, 1])
def test_kept_rows_stay_in_order(tmp_path, monkeypatch, share, version):
    monkeypatch.setattr(writing, "_COPIED_BYTES", 7 * SIZE * SIZE * 3)
    path, rng, count = tmp_path / "db.mat", np.random.default_rng(1), 300
    faces = rng.integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)
    low = np.where(np.arange(count) % 3 == 0, np.nan, rng.integers(0, 90, count))
    columns = {"age_low": low, "age_high": low + 5, "gender": rng.choice([0, 1, np.nan], count)}
    texts = {"path": [f"é{row}.jpg" for row in range(count)], "group": "", "person": ""}
    table = pd.DataFrame(columns | texts)
    kept = np.flatnonzero(rng.random(count) <= share)
    with writing.FaceSlots(path, count, SIZE, "5" * 64) as slots:
        for row in rng.permutation(count):
            record = np.array([(2**63 + int(row), 0, 3)], writing.RECORD)
            slots.write(row, faces[row : row + 1], record)
        writing.write_database(path, slots, table, kept, VALUES, version)
    assert list(tmp_path.iterdir()) == [path]
    opened = open_database(path)
    np.testing.assert_array_equal(opened.image[np.arange(len(kept))], faces[kept])
    for name in columns:
        np.testing.assert_array_equal(getattr(opened, name), table[name].iloc[kept])
    assert opened.names == table["path"].iloc[kept].tolist()
    assert (opened.db, opened.crop) == ("csv", FaceCrop(SIZE, 0.2))
    assert opened.identity.dtype == np.uint64
    assert opened.identity.tolist() == [2**63 + row for row in kept.tolist()]
