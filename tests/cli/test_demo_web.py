"""demo.py --web in Chromium, with pictures and with a (fake) webcam."""

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import cv2
import numpy as np
import pytest

from src.demo.overlay import COLOURS
from src.estimation.estimator import Estimator
from src.faces.detectors import DEFAULT_DETECTOR
from src.faces.finder import FaceFinder
from src.faces.images import read_image
from src.labels import GENDERS
from tests.cli.browser import (
    MISSING,
    PHONE,
    choose,
    chromium,
    elements,
    press,
    rows,
    serving,
    visit,
    wait_for,
)
from tests.helpers import assert_one_line_error, names, run
from tests.portraits import hopper, two_people

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

WEBCAM = (640, 376)


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """960x564, in proportion to `WEBCAM`."""
    path = tmp_path_factory.mktemp("photo") / "two people.png"
    image = two_people(960)
    cv2.imwrite(str(path), cv2.copyMakeBorder(image, 0, 564 - len(image), 0, 0, 0))
    return path


@pytest.fixture(scope="module")
def expected(photo, exports):
    """The boxes of the photo's faces, from left to right, and their estimates."""
    estimator = Estimator(exports["onnx"])
    image = read_image(photo)
    found = sorted(
        FaceFinder(DEFAULT_DETECTOR, None, estimator.crop).detect(image), key=lambda face: face.box
    )
    return [face.box for face in found], estimator(estimator.crop.stack(image, found))


@pytest.fixture(scope="module")
def server(exports, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("server"), "--weight_file", exports["onnx"]) as server:
        yield server


@pytest.fixture(scope="module")
def driver(photo, tmp_path_factory):
    """A browser whose webcam shows the photo, brighter and darker by turns."""
    folder = tmp_path_factory.mktemp("chromium")
    with (folder / "webcam.y4m").open("wb") as video:
        video.write(b"YUV4MPEG2 W%d H%d F2:1 Ip A1:1 C420jpeg\n" % WEBCAM)
        image = cv2.resize(read_image(photo), WEBCAM)
        for frame in (image, cv2.convertScaleAbs(image, alpha=0.9)):  # so that something changes
            video.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420).tobytes())
    with chromium(folder, folder / "webcam.y4m") as driver:
        yield driver


@pytest.fixture
def page(driver, server):
    """The page, newly opened."""
    visit(driver, server.url)
    return driver


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
    """The rows must have the estimates, up to rounding."""
    assert len(found) == len(estimates.age)
    for i, (_, age, interval, gender, _) in enumerate(found):
        assert abs(int(age) - estimates.age[i]) < years
        low, high = map(int, interval.split("-"))
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


def test_face_pointed_at_is_marked(page, photo, expected):
    choose(page, photo)
    wait_for(lambda: len(rows(page)) == 2)
    [shown] = elements(page, ".shown .base-image")
    wait_for(lambda: shown.rect["width"] > 300)
    scale = shown.rect["width"] / 960
    for number, box in enumerate(expected[0], 1):
        x, y = (box.left + box.right) / 2 * scale, (box.top + box.bottom) / 2 * scale
        centre = shown.rect["width"] / 2, shown.rect["height"] / 2
        point_at(page, shown, x - centre[0], y - centre[1])
        [marked] = wait_for(lambda: elements(page, ".faces .virtual-row.marked"))
        assert marked.text.startswith(str(number))
    point_at(page, shown, 3 - centre[0], 3 - centre[1])
    wait_for(lambda: not elements(page, ".marked"))


def point_at(page, element, right, down):
    """Move the pointer to a place relative to the middle of an element, in pixels."""
    from selenium.webdriver.common.action_chains import ActionChains

    chain = ActionChains(page).move_to_element_with_offset(element, round(right), round(down))
    chain.perform()


def test_faces_are_numbered_across_pictures(page, photo):
    other = photo.with_name("portrait.png")
    cv2.imwrite(str(other), hopper())
    choose(page, f"{photo}\n{other}")
    wait_for(lambda: len(rows(page)) == 3)
    assert [[row[0], row[4]] for row in rows(page)] == [
        ["1", photo.name],
        ["2", photo.name],
        ["3", "portrait.png"],
    ]


def test_example_has_results(page):
    press(page, "Example")
    wait_for(lambda: [row[4] for row in rows(page)] == ["grace_hopper.jpg"])


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


def test_clip_is_annotated(page, portraits, tmp_path):
    """The annotated clip plays, its tracks are listed, and files can be downloaded."""
    press(page, "Video")
    choose(page, portraits / "clip.mp4", "video")
    [track] = wait_for(lambda: rows(page, ".tracks"))
    assert track[:2] == ["0", "0.0-4.0"]
    [clip] = wait_for(lambda: elements(page, ".clip video"))
    properties = "return [arguments[0].duration, arguments[0].videoWidth]"
    duration, width = wait_for(
        lambda: (found := page.execute_script(properties, clip))[0] and found[1] and found
    )
    assert (round(duration, 1), width) == (4.0, 192)
    downloads = {"behavior": "allow", "downloadPath": str(tmp_path)}
    page.execute_cdp_cmd("Browser.setDownloadBehavior", downloads)
    for button, file, header in (
        ("Tracks as CSV", "clip.tracks.csv", "track,from,to,"),
        ("Faces of all frames", "faces.csv", "file,face,left,"),
    ):
        press(page, button)
        wait_for((tmp_path / file).is_file)
        assert (tmp_path / file).read_text().startswith(header)


def test_stopped_clip_shows_its_beginning(page, shared):
    press(page, "Video")
    choose(page, shared / "demo" / "short_hamilton_clip.mp4", "video")
    wait_for(lambda: elements(page, ".clip .progress-text"))
    press(page, "Stop")
    wait_for(lambda: rows(page, ".tracks") or elements(page, ".clip video"))


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
    wait_for(lambda: elements(page, "body", "large.jpg: expected a picture of at most"))


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
    """The events of an upload of the photo by a visitor."""
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
    """Only uploads can be requested; the terminal shows a line without a traceback."""
    text = events(server, "bad", [[{"image": file_data(photo), "caption": None}]])
    assert '"success":false' in text
    assert "two people.png" not in text
    line = server.process.stderr.readline()
    assert line.startswith("a request failed: ") and "Traceback" not in line


def test_malformed_requests_are_one_line(server, photo):
    for data in ([], [1], ["x"], [[None]], [[{"image": None, "caption": None}]], [[{}]]):
        assert '"success":false' in events(server, "malformed", data)
        line = server.process.stderr.readline()
        assert line.startswith("a request failed: ")
    address = file_data("http://example.org/a.png")
    assert '"success":false' in events(server, "a", [[{"image": address, "caption": None}]])
    assert "received an address" in server.process.stderr.readline()
    for path, body, code in (
        ("queue/join", b"nonsense", 422),
        ("queue/join", b"{}", 422),
        ("queue/join", b'{"data": [], "session_hash": "s"}', 400),
        ("upload", b"--x", 400),
        ("cancel", b"[1]", 422),
        ("file=/etc/passwd", None, 403),
        ("process_recording", b"", 404),
    ):
        request = Request(
            f"{server.url}gradio_api/{path}", body, {"Content-Type": "application/json"}
        )
        with pytest.raises(HTTPError) as error:
            urlopen(request)
        with error.value:
            assert error.value.code == code, path
    assert "two people.png" in answer_to(server, photo, "after")


def test_port_in_use_is_named(server, exports):
    done = run("demo.py", "--web", "--port", server.port, "--weight_file", exports["onnx"])
    assert_one_line_error(done, "demo.py", f"--port {server.port}", "in use")


def test_ctrl_c_leaves_no_file(page, server):
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(30) == 0
    assert server.process.stderr.read() == ""
    assert names(server.folder) <= {".ses"}  # of ONNX Runtime
