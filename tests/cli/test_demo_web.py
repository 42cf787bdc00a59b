"""demo.py --web in Chromium, with images, clips, a (fake) webcam and the API."""

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

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
def portrait(photo):
    path = photo.with_name("portrait.png")
    cv2.imwrite(str(path), hopper())
    return path


@pytest.fixture(scope="module")
def expected(photo, exports):
    """The boxes of the photo's faces, from left to right, and their estimates."""
    estimator = Estimator(exports["onnx"])
    image = read_image(photo)
    found = FaceFinder(DEFAULT_DETECTOR, None, estimator.crop).find(image).faces
    found = sorted(found, key=lambda face: face.box)
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


def shown(page):
    """The annotated image, once it is painted."""
    [image] = wait_for(lambda: elements(page, ".shown img"))
    wait_for(lambda: image.rect["width"] > 250)
    return image


def click_at(page, element, x, y):
    """Click at a share of an element's width and height."""
    from selenium.webdriver.common.action_chains import ActionChains

    size = element.size
    chain = ActionChains(page)
    chain.move_to_element_with_offset(
        element, round((x - 0.5) * size["width"]), round((y - 0.5) * size["height"])
    )
    chain.click().perform()


def sides_are_drawn(shot, box, scale, colour):
    """Whether pixels at the middle of both upright sides of a box have the gender's colour."""
    y = round((box.top + box.bottom) / 2 * scale)
    for x in (round(box.left * scale), round(box.right * scale)):
        if np.abs(shot[y, max(x - 3, 0) : x + 4].astype(int) - colour).max(axis=1).min() > 60:
            return False
    return True


def test_uploaded_image_has_results(page, expected, photo):
    boxes, estimates = expected
    choose(page, photo)
    found = wait_for(lambda: rows(page))
    for i, (number, age, interval, gender) in enumerate(found):
        assert number == str(i + 1)
        assert age == f"{estimates.age[i]:.1f}"
        assert interval == f"{estimates.age_low[i]}-{estimates.age_high[i]}"
        assert gender.startswith(GENDERS[estimates.gender[i]])
    image = shown(page)
    time.sleep(1)  # until it is painted
    shot = cv2.imdecode(np.frombuffer(image.screenshot_as_png, np.uint8), cv2.IMREAD_COLOR)
    for i, box in enumerate(boxes):
        is_certain = estimates.gender_distribution[i].max() >= 0.8
        colour = COLOURS[estimates.gender[i]] if is_certain else (85, 85, 85)
        assert sides_are_drawn(shot, box, shot.shape[1] / 960, colour)


def label_of_chart(page):
    return elements(page, "body", "Probability of each age")[0].text


def test_click_chooses_face_in_image_and_table(page, photo, expected):
    choose(page, photo)
    wait_for(lambda: len(rows(page)) == 2)
    box = expected[0][1]
    x, y = (box.left + box.right) / 2 / 960, (box.top + box.bottom) / 2 / 564
    click_at(page, shown(page), x, y)
    wait_for(lambda: "each age, face 2" in label_of_chart(page))
    page.find_elements("css selector", ".faces .virtual-row [role=gridcell]")[0].click()
    wait_for(lambda: "each age, face 1" in label_of_chart(page))


def test_thumbnail_after_unreadable_file_shows_its_own_faces(page, photo, portrait, tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    choose(page, "\n".join(map(str, (photo, tmp_path / "text.jpg", portrait))))
    wait_for(lambda: len(rows(page)) == 2)
    wait_for(lambda: len(elements(page, ".mark-line path")) == 2)
    assert elements(page, "[role=alert]", "text.jpg: expected an image")
    wait_for(lambda: elements(page, ".uploads .thumbnail-item"))[2].click()
    wait_for(lambda: len(rows(page)) == 1)
    wait_for(lambda: len(elements(page, ".mark-line path")) == 1)  # curves
    width, height = page.execute_script(
        "const i = arguments[0]; return [i.naturalWidth, i.naturalHeight]", shown(page)
    )
    assert width < height  # the portrait


def test_image_without_faces_has_neither_chart_nor_csv(page, tmp_path):
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((200, 300, 3), 127, np.uint8))
    choose(page, tmp_path / "grey.png")
    wait_for(lambda: elements(page, "[role=alert]", "grey.png: no face was found"))
    assert "Infinity" not in page.page_source
    assert not elements(page, "body", "Probability of each age")
    assert not elements(page, "a[download='faces.csv']")


@pytest.mark.parametrize("screen", [PHONE, {**PHONE, "width": 1300, "mobile": False}])
def test_page_fits_phone_and_desktop(page, photo, screen):
    """The results are below the image on a phone, and next to it on a wide screen."""
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        choose(page, photo)
        wait_for(lambda: rows(page))
        image = shown(page)
        overflow = "return arguments[0].scrollWidth - arguments[0].clientWidth"
        for element in page.find_elements("css selector", "html, .faces .virtual-table-viewport"):
            assert page.execute_script(overflow, element) <= 0
        [table] = page.find_elements("css selector", ".faces")
        assert screen["width"] / 2.5 < image.rect["width"] < screen["width"]
        below = table.rect["y"] > image.rect["y"] + image.rect["height"]
        assert below is (screen["width"] == PHONE["width"])
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_clip_is_annotated(page, portraits, tmp_path):
    """The annotated clip plays, its tracks are listed, and files can be downloaded."""
    press(page, "Video")
    choose(page, portraits / "clip.mp4", "video")
    [track] = wait_for(lambda: rows(page, ".tracks"))
    assert track[:3] == ["1", "0.0", "4.0"]
    [clip] = wait_for(lambda: elements(page, ".clip video"))
    properties = "return [arguments[0].duration, arguments[0].videoWidth]"
    duration, width = wait_for(
        lambda: (found := page.execute_script(properties, clip))[0] and found[1] and found
    )
    assert (round(duration, 1), width) == (4.0, 192)
    downloads = {"behavior": "allow", "downloadPath": str(tmp_path)}
    page.execute_cdp_cmd("Browser.setDownloadBehavior", downloads)
    headers = {"clip.tracks.csv": "track,from,to,", "faces.csv": "file,face,left,"}
    for name, header in headers.items():
        elements(page, f"a[download='{name}']")[-1].click()
        wait_for((tmp_path / name).is_file)
        assert (tmp_path / name).read_text().startswith(header)


def test_webcam_has_results(page):
    press(page, "Webcam")
    press(page, "Click to Access Webcam")
    press(page, "Record")
    image = wait_for(lambda: elements(page, ".live img"))[0].get_attribute("src")
    wait_for(lambda: elements(page, ".live img")[0].get_attribute("src") != image)
    wait_for(lambda: elements(page, ".live", "frames per second"))
    buttons = page.find_elements("css selector", ".live button")
    labels = {button.get_attribute("aria-label") for button in buttons}
    assert "Fullscreen" in labels and "Share" not in labels
    press(page, "Stop")


def test_page_loads_nothing_external(page, photo):
    choose(page, photo)
    wait_for(lambda: rows(page))
    hosts = set()
    for entry in page.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            hosts.add(urlsplit(message["params"]["request"]["url"]))
    requested = {url.hostname for url in hosts if url.scheme in ("http", "https", "ws", "wss")}
    assert requested == {"127.0.0.1"}


def test_api_names_unreadable_file(server, tmp_path):
    """In one line: `test_ctrl_c_leaves_no_file` finds no traceback."""
    from gradio_client import Client, handle_file

    (tmp_path / "text.jpg").write_text("no image")
    client = Client(server.url, verbose=False)
    with pytest.raises(Exception, match=r"text\.jpg: expected an image"):
        client.predict(image=handle_file(tmp_path / "text.jpg"), api_name="/predict")


def test_api_has_named_parameters_and_json(server, photo, expected):
    """Ten programs at once, by the lines of docs/web.md."""
    from gradio_client import Client, handle_file

    def predict(_):
        client = Client(server.url, verbose=False)
        return client.predict(image=handle_file(photo), api_name="/predict")

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(predict, range(5)))
    assert all(answer == answers[0] for answer in answers)
    assert [face["face"] for face in answers[0]] == [1, 2]
    ages = [face["age"] for face in answers[0]]
    np.testing.assert_allclose(ages, expected[1].age, atol=0.01)


def test_port_in_use_is_named(server, exports):
    done = run("demo.py", "--web", "--port", server.port, "--weight_file", exports["onnx"])
    assert_one_line_error(done, "demo.py", "port", server.port)


def test_ctrl_c_leaves_no_file(page, server):
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(30) == 0
    assert "Traceback" not in server.process.stderr.read()
    assert names(server.folder) <= {".ses"}  # of ONNX Runtime
