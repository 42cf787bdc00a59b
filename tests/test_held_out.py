"""Photos of benchmarks/held_out.py: those that no training face equals."""

from benchmarks.held_out import main as held_out
from benchmarks.peers import read_collection
from src.data.split import hashed


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
