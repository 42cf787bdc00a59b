"""The window of demo.py on a virtual screen: its image, its title and its keys."""

import os
import shutil
import subprocess
import time
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from src.demo.overlay import COLOURS, GREY
from tests.cli.demo_runs import read_faces, running, write_small
from tests.helpers import run


class Screen(NamedTuple):
    """An X display, and the file with its pixels."""

    display: str
    file: str

    def look(self) -> np.ndarray:
        """The screen's pixels, uint8 (H, W, 3), BGR, from an X window dump."""
        data = np.fromfile(self.file, np.uint8)
        header = data[:100].view(">u4")
        height, line, begin = header[5], header[12], header[0] + 12 * header[19]
        pixels = data[begin : begin + height * line].reshape(height, line // 4, 4)
        return pixels[:, : header[4], :3].copy()

    def find(self, image: np.ndarray) -> tuple[float, np.ndarray]:
        """The best correlation of `image` with the screen, 0..1, and the screen at that place."""
        screen = self.look()
        match = cv2.matchTemplate(screen, image, cv2.TM_CCOEFF_NORMED)
        y, x = np.unravel_index(match.argmax(), match.shape)
        return match.max(), screen[y : y + len(image), x : x + image.shape[1]]

    def xdotool(self, *args) -> str:
        environment = {**os.environ, "DISPLAY": self.display}
        done = subprocess.run(
            ["xdotool", *args], env=environment, capture_output=True, text=True, timeout=60
        )
        return done.stdout.strip()

    def window(self) -> str:
        return self.xdotool("search", "--sync", "--onlyvisible", "--name", r"of 3|clip")

    def remap(self) -> None:
        window = self.window()
        self.xdotool("windowunmap", "--sync", window, "windowmap", "--sync", window)

    def press(self, key: str) -> None:
        self.xdotool("key", "--window", self.window(), key)


@pytest.fixture
def screen(tmp_path):
    if not (shutil.which("Xvfb") and shutil.which("xdotool")):
        pytest.skip("Xvfb and xdotool are not installed")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1200x1000x24"]
    command += ["-fbdir", str(tmp_path)]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        with os.fdopen(reading) as number:
            yield Screen(f":{number.readline().strip()}", tmp_path / "Xvfb_screen0")
        server.terminate()


def wait_until(holds, seconds=60):
    end = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.1)
    return held


def wait_for_image(screen, shown):
    """Without a window manager, Qt sometimes leaves a window black until it is mapped again."""
    for _ in range(20):
        if wait_until(shown, 3):
            return True
        screen.remap()
    return False


def test_images_wait_for_a_key(portraits, exports, screen, tmp_path):
    photos = [tmp_path / "photos" / f"{name}.png" for name in ("hopper", "astronaut", "two_people")]
    for photo in photos:
        write_small(portraits / f"{photo.stem}.jpg", photo, 600)
    args = (*photos, "--weight_file", exports["onnx"])
    run("demo.py", *args, "--no_display", "--output_dir", tmp_path / "copies")
    annotated = [cv2.imread(str(tmp_path / "copies" / photo.name)) for photo in photos]

    def sees(number):
        return screen.find(annotated[number])[0] > 0.98

    with running(tmp_path, *args, "--csv", "faces.csv", DISPLAY=screen.display) as process:
        assert wait_for_image(screen, lambda: sees(0))
        assert not sees(1)
        assert_shown(screen, annotated[0], cv2.imread(str(photos[0])))
        screen.press("a")
        assert wait_until(lambda: sees(1))
        title = screen.xdotool("getwindowname", screen.window())
        assert title.startswith("astronaut.png (2 of 3)   any key: next")
        screen.press("q")
        assert process.wait(60) == 0
        assert process.stdout.read() == ""
        assert process.stderr.read().startswith("2 of 3 images, 2 faces")
    assert list(read_faces(tmp_path / "faces.csv")) == ["hopper.png", "astronaut.png"]


def assert_shown(screen, annotated, plain):
    """Box and label must be at their positions."""
    match, shown = screen.find(annotated)
    drawn = (annotated != plain).any(axis=2)
    coloured = (
        np.any([(annotated == colour).all(axis=2) for colour in (*COLOURS, GREY)], axis=0) & drawn
    )
    assert coloured.sum() > 500
    difference = np.abs(shown[coloured].astype(int) - annotated[coloured]).max(axis=1)
    assert (difference < 40).mean() > 0.95
    assert screen.find(plain)[0] < match
