"""demo.py --web as a person uses it: in Chromium, with a picture and with a (fake) webcam."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from types import SimpleNamespace
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import cv2
import numpy as np
import pytest

from src.estimation.estimator import Estimator
from src.faces.crop import get_box_cutter
from src.faces.detectors import get_detector
from src.faces.images import read_image
from tests.helpers import ROOT, assert_one_line_error, heed_ctrl_c, run

MISSING = [name for name in ("gradio", "selenium") if not find_spec(name)]
MISSING += [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
WEBCAM = (640, 376)
CHROMIUM_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-quic", "--window-size=1200,900"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)


SHOWN = "return document.querySelector('.picture img').src"


@pytest.fixture(scope="module")
def photo(shared):
    return shared / "demo" / "two_people.jpg"


@pytest.fixture(scope="module")
def said(photo, original_weights):
    """The boxes of the photo's faces, from left to right, and what the estimator says of them."""
    estimator = Estimator(original_weights)
    image = read_image(photo)
    boxes = sorted(get_detector()(image))
    cut = get_box_cutter(estimator.align, estimator.margin, estimator.img_size)
    return boxes, estimator(cut(image, boxes))


@pytest.fixture(scope="module")
def server(original_weights, tmp_path_factory):
    """demo.py --web at work; its temporary files lie in `folder`."""
    folder = tmp_path_factory.mktemp("server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [sys.executable, ROOT / "demo.py", "--web", "--port", port]
    with subprocess.Popen(
        [*command, "--weight_file", original_weights],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
        preexec_fn=heed_ctrl_c,
    ) as process:
        try:
            line = process.stdout.readline()
            assert line == f"http://127.0.0.1:{port}/ (Ctrl-C ends it)\n"
            yield SimpleNamespace(process=process, folder=folder, port=port, url=line.split()[0])
        finally:
            process.kill()


@pytest.fixture(scope="module")
def chromium(photo, tmp_path_factory):
    """A browser whose webcam shows the photo, brighter and darker by turns."""
    from selenium import webdriver

    folder = tmp_path_factory.mktemp("chromium")
    with (folder / "webcam.y4m").open("wb") as video:
        video.write(b"YUV4MPEG2 W%d H%d F2:1 Ip A1:1 C420jpeg\n" % WEBCAM)
        image = cv2.resize(read_image(photo), WEBCAM)
        for frame in (image, cv2.convertScaleAbs(image, alpha=0.9)):  # so that something changes
            video.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420).tobytes())
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in CHROMIUM_FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={folder / 'profile'}")
    options.add_argument(f"--use-file-for-fake-video-capture={folder / 'webcam.y4m'}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture
def page(chromium, server):
    """The page, newly opened."""
    chromium.get(server.url)
    wait_for(lambda: elements(chromium, "input[type=file]"))
    return chromium


def wait_for(condition, seconds=60):
    """What `condition` gives as soon as that is true."""
    from selenium.common.exceptions import StaleElementReferenceException

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(StaleElementReferenceException):  # the page makes many elements anew
            if value := condition():
                return value
        time.sleep(0.2)
    raise TimeoutError


def elements(page, selector, text=""):
    return [e for e in page.find_elements("css selector", selector) if text in e.text]


def press(page, text):
    def click():
        for button in elements(page, "button", text)[-1:]:
            button.click()
            return True

    wait_for(click)


def choose(page, path):
    elements(page, "input[type=file]")[0].send_keys(str(path))


def told(page):
    """Age, both ends of the interval, gender and its per cent, as the page tells of each face."""
    text = page.execute_script("return document.querySelector('.faces').innerText")
    pattern = r"(\d+) years, 80 % from (\d+) to (\d+)\s+(male|female), (\d+) %"
    return re.findall(pattern, text)


def is_as_wide_as_the_screen(page):
    return page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")


def screenshot(element):
    return cv2.imdecode(np.frombuffer(element.screenshot_as_png, np.uint8), cv2.IMREAD_COLOR)


def sides_are_blue(shot, box, scale):
    """Whether pixels at the middle of both upright sides of a box are the overlay's blue."""
    y = round((box.top + box.bottom) / 2 * scale)
    for x in (round(box.left * scale), round(box.right * scale)):
        blue, green, red = np.moveaxis(shot[y, x - 3 : x + 4].astype(int), -1, 0)
        if not ((blue > 150) & (green < 100) & (red < 100)).any():
            return False
    return True


def check(found, estimates, years=0.51, percent=0.51):
    """The page must tell what the estimator says, as exactly as it is rounded."""
    assert len(found) == len(estimates.age)
    for i, (age, low, high, gender, share) in enumerate(found):
        assert abs(int(age) - estimates.age[i]) < years
        assert abs(int(low) - estimates.age_low[i]) < years
        assert abs(int(high) - estimates.age_high[i]) < years
        p_female = estimates.p_female[i]
        assert gender == ("female" if p_female > 0.5 else "male")
        assert abs(int(share) - 100 * max(p_female, 1 - p_female)) < percent


def test_an_uploaded_picture_is_answered_as_the_estimator_says(page, said, photo):
    boxes, estimates = said
    choose(page, photo)
    wait_for(lambda: told(page))
    check(told(page), estimates)
    [shown] = elements(page, ".picture img")
    shot = screenshot(shown)
    scale = shot.shape[1] / read_image(photo).shape[1]
    assert [sides_are_blue(shot, box, scale) for box in boxes] == [True, True]


def test_the_page_fits_a_phone(page, photo, tmp_path):
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        assert page.execute_script("return window.innerWidth") == PHONE["width"]
        assert is_as_wide_as_the_screen(page)
        choose(page, photo)
        wait_for(lambda: told(page))
        assert is_as_wide_as_the_screen(page)
        [shown] = elements(page, ".picture img")
        assert PHONE["width"] / 2 < shown.rect["width"] < PHONE["width"]
        curves = elements(page, ".faces polyline")
        assert [PHONE["width"] / 4 < curve.rect["width"] < PHONE["width"] for curve in curves] == [
            True,
            True,
        ]
        press(page, "Webcam")
        assert is_as_wide_as_the_screen(page)
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_webcam_s_stream_is_answered(page, said):
    press(page, "Webcam")
    press(page, "Click to Access Webcam")
    press(page, "Record")
    wait_for(lambda: len(told(page)) == 2)
    # Its frames are half as large, and compressed.
    check(told(page), said[1], years=10, percent=10)
    first = page.execute_script(SHOWN)
    wait_for(lambda: page.execute_script(SHOWN) != first)
    press(page, "Stop")


def test_what_is_no_picture_or_too_large_is_said_on_the_page(page, tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    choose(page, tmp_path / "text.jpg")
    wait_for(lambda: elements(page, ".picture", "text.jpg: expected a picture"))
    (tmp_path / "large.jpg").write_bytes(bytes(21 * 2**20))
    choose(page, tmp_path / "large.jpg")
    wait_for(lambda: elements(page, "body", "exceed"))


def test_the_page_asks_no_other_computer(page, photo):
    choose(page, photo)
    wait_for(lambda: told(page))
    hosts = set()
    for entry in page.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            hosts.add(urlsplit(message["params"]["request"]["url"]))
    asked = {url.hostname for url in hosts if url.scheme not in ("data", "blob", "chrome")}
    assert asked == {"127.0.0.1"}


def test_a_request_cannot_name_a_file_of_the_server(server, photo):
    """Only what was uploaded may be."""
    file = {"path": str(photo), "meta": {"_type": "gradio.FileData"}}
    asked = {"data": [file], "fn_index": 0, "session_hash": "test"}
    header = {"Content-Type": "application/json"}
    api = f"{server.url}gradio_api/queue"
    urlopen(Request(f"{api}/join", json.dumps(asked).encode(), header)).close()
    with urlopen(f"{api}/data?session_hash=test", timeout=60) as answer:
        text = answer.read().decode()
    assert '"success":false' in text
    assert "image/jpeg" not in text
    assert any(
        "not uploaded by a user" in line for line in iter(server.process.stderr.readline, "")
    )


def test_a_port_in_use_is_one_line(server, original_weights):
    done = run("demo.py", "--web", "--port", server.port, "--weight_file", original_weights)
    assert_one_line_error(done, "demo.py", f"--port {server.port}", "in use")


def test_nothing_is_left_of_answered_pictures(server):
    assert [
        path for path in server.folder.rglob("*") if path.is_file() and path.stat().st_size
    ] == []


def test_ctrl_c_ends_it_while_a_page_is_open_and_leaves_no_file(page, server):
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(30) == 0
    assert server.process.stderr.read() == ""
    assert list(server.folder.iterdir()) == []
