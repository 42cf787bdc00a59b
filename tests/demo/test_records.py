"""The demo's results as files: one line a face, whole or to be gone on with."""

import json
import os

import pytest

from src.demo.records import csv_file, jsonl_file, pictures_done
from src.errors import UserError
from src.files import partial_of
from tests.demo.made import result, two_faces

HEADER = "file,face,left,top,right,bottom,age,age_low,age_high,p_female"
NAMES = ["Zoë, 日本.jpg", os.fsdecode(b"Zo\xeb.jpg")]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "faces"


def test_csv_has_one_row_a_face_with_boxes_inside_the_picture(path):
    with csv_file(path) as write:
        assert write(two_faces())
        assert write(result("dogs.jpg"))
    assert path.read_bytes().decode() == (
        f"{HEADER}\na.jpg,0,10,20,30,40,20.13,15,25,0.9876\n"
        "a.jpg,1,0,0,80,60,60.00,55,65,0.2500\n"
        "dogs.jpg,,,,,,,,,\n"
    )


def test_csv_of_a_video_has_time_and_track_too(path):
    with csv_file(path, video=True) as write:
        write(two_faces("frame000003.jpg", time=0.1001, tracks=[4, 2]))
        write(result("frame000004.jpg", time=0.13346, tracks=[]))
    assert path.read_text().splitlines() == [
        f"{HEADER},time,track",
        "frame000003.jpg,0,10,20,30,40,20.13,15,25,0.9876,0.1,4",
        "frame000003.jpg,1,0,0,80,60,60.00,55,65,0.2500,0.1,2",
        "frame000004.jpg,,,,,,,,,,0.133,",
    ]


def test_jsonl_has_the_same_fields_as_numbers(path):
    with jsonl_file(path) as write:
        assert write(two_faces("frame000003.jpg", time=0.1001, tracks=[4, 2]))
        assert write(result("dogs.jpg"))
    first, second, dogs = map(json.loads, path.read_text().splitlines())
    columns = HEADER.split(",")
    assert first == dict(
        zip(
            [*columns, "time", "track"],
            ["frame000003.jpg", 0, 10, 20, 30, 40, 20.13, 15, 25, 0.9876, 0.1, 4],
            strict=True,
        )
    )
    assert (second["face"], second["track"]) == (1, 2)
    assert dogs == {"file": "dogs.jpg"} | dict.fromkeys(columns[1:])


def test_csv_without_pictures_is_its_header(path):
    with csv_file(path):
        pass
    assert path.read_text() == HEADER + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_file_names_of_any_kind_are_kept(tmp_path, name):
    with csv_file(tmp_path / "f.csv") as to_csv, jsonl_file(tmp_path / "f.jsonl") as to_jsonl:
        to_csv(result(name))
        to_jsonl(result(name))
    assert os.fsencode(name) in (tmp_path / "f.csv").read_bytes()
    assert json.loads((tmp_path / "f.jsonl").read_text())["file"] == name


FORMATS = pytest.mark.parametrize("open_file", [csv_file, jsonl_file])


@FORMATS
def test_a_failure_leaves_the_file_as_before(path, open_file):
    path.write_text("as before")
    with pytest.raises(ZeroDivisionError), open_file(path) as write:
        write(two_faces())
        raise ZeroDivisionError
    assert path.read_text() == "as before"
    assert os.listdir(path.parent) == [path.name]


@FORMATS
def test_what_ctrl_c_leaves_is_kept_beside_the_file(path, open_file):
    path.write_text("as before")
    with pytest.raises(KeyboardInterrupt), open_file(path) as write:
        write(two_faces())
        raise KeyboardInterrupt
    assert path.read_text() == "as before"
    assert partial_of(path).read_text().count("a.jpg") == 2


RESULTS = [
    two_faces(f"1 {NAMES[0]}"),
    result("2.jpg"),
    two_faces(f"3 {NAMES[1]}"),
    two_faces("4.jpg"),
]


def write_all(path, open_file, results=RESULTS, **resumed):
    with open_file(path, **resumed) as write:
        for one in results:
            if one.picture.name not in resumed.get("done", ()):
                write(one)
    return path.read_bytes()


def done_in(path, open_file):
    return pictures_done(*((path, None) if open_file is csv_file else (None, path)))


@FORMATS
def test_a_run_that_was_killed_at_any_byte_is_gone_on_with(path, open_file):
    whole = write_all(path, open_file)
    path.unlink()
    begin = len(HEADER) + 1 if open_file is csv_file else 0
    counts = set()
    for size in [0, *range(begin, len(whole) + 1)]:
        partial_of(path).write_bytes(whole[:size])
        done = done_in(path, open_file)
        counts.add(len(done))
        assert write_all(path, open_file, done=done) == whole
        path.unlink()
    assert counts == {0, 1, 2, 3}  # the last picture is always done again: it may lack faces


@FORMATS
def test_a_finished_file_is_gone_on_with_where_there_are_more_pictures(path, open_file):
    write_all(path, open_file, RESULTS[:2])
    done = done_in(path, open_file)
    assert done == {RESULTS[0].picture.name}
    resumed = write_all(path, open_file, done=done)
    path.unlink()
    assert resumed == write_all(path, open_file)


@FORMATS
def test_what_was_done_is_on_the_disk_before_the_work_goes_on(path, open_file):
    """Else a second kill would lose it."""
    write_all(path, open_file)
    with open_file(path, done=frozenset(["2.jpg"])):
        assert b"2.jpg" in partial_of(path).read_bytes()


def test_only_what_both_files_have_is_done(tmp_path):
    csv, jsonl = tmp_path / "f.csv", tmp_path / "f.jsonl"
    write_all(csv, csv_file)
    write_all(jsonl, jsonl_file, RESULTS[:2])
    assert pictures_done(csv, jsonl) == {RESULTS[0].picture.name}
    assert pictures_done(csv, tmp_path / "new.jsonl") == set()


def test_files_of_others_are_refused(path):
    path.write_text("path,age\na.jpg,20\nb.jpg,30\n")
    with pytest.raises(UserError, match=r"--resume: expected the columns file, .* found path, age"):
        pictures_done(path, None)
    with pytest.raises(UserError, match="--resume: expected a record of this demo in line 1"):
        pictures_done(None, path)


def test_a_video_s_csv_is_refused(path):
    write_all(path, csv_file, [two_faces(time=0.0, tracks=[0, 1])], video=True)
    with pytest.raises(UserError, match=r"found file, .* track; name another --csv"):
        pictures_done(path, None)
