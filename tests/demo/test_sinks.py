"""Where the demo's results go: CSV, copies, lines, a window."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from src.data.images import Box
from src.demo import sinks
from src.demo.sinks import Result
from src.demo.sources import Picture
from src.errors import UserError
from src.estimation.estimator import Estimates

HEADER = "file,face,left,top,right,bottom,age,age_low,age_high,p_female\n"


def result(name="a.jpg", boxes=(), ages=(), p_female=(), size=(60, 80)):
    """Of a black picture, with an interval of 5 years on both sides of each age."""
    ages = np.array(ages, np.float32)
    said = Estimates(
        p_female=np.array(p_female, np.float32),
        age=ages,
        age_low=ages.astype(np.int64) - 5,
        age_high=ages.astype(np.int64) + 5,
        age_distribution=np.zeros((len(ages), 101), np.float32),
    )
    return Result(Picture(name, np.zeros((*size, 3), np.uint8)), list(boxes), said)


TWO_FACES = result(
    boxes=[Box(10, 20, 30, 40), Box(-3, -4, 90, 70)], ages=[20.126, 60], p_female=[0.98764, 0.25]
)


def test_csv_has_one_row_a_face_with_boxes_inside_the_picture(tmp_path):
    with sinks.csv_file(tmp_path / "faces.csv") as write:
        assert write(TWO_FACES)
        assert write(result("dogs.jpg"))
    assert (tmp_path / "faces.csv").read_bytes().decode() == (
        HEADER + "a.jpg,0,10,20,30,40,20.13,15,25,0.9876\n"
        "a.jpg,1,0,0,80,60,60.00,55,65,0.2500\n"
        "dogs.jpg,,,,,,,,,\n"
    )


def test_csv_without_pictures_is_its_header(tmp_path):
    with sinks.csv_file(tmp_path / "faces.csv"):
        pass
    assert (tmp_path / "faces.csv").read_text() == HEADER


@pytest.mark.parametrize("name", ["Zoë, 日本.jpg", os.fsdecode(b"Zo\xeb.jpg")])
def test_csv_keeps_file_names_of_any_kind(tmp_path, name):
    with sinks.csv_file(tmp_path / "faces.csv") as write:
        write(result(name))
    assert os.fsencode(name) in (tmp_path / "faces.csv").read_bytes()


def test_csv_takes_its_place_only_when_whole(tmp_path):
    (tmp_path / "faces.csv").write_text("as before")
    with pytest.raises(KeyboardInterrupt), sinks.csv_file(tmp_path / "faces.csv") as write:
        write(TWO_FACES)
        assert (tmp_path / "faces.csv").read_text() == "as before"
        raise KeyboardInterrupt
    assert (tmp_path / "faces.csv").read_text() == "as before"
    assert os.listdir(tmp_path) == ["faces.csv"]


def test_csv_in_a_missing_folder_is_refused_before_the_work(tmp_path):
    with pytest.raises(UserError, match="nowhere"), sinks.csv_file(tmp_path / "nowhere/f.csv"):
        pytest.fail("opened all the same")


def test_lines_on_the_screen(capsys):
    sinks.print_faces(TWO_FACES)
    sinks.print_faces(result("dogs.jpg"))
    assert capsys.readouterr().out == (
        "a.jpg: 20.1 years (15-25), F 0.99\na.jpg: 60.0 years (55-65), M 0.75\ndogs.jpg: no face\n"
    )


def test_copies_have_the_pictures_names_and_what_was_drawn(tmp_path):
    save = sinks.annotated_copies(tmp_path / "made" / "copies")
    one = result("Zoë A.PNG", [Box(10, 20, 30, 40)], [20], [0.9])
    assert save(one)
    assert os.listdir(tmp_path / "made" / "copies") == ["Zoë A.PNG"]
    data = np.fromfile(tmp_path / "made" / "copies" / "Zoë A.PNG", np.uint8)
    copy = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert (copy == one.annotated).all()
    assert tuple(copy[20, 30]) == (255, 0, 0)


@pytest.mark.parametrize("again", [".", "inner/..", "link"])
def test_copies_beside_their_pictures_are_refused(tmp_path, again):
    (tmp_path / "inner").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UserError, match="--output_dir: expected another folder than --image_dir"):
        sinks.annotated_copies(tmp_path / again, tmp_path)


def test_copies_where_no_folder_can_be_made_are_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--output_dir: expected a folder"):
        sinks.annotated_copies(tmp_path / "file")
    with pytest.raises(UserError, match="--output_dir: expected a folder"):
        sinks.annotated_copies(tmp_path / "file" / "inner")


class Screen:
    """In place of OpenCV's windows: keys are pressed in turn, -1 is none."""

    def __init__(self, monkeypatch, keys, visible=1.0):
        self.keys, self.shown, self.open = list(keys), [], False
        monkeypatch.setattr(cv2, "namedWindow", self.namedWindow)
        monkeypatch.setattr(cv2, "resizeWindow", lambda name, width, height: None)
        monkeypatch.setattr(cv2, "imshow", lambda name, image: self.shown.append(image))
        monkeypatch.setattr(cv2, "waitKey", lambda wait: self.keys.pop(0))
        monkeypatch.setattr(cv2, "getWindowProperty", lambda name, what: visible)
        monkeypatch.setattr(cv2, "destroyAllWindows", self.destroyAllWindows)

    def namedWindow(self, name, flags):
        self.open = True

    def destroyAllWindows(self):
        self.open = False


def test_the_window_shows_the_annotated_picture(monkeypatch):
    screen = Screen(monkeypatch, [ord(" ")])
    with sinks.window(wait=True) as show:
        show(TWO_FACES)
        assert screen.open
    [image] = screen.shown
    assert (image == TWO_FACES.annotated).all()


@pytest.mark.parametrize("key, goes_on", [(27, False), (ord(" "), True), (13, True)])
@pytest.mark.parametrize("wait", [True, False])
def test_esc_ends_and_any_other_key_shows_the_next(monkeypatch, wait, key, goes_on):
    Screen(monkeypatch, [key])
    with sinks.window(wait) as show:
        assert show(TWO_FACES) is goes_on


def test_a_picture_stays_until_a_key_is_pressed(monkeypatch):
    screen = Screen(monkeypatch, [-1, -1, ord(" ")])
    with sinks.window(wait=True) as show:
        assert show(TWO_FACES)
    assert screen.keys == []


def test_frames_of_a_camera_do_not_wait_for_a_key(monkeypatch):
    screen = Screen(monkeypatch, [-1, -1])
    with sinks.window(wait=False) as show:
        assert show(TWO_FACES)
    assert screen.keys == [-1]


@pytest.mark.parametrize("wait", [True, False])
def test_closing_the_window_ends(monkeypatch, wait):
    Screen(monkeypatch, [-1, -1], visible=0.0)
    with sinks.window(wait) as show:
        assert not show(TWO_FACES)


def test_the_window_goes_when_the_demo_fails(monkeypatch):
    screen = Screen(monkeypatch, [])
    with pytest.raises(UserError), sinks.window(wait=True):
        raise UserError
    assert not screen.open


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X and Wayland are Linux's")


@linux
@pytest.mark.parametrize("display", [None, ""])
def test_without_a_screen_no_window_is_tried(monkeypatch, display):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
        if display is not None:
            monkeypatch.setenv(name, display)
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: pytest.fail("tried"))
    monkeypatch.setattr(cv2, "namedWindow", lambda *args: pytest.fail("tried"))
    assert not sinks.has_screen()


@linux
def test_a_screen_that_is_gone_is_none(monkeypatch):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":987")
    assert not sinks.has_screen()
