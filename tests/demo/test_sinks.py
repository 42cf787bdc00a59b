"""Sinks: lines, tables, copies, crops, tracks, a summary."""

import csv
import os
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from src.demo.overlay import COLOURS
from src.demo.sinks import all_outputs, copies, open_sinks, summary, table, tracks
from src.errors import UserError
from src.faces.images import Box
from src.outputs import check_outputs
from tests.demo.made import job, result, two_faces
from tests.helpers import make_picture, names


def test_lines_per_face(capsys):
    with table.face_lines(job()) as show:
        show(two_faces())
        show(result("dogs.jpg"))
    assert capsys.readouterr().out == (
        "a.jpg: 20.1 years (15-25), F 0.99\na.jpg: 60.0 years (55-65), M 0.75\ndogs.jpg: no face\n"
    )


def cells(text):
    """The rows of a printed table, and the line below it."""
    header, _, *rows, last = text.splitlines()
    return [line.split() for line in (header, *rows)], last


def test_table_has_a_row_per_face(capsys):
    with table.printed_table(job(pictures=["a.jpg"])) as add:
        add(two_faces())
        add(result("dogs.jpg"))
        assert capsys.readouterr().out == ""
    rows, last = cells(capsys.readouterr().out)
    assert rows == [
        ["file", "face", "age", "80", "%", "gender"],
        ["a.jpg", "0", "20.1", "15-25", "F", "0.99"],
        ["a.jpg", "1", "60.0", "55-65", "M", "0.75"],
    ]
    assert last == "2 faces in 2 pictures"


def video_results():
    yield two_faces(time=0.0, tracks=[0, 1])
    yield result(boxes=[Box(0, 0, 9, 9)], ages=[61], p_female=[0.3], time=0.26, tracks=[1])
    yield result(time=0.3, tracks=[])


def test_video_table_has_tracks(capsys):
    with pytest.raises(KeyboardInterrupt), table.printed_table(job(video="a clip")) as add:
        for one in video_results():
            add(one)
        raise KeyboardInterrupt
    rows, last = cells(capsys.readouterr().out)
    assert rows[1:] == [
        ["0", "0.0", "0.0", "20.1", "15-25", "F", "0.99"],
        ["1", "0.0", "0.3", "61.0", "56-66", "M", "0.70"],
    ]
    assert last == "2 tracks in 3 frames"


def test_long_table_is_cut(capsys):
    with table.printed_table(job(pictures=["a.jpg"])) as add:
        for i in range(600):
            add(two_faces(f"{i}.jpg"))
    rows, last = cells(capsys.readouterr().out)
    assert len(rows) == 51
    assert last.startswith("1,200 faces in 600 pictures, 50 ")


@pytest.mark.parametrize(
    "name, written",
    [
        ("inner/Zoë A.PNG", "inner/Zoë A.PNG"),
        ("a.jfif", "a.jfif.annotated.jpg"),
        ("IMG_0004", "IMG_0004.annotated.jpg"),
    ],
)
def test_copies_show_the_annotation(tmp_path, name, written):
    one = result(name, [Box(10, 20, 30, 40)], [20], [0.9])
    with copies.annotated_copies(job(pictures=[name], output_dir=tmp_path / "made" / "c")) as save:
        save(one)
    data = np.fromfile(tmp_path / "made" / "c" / written, np.uint8)
    copy = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert np.abs(copy[30, 30].astype(int) - COLOURS[0]).max() < 60


@pytest.mark.parametrize("again", [".", "inner/..", "link"])
def test_copies_never_replace_their_pictures(tmp_path, again):
    (tmp_path / "inner").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    make_picture(tmp_path / "a.jpg")
    own = job(pictures={"a.jpg": tmp_path / "a.jpg"}, output_dir=tmp_path / again)
    with pytest.raises(UserError, match=r"--output_dir.*a\.jpg"):
        all_outputs(own)


def test_other_files_are_not_replaced(tmp_path):
    (tmp_path / "a.jpg").write_text("no picture")
    with pytest.raises(UserError, match=r"--output_dir.*a\.jpg"):
        all_outputs(job(pictures={"a.jpg": tmp_path / "x" / "a.jpg"}, output_dir=tmp_path))


@pytest.mark.parametrize("flag", ["csv", "jsonl"])
def test_records_never_replace_a_picture(tmp_path, flag):
    make_picture(tmp_path / "a.jpg")
    own = job(pictures={"a.jpg": tmp_path / "a.jpg"}, **{flag: tmp_path / "a.jpg"})
    with pytest.raises(UserError, match=f"--{flag}"):
        check_outputs(all_outputs(own), [])


@pytest.mark.parametrize("place", ["file", "file/inner"])
def test_impossible_folder_is_rejected(tmp_path, place):
    (tmp_path / "file").touch()
    own = job(pictures=["a.jpg"], output_dir=tmp_path / place)
    with pytest.raises(UserError, match="--output_dir"), copies.annotated_copies(own):
        pytest.fail("opened")


def test_crops_are_the_network_s_faces(tmp_path):
    one = two_faces("inner/a.jpg")
    one.faces[1] = 200
    with copies.face_crops(job(pictures=["inner/a.jpg"], crops=tmp_path / "crops")) as save:
        save(one)
    assert names(tmp_path / "crops" / "inner") == {"a.jpg_0.png", "a.jpg_1.png"}
    crop = cv2.imread(str(tmp_path / "crops" / "inner" / "a.jpg_1.png"))
    assert (crop == one.faces[1]).all()


@pytest.mark.parametrize("sink", [copies.annotated_copies, copies.face_crops])
def test_folder_of_another_run(tmp_path, sink):
    both = job(pictures=["a.jpg"], output_dir=tmp_path, crops=tmp_path)
    with sink(both):
        with pytest.raises(UserError, match=str(tmp_path)), sink(both):
            pass
    assert names(tmp_path) == set()


@pytest.mark.parametrize("anonymize", [False, True])
def test_tracks_are_summarised(tmp_path, anonymize):
    clip = SimpleNamespace(name="clip")
    with tracks.track_summary(job(clip, output_dir=tmp_path, anonymize=anonymize)) as add:
        for one in video_results():
            add(one)
    with (tmp_path / "clip.tracks.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["track"], first["frames"], first["gender"]) == ("0", "1", "female")
    assert (second["from"], second["to"], second["frames"]) == ("0.000", "0.260", "2")
    assert (second["age"], second["age_low"], second["p_female"]) == ("61.00", "56", "0.3000")
    pictures = [first["picture"], second["picture"]]
    assert pictures == (["", ""] if anonymize else ["clip.tracks/0.jpg", "clip.tracks/1.jpg"])
    assert all((tmp_path / picture).exists() for picture in pictures)


def run_summary(own, results, capsys, sink=summary.folder_summary):
    with sink(own) as add:
        for one in results:
            add(one)
    return capsys.readouterr().err


def test_summary_counts_pictures_and_faces(tmp_path, capsys):
    own = job(pictures=["a.jpg", "b.jpg", "c.jpg"], image_dir=tmp_path, output_dir=tmp_path)
    text = run_summary(own, [two_faces(), result("b.jpg")], capsys)
    assert [int(number) for number in text.replace(",", "").split() if number.isdigit()] == [
        *(2, 3, 2, 1)
    ]
    assert cv2.imread(str(tmp_path / summary.HISTOGRAM)) is not None


def test_min_face_is_hinted_at(capsys):
    own, hint = job(pictures=["a.jpg", "b.jpg"], min_face=90), summary.min_face_hint
    assert "90 pixels" in run_summary(own, [result(), result("b.jpg")], capsys, hint)
    assert run_summary(own, [result(), two_faces()], capsys, hint) == ""


def test_restored_results_reach_tables_only(tmp_path, capsys):
    from contextlib import ExitStack

    restored = two_faces("a.jpg")
    restored.restored = True
    own = job(pictures=["a.jpg"], done={"a.jpg": restored}, table=True, output_dir=tmp_path)
    with ExitStack() as stack:
        for sink in open_sinks(own, stack):
            sink(restored)
    assert os.listdir(tmp_path) == []
    assert "2 faces in 1 pictures" in capsys.readouterr().out
