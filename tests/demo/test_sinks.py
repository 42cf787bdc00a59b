"""Where the demo's results go beside files of records: lines, a table, copies, a video."""

import os
from dataclasses import replace

import cv2
import numpy as np
import pytest

from src.demo import sinks
from src.demo.sources.video import Video
from src.errors import UserError
from src.faces.images import Box
from tests.demo.made import frames, result, two_faces


def test_lines_on_the_screen(capsys):
    sinks.print_faces(two_faces())
    sinks.print_faces(result("dogs.jpg"))
    assert capsys.readouterr().out == (
        "a.jpg: 20.1 years (15-25), F 0.99\na.jpg: 60.0 years (55-65), M 0.75\ndogs.jpg: no face\n"
    )


def cells(text):
    """Of a printed table: its rows, and the line below it."""
    header, _, *rows, last = text.splitlines()
    return [line.split() for line in (header, *rows)], last


def test_a_table_has_a_row_a_face(capsys):
    with sinks.table(video=False) as add:
        assert add(two_faces())
        assert add(result("dogs.jpg"))
        assert capsys.readouterr().out == ""
    rows, last = cells(capsys.readouterr().out)
    assert rows == [
        ["file", "face", "age", "80", "%", "gender"],
        ["a.jpg", "0", "20.1", "15-25", "F", "0.99"],
        ["a.jpg", "1", "60.0", "55-65", "M", "0.75"],
    ]
    assert last == "2 faces in 2 pictures"


def test_a_video_s_table_has_a_row_a_track_as_last_seen(capsys):
    with pytest.raises(KeyboardInterrupt), sinks.table(video=True) as add:
        add(two_faces(time=0.0, tracks=[0, 1]))
        add(result(boxes=[Box(0, 0, 9, 9)], ages=[61], p_female=[0.3], time=0.26, tracks=[1]))
        add(result(time=0.3, tracks=[]))
        raise KeyboardInterrupt
    rows, last = cells(capsys.readouterr().out)
    assert rows[1:] == [
        ["0", "0.0", "0.0", "20.1", "15-25", "F", "0.99"],
        ["1", "0.0", "0.3", "61.0", "56-66", "M", "0.70"],
    ]
    assert last == "2 tracks in 3 frames"


def test_a_long_table_ends_with_what_it_leaves_out(capsys):
    with sinks.table(video=False) as add:
        for i in range(600):
            add(two_faces(f"{i}.jpg"))
    rows, last = cells(capsys.readouterr().out)
    assert len(rows) == 51
    assert last == "1,200 faces in 600 pictures, 50 of them shown"


def test_copies_have_the_pictures_names_and_what_was_drawn(tmp_path):
    save = sinks.annotated_copies(tmp_path / "made" / "copies", {})
    one = result("inner/Zoë A.PNG", [Box(10, 20, 30, 40)], [20], [0.9])
    assert save(one)
    assert os.listdir(tmp_path / "made" / "copies" / "inner") == ["Zoë A.PNG"]
    data = np.fromfile(tmp_path / "made" / "copies" / "inner" / "Zoë A.PNG", np.uint8)
    copy = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert (copy == one.annotated).all()
    assert tuple(copy[20, 30]) == (255, 0, 0)


@pytest.mark.parametrize("again", [".", "inner/..", "link"])
def test_copies_beside_their_pictures_are_refused(tmp_path, again):
    (tmp_path / "inner").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "a.jpg").touch()
    with pytest.raises(UserError, match="--output_dir: expected another folder"):
        sinks.annotated_copies(tmp_path / again, {"a.jpg": tmp_path / "a.jpg"})


def test_copies_of_a_kind_that_cannot_be_written_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"whose kind can be written, received .*a\.jfif"):
        sinks.annotated_copies(tmp_path, {"a.jfif": tmp_path / "a.jfif"})


def test_copies_where_no_folder_can_be_made_are_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--output_dir: expected a folder"):
        sinks.annotated_copies(tmp_path / "file", {})
    with pytest.raises(UserError, match="--output_dir: expected a folder"):
        sinks.annotated_copies(tmp_path / "file" / "inner", {})


CAMERA = Video(iter(()), "camera0", rate=10.0, size=(80, 60), live=True)


def levels(path):
    """Each frame's brightness, in steps of 50."""
    return [round(image.mean() / 50) * 50 for image in frames(path)]


def write_levels(tmp_path, times):
    with sinks.annotated_video(tmp_path, CAMERA) as write:
        for number, time in enumerate(times, 1):
            one = result(time=time, tracks=[])
            one.picture.image[:] = 50 * number
            assert write(one)
    return levels(tmp_path / "camera0.mp4")


def test_a_video_file_s_frames_are_written_once_each(tmp_path):
    assert write_levels(tmp_path, [0, 0.1, 0.2, 0.3]) == [50, 100, 150, 200]
    assert os.listdir(tmp_path) == ["camera0.mp4"]


def test_a_camera_s_frames_are_written_as_their_times_ask(tmp_path):
    """The third comes late, and the fourth at once after it."""
    assert write_levels(tmp_path, [0, 0.1, 0.41, 0.44]) == [50, 100, 150, 150, 150]


def test_a_video_that_ends_before_its_first_frame_is_no_failure(tmp_path):
    assert write_levels(tmp_path, []) == []


def test_a_video_that_would_replace_what_it_is_made_from_is_refused(tmp_path):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"as before")
    video = replace(CAMERA, name="clip", file=clip)
    with (
        pytest.raises(UserError, match="--output_dir: expected another folder"),
        sinks.annotated_video(tmp_path, video),
    ):
        pytest.fail("opened all the same")
    assert clip.read_bytes() == b"as before"
