"""demo.py --web in Chromium, with pictures and with a (fake) webcam."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from types import SimpleNamespace
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import cv2
import numpy as np
import pytest

from src.demo.overlay import COLOURS
from src.estimation.estimator import Estimator
from src.faces import DEFAULT_DETECTOR
from src.faces.finder import FaceFinder
from src.faces.images import read_image
from src.labels import GENDERS
from tests.helpers import ROOT, assert_one_line_error, heed_ctrl_c, names, run

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


@pytest.fixture(scope="module")
def photo(shared, tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "two people.png"
    image = read_image(shared / "demo" / "two_people.jpg")
    cv2.imwrite(str(path), cv2.resize(image, (960, 564), interpolation=cv2.INTER_AREA))
    return path


@pytest.fixture(scope="module")
def expected(photo, exports):
    """The boxes of the photo's faces, from left to right, and what the estimator says of them."""
    estimator = Estimator(exports["onnx"])
    image = read_image(photo)
    found = sorted(
        FaceFinder(DEFAULT_DETECTOR, None, estimator.crop).detect(image), key=lambda face: face.box
    )
    return [face.box for face in found], estimator(estimator.crop.stack(image, found))


@pytest.fixture(scope="module")
def server(exports, tmp_path_factory):
    """demo.py --web at work; its temporary files lie in `folder`."""
    folder = tmp_path_factory.mktemp("server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [sys.executable, ROOT / "demo.py", "--web", "--port", port]
    with subprocess.Popen(
        [*command, "--weight_file", exports["onnx"]],
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


def rows(page, table=".faces"):
    """The cells of each face's row."""
    found = page.find_elements("css selector", f"{table} .virtual-row")
    return [row.text.split("\n") for row in found if row.text.strip()]


def is_as_wide_as_the_screen(page):
    return page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")


def screenshot(element):
    return cv2.imdecode(np.frombuffer(element.screenshot_as_png, np.uint8), cv2.IMREAD_COLOR)


def sides_are_drawn(shot, box, scale, colour):
    """Whether pixels at the middle of both upright sides of a box have the gender's colour."""
    y = round((box.top + box.bottom) / 2 * scale)
    for x in (round(box.left * scale), round(box.right * scale)):
        if np.abs(shot[y, max(x - 3, 0) : x + 4].astype(int) - colour).max(axis=1).min() > 60:
            return False
    return True


def check(found, estimates, years=0.51, percent=0.51):
    """The rows must have the estimates, as exactly as they are rounded."""
    assert len(found) == len(estimates.age)
    for i, (_, _, age, interval, gender) in enumerate(found):
        assert abs(int(age) - estimates.age[i]) < years
        low, high = map(int, interval.split(" to "))
        assert abs(low - estimates.age_low[i]) < years
        assert abs(high - estimates.age_high[i]) < years
        assert gender.startswith(GENDERS[estimates.gender[i]])
        assert abs(int(gender.split()[1]) - 100 * estimates.p_gender[i]) < percent


def test_uploaded_picture_has_results(page, expected, photo):
    boxes, estimates = expected
    choose(page, photo)
    wait_for(lambda: rows(page))
    check(rows(page), estimates)
    [shown] = elements(page, ".shown .base-image")
    wait_for(lambda: shown.rect["width"] > 300)
    time.sleep(1)  # until it is painted
    shot = screenshot(shown)
    scale = shot.shape[1] / 960
    for box, gender in zip(boxes, estimates.gender, strict=True):
        assert sides_are_drawn(shot, box, scale, COLOURS[gender])


def test_label_and_row_mark_each_other(page, photo):
    choose(page, photo)
    wait_for(lambda: len(rows(page)) == 2)
    wait_for(lambda: elements(page, ".shown .legend-item"))[1].click()
    [marked] = wait_for(lambda: elements(page, ".faces .virtual-row.marked"))
    assert marked.text.startswith("2")
    page.find_elements("css selector", ".faces .virtual-row")[0].click()
    wait_for(lambda: [e.text[:1] for e in elements(page, ".legend-item.marked")] == ["1"])


def test_faces_are_numbered_across_pictures(page, photo, shared):
    other = photo.with_name("portrait.png")
    cv2.imwrite(str(other), cv2.resize(read_image(shared / "demo" / "obama.jpg"), (480, 600)))
    choose(page, f"{photo}\n{other}")
    wait_for(lambda: len(rows(page)) == 3)
    assert [row[:2] for row in rows(page)] == [
        ["1", photo.name],
        ["2", photo.name],
        ["3", "portrait.png"],
    ]


def test_example_has_results(page):
    press(page, "Example")
    wait_for(lambda: [row[1] for row in rows(page)] == ["grace_hopper.jpg"])


@pytest.mark.parametrize("screen", [PHONE, {**PHONE, "width": 1300, "mobile": False}])
def test_page_fits_phone_and_desktop(page, photo, screen):
    """The results are below the picture on a phone, and next to it on a wide screen."""
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        choose(page, photo)
        wait_for(lambda: rows(page))
        assert is_as_wide_as_the_screen(page)
        [shown] = elements(page, ".shown .base-image")
        [table] = page.find_elements("css selector", ".faces")
        wait_for(lambda: shown.rect["width"] > screen["width"] / 2.5)
        assert shown.rect["width"] < screen["width"]
        below = table.rect["y"] > shown.rect["y"] + shown.rect["height"]
        assert below is (screen["width"] == PHONE["width"])
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_webcam_has_results(page, expected):
    press(page, "Webcam")
    press(page, "Click to Access Webcam")
    press(page, "Record")
    wait_for(lambda: len(rows(page, ".live-faces")) == 2)
    # Its frames are half as large, and compressed.
    check(rows(page, ".live-faces"), expected[1], years=10, percent=10)
    image = wait_for(lambda: elements(page, ".live img"))[0].get_attribute("src")
    wait_for(lambda: elements(page, ".live img")[0].get_attribute("src") != image)
    press(page, "Stop")


def test_unreadable_picture_is_named(page, tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    choose(page, tmp_path / "text.jpg")
    wait_for(lambda: elements(page, "body", "text.jpg: expected a picture"))
    (tmp_path / "large.jpg").write_bytes(bytes(21 * 2**20))
    page.refresh()
    wait_for(lambda: elements(page, "input[type=file]"))
    choose(page, tmp_path / "large.jpg")
    wait_for(lambda: elements(page, "body", "exceed"))


def test_page_loads_nothing_external(page, photo):
    choose(page, photo)
    wait_for(lambda: rows(page))
    hosts = set()
    for entry in page.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            hosts.add(urlsplit(message["params"]["request"]["url"]))
    requested = {url.hostname for url in hosts if url.scheme not in ("data", "blob", "chrome")}
    assert requested == {"127.0.0.1"}


def test_ten_people_upload_one_picture(server, photo):
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda number: answer_to(server, photo, f"v{number}"), range(10)))
    assert ["two people.png" in answer for answer in answers] == [True] * 10


def answer_to(server, photo, session):
    """The events of a visitor who uploads the photo."""
    head = 'Content-Disposition: form-data; name="files"; filename="two people.png"'
    body = f"--x\r\n{head}\r\n\r\n".encode() + photo.read_bytes() + b"\r\n--x--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    api = f"{server.url}gradio_api"
    with urlopen(Request(f"{api}/upload", body, kind)) as answer:
        [path] = json.load(answer)
    return events(server, session, [[{"image": file_data(path), "caption": None}]])


def file_data(path):
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


def events(server, session, data):
    request = {"data": data, "fn_index": 0, "session_hash": session}
    api, kind = f"{server.url}gradio_api/queue", {"Content-Type": "application/json"}
    urlopen(Request(f"{api}/join", json.dumps(request).encode(), kind)).close()
    with urlopen(f"{api}/data?session_hash={session}", timeout=60) as answer:
        return answer.read().decode()


def test_requests_cannot_read_server_files(server, photo):
    """Only an upload can be named; the terminal has a line and no traceback."""
    text = events(server, "bad", [[{"image": file_data(photo), "caption": None}]])
    assert '"success":false' in text
    assert "two people.png" not in text
    line = server.process.stderr.readline()
    assert line.startswith("a request failed: ") and "Traceback" not in line


def test_port_in_use_is_named(server, exports):
    done = run("demo.py", "--web", "--port", server.port, "--weight_file", exports["onnx"])
    assert_one_line_error(done, "demo.py", f"--port {server.port}", "in use")


def test_ctrl_c_leaves_no_file(page, server):
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(30) == 0
    assert server.process.stderr.read() == ""
    assert names(server.folder) <= {".ses"}  # of ONNX Runtime
