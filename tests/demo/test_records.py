"""Records of the demo's results, complete or resumed."""

import json
import os
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

from src.demo.sinks.records import csv_file, jsonl_file, outputs, read_done
from src.errors import UserError
from src.files import partial_of
from tests.demo.made import job, result, two_faces

HEADER = "file,face,left,top,right,bottom,age,age_low,age_high,p_female,quality"
NAMES = ["Zoë, 日本.jpg", os.fsdecode(b"Zo\xeb.jpg")]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "faces"


def to_csv(path, **options):
    return csv_file(job(csv=path, **options))


def to_jsonl(path, **options):
    return jsonl_file(job(jsonl=path, **options))


def test_csv_has_one_row_per_face(path):
    """Boxes lie within the picture."""
    with to_csv(path) as write:
        write(two_faces())
        write(result("dogs.jpg"))
    assert path.read_bytes().decode() == (
        f"{HEADER}\na.jpg,1,10,20,30,40,20.13,15,25,0.9876,0.50\n"
        "a.jpg,2,0,0,80,60,60.00,55,65,0.2500,0.50\n"
        "dogs.jpg,,,,,,,,,,\n"
    )


def test_video_csv_has_time_and_track(path):
    with to_csv(path, video="a clip") as write:
        write(two_faces("frame000003.jpg", time=0.1001, tracks=[4, 2]))
        write(result("frame000004.jpg", time=0.13346, tracks=[]))
    assert path.read_text().splitlines() == [
        f"{HEADER},time,track",
        "frame000003.jpg,1,10,20,30,40,20.13,15,25,0.9876,0.50,0.1,4",
        "frame000003.jpg,2,0,0,80,60,60.00,55,65,0.2500,0.50,0.1,2",
        "frame000004.jpg,,,,,,,,,,,0.133,",
    ]


def test_jsonl_has_the_same_fields(path):
    with to_jsonl(path) as write:
        write(two_faces("frame000003.jpg", time=0.1001, tracks=[4, 2]))
        write(result("dogs.jpg"))
    first, second, dogs = map(json.loads, path.read_text().splitlines())
    columns = HEADER.split(",")
    values = ["frame000003.jpg", 1, 10, 20, 30, 40, 20.13, 15, 25, 0.9876, 0.5, 0.1, 4]
    assert first == dict(zip([*columns, "time", "track"], values, strict=True))
    assert (second["face"], second["track"]) == (2, 2)
    assert dogs == {"file": "dogs.jpg"} | dict.fromkeys(columns[1:])


def test_records_go_to_standard_output(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, open_file, header in (("csv", csv_file, 1), ("jsonl", jsonl_file, 0)):
        with open_file(job(**{name: tmp_path.__class__("-")})) as write:
            write(two_faces())
        assert len(capsys.readouterr().out.splitlines()) == header + 2
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", NAMES)
def test_any_file_name_is_kept(tmp_path, name):
    with to_csv(tmp_path / "f.csv") as csv, to_jsonl(tmp_path / "f.jsonl") as jsonl:
        csv(result(name))
        jsonl(result(name))
    assert os.fsencode(name) in (tmp_path / "f.csv").read_bytes()
    assert json.loads((tmp_path / "f.jsonl").read_text())["file"] == name


FORMATS = pytest.mark.parametrize("open_file", [to_csv, to_jsonl])


@FORMATS
@pytest.mark.parametrize("error", [ZeroDivisionError, BrokenProcessPool, KeyboardInterrupt])
def test_failure_keeps_the_records(path, open_file, error):
    """They are next to the old file, which is unchanged."""
    path.write_text("as before")
    with pytest.raises(error), open_file(path) as write:
        write(two_faces())
        raise error
    assert path.read_text() == "as before"
    assert partial_of(path).read_text().count("a.jpg") == 2


@FORMATS
def test_failure_without_records_leaves_nothing(path, open_file):
    with pytest.raises(ZeroDivisionError), open_file(path):
        raise ZeroDivisionError
    assert os.listdir(path.parent) == []


@FORMATS
def test_second_run_is_rejected(path, open_file):
    with open_file(path), pytest.raises(UserError, match=str(path)), open_file(path):
        pytest.fail("opened")


@pytest.mark.parametrize("flag, open_file", [("csv", to_csv), ("jsonl", to_jsonl)])
def test_only_records_are_replaced(path, flag, open_file):
    write_all(path, open_file)
    [output] = outputs(job(**{flag: path}).arguments)
    assert (output.flag, output.path, output.is_kind(path)) == (f"--{flag}", path, True)
    path.write_text("path,age\na.jpg,20\n")
    assert not output.is_kind(path)


RESULTS = [
    two_faces(f"1 {NAMES[0]}"),
    result("2.jpg"),
    two_faces(f"3 {NAMES[1]}"),
    two_faces("4.jpg"),
]


def write_all(path, open_file, results=RESULTS, done=None):
    with open_file(path, done=done, resume=done is not None) as write:
        for one in results:
            if one.frame.name not in (done or {}):
                write(one)
    return path.read_bytes()


def done_in(path, open_file):
    return read_done(*((path, None) if open_file is to_csv else (None, path)))


@FORMATS
def test_resume_after_kill_at_any_byte(path, open_file):
    whole = write_all(path, open_file)
    path.unlink()
    begin = len(HEADER) + 1 if open_file is to_csv else 0
    counts = set()
    for size in [0, *range(begin, len(whole) + 1, 5)]:
        partial_of(path).write_bytes(whole[:size])
        done = done_in(path, open_file)
        counts.add(len(done))
        assert write_all(path, open_file, done=done) == whole
        path.unlink()
    assert counts == {0, 1, 2, 3}  # the last picture is done again: faces of it may be missing


@FORMATS
def test_finished_file_is_extended(path, open_file):
    write_all(path, open_file, RESULTS[:2])
    done = done_in(path, open_file)
    assert set(done) == {RESULTS[0].frame.name}
    resumed = write_all(path, open_file, done=done)
    path.unlink()
    assert resumed == write_all(path, open_file)


@FORMATS
def test_kept_records_are_on_disk_first(path, open_file):
    """Otherwise a second kill would lose them."""
    write_all(path, open_file)
    done = done_in(path, open_file)
    with open_file(path, done=done, resume=True):
        assert b"2.jpg" in partial_of(path).read_bytes()


def test_restored_results_equal_the_records(path):
    write_all(path, to_csv)
    restored = read_done(path, None)[RESULTS[0].frame.name]
    assert restored.restored
    assert restored.boxes == [(10, 20, 30, 40), (0, 0, 80, 60)]
    np.testing.assert_allclose(restored.estimates.age, [20.13, 60])
    assert restored.estimates.gender.tolist() == [0, 1]
    assert restored.estimates.age_low.tolist() == [15, 55]


def test_done_pictures_are_in_both_files(tmp_path):
    csv, jsonl = tmp_path / "f.csv", tmp_path / "f.jsonl"
    write_all(csv, to_csv)
    write_all(jsonl, to_jsonl, RESULTS[:2])
    assert set(read_done(csv, jsonl)) == {RESULTS[0].frame.name}
    assert read_done(csv, tmp_path / "new.jsonl") == {}


ROW = "a.jpg,1,10,20,30,40,20.13,15,25,0.9876,0.50\n"


@pytest.mark.parametrize(
    "content",
    [
        "path,age\na.jpg,20\nb.jpg,30\n",
        f"{HEADER},time,track\n{ROW}{ROW}",
        f"{HEADER.removesuffix(',quality')}\n{ROW}{ROW}",
        f"{HEADER}\n{ROW.replace('20.13', 'old')}{ROW}",
        f"{HEADER}\na.jpg,1\n{ROW}",
    ],
)
def test_other_csv_is_rejected(path, content):
    path.write_text(content)
    with pytest.raises(UserError, match=str(path)):
        read_done(path, None)


@pytest.mark.parametrize("line", ["path,age", "[1]", "{}"])
def test_other_jsonl_is_rejected(path, line):
    path.write_text(f"{line}\n{{}}\n")
    with pytest.raises(UserError, match=str(path)):
        read_done(None, path)
