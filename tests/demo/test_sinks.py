"""Sinks: lines, tables, copies, crops, tracks, a summary."""

import csv
import os
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from src.demo.overlay import COLOURS
from src.demo.sinks import copies, open_sinks, summary, tracks
from src.errors import UserError
from src.faces.images import Box
from tests.demo.made import job, result, two_faces
from tests.helpers import names


def test_lines_per_face(capsys):
    with summary.face_lines(job()) as show:
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
    with summary.printed_table(job(images=["a.jpg"])) as add:
        add(two_faces())
        add(result("dogs.jpg"))
        assert capsys.readouterr().out == ""
    rows, last = cells(capsys.readouterr().out)
    assert rows == [
        ["file", "face", "age", "80", "%", "gender"],
        ["a.jpg", "1", "20.1", "15-25", "F", "0.99"],
        ["a.jpg", "2", "60.0", "55-65", "M", "0.75"],
    ]
    assert last == "2 faces in 2 images"


def video_results():
    yield two_faces(time=0.0, tracks=[1, 2])
    yield result(boxes=[Box(0, 0, 9, 9)], ages=[61], p_female=[0.3], time=0.26, tracks=[2])
    yield result(time=0.3, tracks=[])


def test_video_table_has_tracks(capsys):
    with pytest.raises(KeyboardInterrupt), summary.printed_table(job(video="a clip")) as add:
        for one in video_results():
            add(one)
        raise KeyboardInterrupt
    rows, last = cells(capsys.readouterr().out)
    assert rows[1:] == [
        ["1", "0.0", "0.0", "20.1", "15-25", "F", "0.99"],
        ["2", "0.0", "0.3", "61.0", "56-66", "M", "0.70"],
    ]
    assert last == "2 tracks in 3 frames"


def test_long_table_is_cut(capsys):
    with summary.printed_table(job(images=["a.jpg"])) as add:
        for i in range(600):
            add(two_faces(f"{i}.jpg"))
    rows, last = cells(capsys.readouterr().out)
    assert len(rows) == 51
    assert last.startswith("1,200 faces in 600 images, 50 ")


@pytest.mark.parametrize(
    "name, written",
    [
        ("inner/Zoë A.PNG", "inner/Zoë A.PNG"),
        ("a.jfif", "a.jfif.annotated.jpg"),
        ("grey.pgm", "grey.pgm.annotated.jpg"),
        ("b.pbm", "b.pbm.annotated.jpg"),
        ("IMG_0004", "IMG_0004.annotated.jpg"),
    ],
)
def test_copies_show_the_annotation(tmp_path, name, written):
    one = result(name, [Box(10, 20, 30, 40)], [20], [0.9])
    with copies.annotated_copies(job(images=[name], output_dir=tmp_path / "made" / "c")) as save:
        save(one)
    data = np.fromfile(tmp_path / "made" / "c" / written, np.uint8)
    copy = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert np.abs(copy[30, 30].astype(int) - COLOURS[0]).max() < 60


def test_crops_are_the_network_s_faces(tmp_path):
    one = two_faces("inner/a.jpg")
    one.crops[1] = 200
    with copies.face_crops(job(images=["inner/a.jpg"], crops=tmp_path / "crops")) as save:
        save(one)
    assert names(tmp_path / "crops" / "inner") == {"a.jpg_1.png", "a.jpg_2.png"}
    crop = cv2.imread(str(tmp_path / "crops" / "inner" / "a.jpg_2.png"))
    assert (crop == one.crops[1]).all()


@pytest.mark.parametrize("sink", [copies.annotated_copies, copies.face_crops])
def test_folder_of_another_run(tmp_path, sink):
    both = job(images=["a.jpg"], output_dir=tmp_path, crops=tmp_path)
    with sink(both):
        with pytest.raises(UserError, match=str(tmp_path)), sink(both):
            pass
    assert names(tmp_path) == set()


def summarise(folder, found, **flags):
    clip = SimpleNamespace(name="clip")
    own = job(clip, output_dir=folder, **flags)
    with tracks.track_summary(own) as add:
        for one in found:
            add(one)
    with (folder / "clip.tracks.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_longest_track_is_first(tmp_path):
    first, second = summarise(tmp_path, video_results())
    assert (second["track"], second["frames"], second["gender"]) == ("1", "1", "female")
    assert (first["from"], first["to"], first["frames"]) == ("0.000", "0.260", "2")
    assert (first["age"], first["age_low"], first["p_female"]) == ("61.00", "56", "0.3000")
    assert [first["picture"], second["picture"]] == ["clip.tracks/2.jpg", "clip.tracks/1.jpg"]
    assert names(tmp_path / "clip.tracks") == {"1.jpg", "2.jpg"}


@pytest.mark.parametrize("anonymize, left", [(True, set()), (False, {"2.jpg"})])
def test_images_of_earlier_tracks_are_deleted(tmp_path, anonymize, left):
    summarise(tmp_path, video_results())
    [row] = summarise(tmp_path, list(video_results())[1:], anonymize=anonymize)
    assert row["picture"] == ("" if anonymize else "clip.tracks/2.jpg")
    folder = tmp_path / "clip.tracks"
    assert (names(folder) if folder.exists() else set()) == left


def test_other_files_next_to_tracks_are_kept(tmp_path):
    (tmp_path / "clip.tracks").mkdir()
    (tmp_path / "clip.tracks" / "notes.txt").touch()
    summarise(tmp_path, video_results(), anonymize=True)
    assert names(tmp_path / "clip.tracks") == {"notes.txt"}


def run_sink(sink, own, found, capsys):
    with sink(own) as add:
        for one in found:
            add(one)
    return capsys.readouterr().err


def test_summary_counts_images_and_faces(capsys):
    own = job(images=["a.jpg", "b.jpg", "c.jpg"], min_quality=0.3)
    found = [two_faces(skipped=1), result("b.jpg", skipped=2)]
    counts, skipped = run_sink(summary.counts, own, found, capsys).splitlines()
    assert [int(word) for word in counts.split() if word.isdigit()] == [2, 3, 2, 1]
    assert skipped.startswith("3 faces are not shown: below --min_quality")


def test_video_summary_counts_faces_not_shown(capsys):
    video = SimpleNamespace(live=False)
    found = [result(time=i / 10, tracks=[], skipped=skipped) for i, skipped in enumerate((1, 2))]
    assert run_sink(summary.counts, job(video), found, capsys).startswith("2 faces are not shown")


def test_min_face_is_hinted_at(capsys):
    own = job(images=["a.jpg"], min_face=90)
    assert "90 pixels" in run_sink(summary.counts, own, [result()], capsys)
    assert run_sink(summary.counts, own, [two_faces()], capsys) == ""


@pytest.mark.parametrize(
    "images, written",
    [
        (["a.jpg"], "ages_by_gender.png"),
        (["a.jpg", "ages_by_gender.png"], "ages_by_gender-2.png"),
        (["a.jpg", "Ages_by_gender.png", "ages_by_gender-2.png"], "ages_by_gender-3.png"),
    ],
)
def test_histogram_replaces_no_copy(tmp_path, images, written, capsys):
    """Its bars have the colours of the boxes."""
    own = job(images=images, image_dir=tmp_path, output_dir=tmp_path)
    run_sink(summary.histogram, own, [two_faces()], capsys)
    assert names(tmp_path) == {written}
    image = cv2.imread(str(tmp_path / written))
    for colour in COLOURS:
        assert (image == colour).all(axis=2).sum() > 100


def test_restored_results_reach_tables_only(tmp_path, capsys):
    from contextlib import ExitStack

    restored = two_faces("a.jpg")
    restored.restored = True
    own = job(images=["a.jpg"], done={"a.jpg": restored}, table=True, output_dir=tmp_path)
    with ExitStack() as stack:
        for sink in open_sinks(own, stack):
            sink(restored)
    assert os.listdir(tmp_path) == []
    assert "2 faces in 1 images" in capsys.readouterr().out
