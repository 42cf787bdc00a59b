"""demo.py on a video and on a webcam."""

import json
import signal

import cv2
import numpy as np
import pytest

from src.files import partial_of
from tests.cli.demo_runs import HEADER, NO_SCREEN, read_faces, running
from tests.demo.made import frames, write_clip
from tests.helpers import assert_one_line_error, names

FRAMES = 120


@pytest.fixture(scope="module")
def clip(portraits):
    return portraits / "clip.mp4"


@pytest.fixture
def on(exports, run_here, tmp_path):
    """Run demo.py on a source within this process, into files in the test's folder."""

    def run(*args):
        return run_here(
            *("demo.py", "--weight_file", exports["onnx"], "--no_display", *args),
            *("--csv", tmp_path / "faces.csv", "--output_dir", tmp_path / "copies"),
        )

    return run


def test_video_outputs_have_every_frame(clip, on, tmp_path):
    done = on(clip, "--jsonl", tmp_path / "faces.jsonl", "--table")
    assert (done.returncode, done.stderr) == (0, "")
    assert names(tmp_path) == {"faces.csv", "faces.jsonl", "copies"}
    assert (tmp_path / "faces.csv").read_text().startswith(f"{HEADER},time,track\n")
    rows = [row for rows in read_faces(tmp_path / "faces.csv").values() for row in rows]
    assert [row["file"] for row in rows] == [f"frame{i:06d}.jpg" for i in range(FRAMES)]
    times = [float(row["time"]) for row in rows]
    assert times == pytest.approx([i / 29.97 for i in range(FRAMES)], abs=0.001)
    assert {row["track"] for row in rows} == {"1"}
    records = map(json.loads, (tmp_path / "faces.jsonl").read_text().splitlines())
    assert [[r["time"], r["track"], r["age"]] for r in records] == [
        [float(row["time"]), 1, float(row["age"])] for row in rows
    ]
    assert done.stdout.splitlines()[-1] == "1 tracks in 120 frames"
    assert_annotated(tmp_path / "copies", clip, rows)


def assert_annotated(folder, clip, rows):
    """The copy must differ from the clip mainly at the edges of the boxes."""
    assert names(folder) == {clip.name, f"{clip.stem}.tracks", f"{clip.stem}.tracks.csv"}
    shown, plain = frames(folder / clip.name), frames(clip)
    assert len(shown) == len(plain)
    at_edges, elsewhere = [], []
    for copy, image, row in zip(shown, plain, rows, strict=True):
        assert copy.shape == (144, 192, 3)  # the clip's pixels are wider than high
        image = cv2.resize(image, (192, 144))
        left, top, bottom = (int(row[edge]) for edge in ("left", "top", "bottom"))
        differs = np.abs(copy.astype(int) - image).max(axis=2)
        at_edges.append(differs[top + 2 : bottom - 2, left].mean())
        elsewhere.append(differs[bottom + 4 :].mean())
    assert np.mean(at_edges) > 60
    assert np.mean(elsewhere) < 12


def test_copy_never_replaces_its_clip(clip, on, tmp_path):
    (tmp_path / "copies").mkdir()
    own = tmp_path / "copies" / clip.name
    own.write_bytes(clip.read_bytes())
    done = on("--video", own)
    assert_one_line_error(done, "demo.py", "--output_dir", str(own))
    assert own.read_bytes() == clip.read_bytes()


def test_ctrl_c_keeps_video_outputs(clip, exports, tmp_path):
    write_clip(tmp_path / "long.avi", 12 * frames(clip), rate=29.97)
    args = ("--video", "long.avi", "--weight_file", exports["onnx"], "--csv", "faces.csv")
    with running(tmp_path, *args, "--output_dir", "copies", **NO_SCREEN) as process:
        assert process.stdout.readline().startswith("frame000000.jpg: ")
        process.send_signal(signal.SIGINT)
        _, printed = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in printed
    assert names(tmp_path) == {"long.avi", "faces.csv", "copies"}
    assert not partial_of(tmp_path / "faces.csv").exists()
    seen = len(read_faces(tmp_path / "faces.csv"))
    assert 0 < seen < 12 * FRAMES
    assert abs(len(frames(tmp_path / "copies" / "long.mp4")) - seen) <= 1
