"""Records of the demo's results, complete or resumed."""

import json
import os
from pathlib import Path

import pytest

from src.demo.sinks.records import outputs, read_done, record_file
from src.errors import UserError
from src.files import partial_of
from tests.demo.made import job, result, two_faces
from tests.helpers import names

HEADER = "file,face,left,top,right,bottom,age,age_low,age_high,p_female,quality"
NAMES = ["Zoë, 日本.jpg", os.fsdecode(b"Zo\xeb.jpg")]
RESULTS = [two_faces(f"1 {NAMES[0]}"), result("2.jpg"), two_faces(f"3 {NAMES[1]}"), two_faces("4")]
FORMATS = pytest.mark.parametrize("flag", ["csv", "jsonl"])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "faces"


def open_file(flag, path, **options):
    return record_file(job(**{flag: path}, **options), flag)


def write_all(flag, path, results=RESULTS, done=None):
    with open_file(flag, path, done=done, resume=done is not None) as write:
        for one in results:
            if one.frame.name not in (done or {}):
                write(one)
    return path.read_bytes()


def done_in(flag, path):
    return read_done(job(**{flag: path}).arguments)


def test_csv_has_one_row_per_face(path):
    write_all("csv", path, [two_faces(), result("dogs.jpg")])
    assert path.read_bytes().decode() == (
        f"{HEADER}\na.jpg,1,10,20,30,40,20.13,15,25,0.9876,0.50\n"
        "a.jpg,2,0,0,80,60,60.00,55,65,0.2500,0.50\n"
        "dogs.jpg,,,,,,,,,,\n"
    )


def test_video_csv_has_time_and_track(path):
    with open_file("csv", path, video="a clip") as write:
        write(two_faces("frame000003.jpg", time=0.1001, tracks=[4, 2]))
        write(result("frame000004.jpg", time=0.13346, tracks=[]))
    assert path.read_text().splitlines() == [
        f"{HEADER},time,track",
        "frame000003.jpg,1,10,20,30,40,20.13,15,25,0.9876,0.50,0.1,4",
        "frame000003.jpg,2,0,0,80,60,60.00,55,65,0.2500,0.50,0.1,2",
        "frame000004.jpg,,,,,,,,,,,0.133,",
    ]


def test_jsonl_has_the_same_fields(path):
    clip = two_faces("frame000003.jpg", time=0.1001, tracks=[4, 2])
    write_all("jsonl", path, [clip, result("dogs.jpg")])
    first, second, dogs = map(json.loads, path.read_text().splitlines())
    columns = HEADER.split(",")
    values = ["frame000003.jpg", 1, 10, 20, 30, 40, 20.13, 15, 25, 0.9876, 0.5, 0.1, 4]
    assert first == dict(zip([*columns, "time", "track"], values, strict=True))
    assert (second["face"], second["track"]) == (2, 2)
    assert dogs == {"file": "dogs.jpg"} | dict.fromkeys(columns[1:])


@pytest.mark.parametrize("flag, lines", [("csv", 3), ("jsonl", 2)])
def test_records_go_to_standard_output(tmp_path, monkeypatch, capsys, flag, lines):
    monkeypatch.chdir(tmp_path)
    with open_file(flag, Path("-")) as write:
        write(two_faces())
    assert len(capsys.readouterr().out.splitlines()) == lines
    assert os.listdir(tmp_path) == []


@FORMATS
@pytest.mark.parametrize("name", NAMES)
def test_any_file_name_is_kept(path, flag, name):
    write_all(flag, path, [result(name), result("last.jpg")])
    assert flag == "jsonl" or os.fsencode(name) in path.read_bytes()
    assert list(done_in(flag, path)) == [name]


@FORMATS
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_failure_keeps_the_records(path, flag, error):
    """They are next to the old file, which is unchanged."""
    path.write_text("as before")
    with pytest.raises(error), open_file(flag, path) as write:
        write(two_faces())
        raise error
    assert path.read_text() == "as before"
    assert partial_of(path).read_text().count("a.jpg") == 2


@FORMATS
def test_failure_without_records_leaves_nothing(path, flag):
    with pytest.raises(ZeroDivisionError), open_file(flag, path):
        raise ZeroDivisionError
    assert os.listdir(path.parent) == []


def test_second_run_is_rejected(path):
    with open_file("csv", path), pytest.raises(UserError, match=str(path)):
        write_all("csv", path)


@FORMATS
def test_only_records_are_replaced(path, flag):
    write_all(flag, path)
    [output] = outputs(job(**{flag: path}).arguments)
    assert (output.flag, output.path, output.is_kind(path)) == (f"--{flag}", path, True)
    path.write_text("path,age\na.jpg,20\n")
    assert not output.is_kind(path)


@FORMATS
def test_resume_after_kill_at_any_byte(path, flag):
    whole = write_all(flag, path)
    path.unlink()
    begin = len(HEADER) + 1 if flag == "csv" else 0
    counts = set()
    for size in [0, *range(begin, len(whole) + 1, 5)]:
        partial_of(path).write_bytes(whole[:size])
        done = done_in(flag, path)
        counts.add(len(done))
        assert write_all(flag, path, done=done) == whole
        path.unlink()
    assert counts == {0, 1, 2, 3}  # the last image is done again: faces of it may be missing


@FORMATS
def test_finished_file_is_extended(path, flag):
    whole = write_all(flag, path)
    write_all(flag, path, RESULTS[:2])
    done = done_in(flag, path)
    assert set(done) == {RESULTS[0].frame.name}
    assert write_all(flag, path, done=done) == whole


def test_kept_records_are_on_disk_first(path):
    """Otherwise a second kill would lose them."""
    write_all("csv", path)
    with open_file("csv", path, done=done_in("csv", path), resume=True):
        assert b"2.jpg" in partial_of(path).read_bytes()


def test_second_format_starts_with_the_records_of_the_first(tmp_path):
    csv, jsonl = tmp_path / "f.csv", tmp_path / "f.jsonl"
    write_all("csv", csv)
    whole = write_all("jsonl", jsonl)
    jsonl.unlink()
    done = read_done(job(csv=csv, jsonl=jsonl).arguments)
    assert write_all("jsonl", jsonl, done=done) == whole
    assert names(tmp_path) == {"f.csv", "f.jsonl"}


ROW = "a.jpg,1,10,20,30,40,20.13,15,25,0.9876,0.50\n"


@pytest.mark.parametrize(
    "flag, content",
    [
        ("csv", "path,age\na.jpg,20\nb.jpg,30\n"),
        ("csv", f"{HEADER},time,track\n{ROW}{ROW}"),
        ("csv", f"{HEADER.removesuffix(',quality')}\n{ROW}{ROW}"),
        ("csv", f"{HEADER}\n{ROW.replace('20.13', 'old')}{ROW}"),
        ("csv", f"{HEADER}\na.jpg,1\n{ROW}"),
        ("jsonl", "path,age\n{}\n"),
        ("jsonl", "[1]\n{}\n"),
        ("jsonl", "{}\n{}\n"),
    ],
)
def test_other_files_are_rejected(path, flag, content):
    path.write_text(content)
    with pytest.raises(UserError, match=str(path)):
        done_in(flag, path)
