"""The table of benchmarks/peers.py, of made-up peers."""

from pathlib import Path

import numpy as np

from benchmarks.held_out import main as held_out
from benchmarks.peer_models import Guess
from benchmarks.peers import Collection, figures, read_collection
from src.data.split import hashed

PHOTOS = Collection(
    "utkface",
    [Path(f"{number}.jpg") for number in range(4)],
    np.array([20.0, 30.0, 40.0, np.nan]),
    np.array([29.0, 30.0, 40.0, np.nan]),
    np.array([0.0, 1.0, np.nan, 1.0]),
)


class MadeUp:
    def __init__(self, name: str, files: list[Path]):
        self.name, self.files = name, files

    def trained_on(self, dataset: str, paths: list) -> str:
        return f"{dataset} {len(paths)}"


def guesses(*ages, gender, milliseconds=5):
    return [age if age is None else Guess(age, gender, milliseconds, 2) for age in ages]


def test_own_and_common_photos():
    peers = [MadeUp("all", []), MadeUp("some", []), MadeUp("none", [])]
    everywhere = guesses(25, 34, 36, 50, gender=1)  # 0, 4 and 4 years off; hits: no, yes, -, yes
    sometimes = guesses(32, None, 40, None, gender=0)  # 3 and 0 years off; hits: yes, -
    rows, common = figures(peers[:2], [everywhere, sometimes], PHOTOS)
    assert common == 2
    assert rows == [
        ["all", "utkface 4", "100.0%", "2.67", "66.7%", "2.00", "0.0%"],
        ["some", "utkface 4", "50.0%", "1.50", "100.0%", "1.50", "100.0%"],
    ]
    rows, common = figures(peers[2:], [[None] * 4], PHOTOS)
    assert (rows, common) == ([["none", "utkface 4", "0.0%", "", "", "", ""]], 0)


def test_held_out_photos(tmp_path):
    folder = tmp_path / "UTKFace"
    folder.mkdir()
    names = [f"{20 + number % 50}_{number % 2}_0_{number}.jpg" for number in range(100)]
    for name in names:
        (folder / name).write_text(name)
    first, second, *_ = (name for name in names if 0.1 <= hashed(name) < 0.2)
    (folder / first).write_text(names[1])  # a duplicate of a training face
    assert hashed(names[1]) >= 0.2
    (folder / second).unlink()
    labels = tmp_path / "utkface.csv"
    flags = ["--db", "utkface", "--data_dir", str(folder), "--output", str(labels)]
    held_out(flags)
    held_out_names = {name for name in names if 0.1 <= hashed(name) < 0.2}
    expected = sorted(held_out_names - {first, second}, key=hashed)
    found = read_collection("utkface", labels, None)
    assert [path.relative_to(folder).as_posix() for path in found.paths] == expected
    assert found.age_low.tolist() == [int(name[:2]) for name in expected]
    # UTKFace's 0 is male, ours is female.
    assert found.gender.tolist() == [1 - int(name.split("_")[1]) for name in expected]
