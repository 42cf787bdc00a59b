#!/usr/bin/env python3
"""Generates the screenshots of docs/pictures/, with the shipped weights: `make pictures`.

The people are Barack Obama (51 years, December 2012) and Joe Biden (67, May 2010) on photographs
of the White House by Pete Souza, in the public domain, from the tests of face_recognition.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.cli.browser import PHONE, choose, chromium, elements, press, rows, serving, wait_for
from tests.cli.browser import visit as visit_page
from tests.demo.made import frames, write_timed
from tests.helpers import ROOT

PHOTOS = ROOT / "data" / "face_recognition-1.3.0" / "tests" / "test_images"
PEOPLE = {"obama.jpg": (91, 783), "biden.jpg": (59, 911)}  # left end and width of the part
PICTURES = ROOT / "docs" / "pictures"
WIDE = {"width": 1400, "height": 900, "deviceScaleFactor": 1, "mobile": False}
_MAX_BYTES = 150_000
_CLIP = 450, 800  # height and width of the clip's frames
_SECONDS, _RATE = 4, 15


def save(name: str, image: np.ndarray) -> None:
    """As JPEG, of at most `_MAX_BYTES`."""
    PICTURES.mkdir(exist_ok=True)
    for quality in range(90, 30, -5):
        _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if len(content) <= _MAX_BYTES:
            break
    (PICTURES / name).write_bytes(content)
    print(f"{PICTURES / name}: {len(content):,} bytes")


def two_people() -> np.ndarray:
    """Both portraits next to each other, uint8 (600, 1112, 3), BGR."""
    width, height = 556, 600
    parts = []
    for name, (left, side) in PEOPLE.items():
        image = cv2.imread(str(PHOTOS / name))
        part = image[: side * height // width, left : left + side]
        parts.append(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA))
    return np.hstack(parts)


def pan(image: np.ndarray) -> Iterator[np.ndarray]:
    """Frames of a camera that pans over the portraits."""
    height, width = _CLIP
    for left in np.linspace(0, image.shape[1] - width, _SECONDS * _RATE).round().astype(int):
        yield np.ascontiguousarray(image[:height, left : left + width])


def file_of(page, selector: str, folder: Path) -> Path:
    """A copy of the picture or video that an element of the page shows."""
    url = wait_for(lambda: elements(page, selector)[0].get_attribute("src"))
    with urlopen(url) as answer:
        path = folder / url.rpartition("/")[2]
        path.write_bytes(answer.read())
    return path


def visit(page, url: str, screen: dict, dark: bool = False) -> None:
    use_screen(page, screen, dark)
    visit_page(page, url)


def use_screen(page, screen: dict, dark: bool = False) -> None:
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def shot(page, screen: dict) -> np.ndarray:
    """The whole page, however long, uint8 (H, W, 3), BGR."""
    height = page.execute_script("return document.documentElement.scrollHeight")
    whole = {**screen, "height": height}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", whole)
    wait_for(lambda: page.execute_script("return document.fonts.status") == "loaded")
    page.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 1000))")
    return cv2.imdecode(np.frombuffer(page.get_screenshot_as_png(), np.uint8), cv2.IMREAD_COLOR)


def take_page(page, url: str, folder: Path) -> None:
    visit(page, url, WIDE)
    upload(page, folder)
    save("faces.jpg", cv2.imread(str(file_of(page, ".shown img", folder))))
    save("page.jpg", shot(page, WIDE))

    phones = []
    for dark in (False, True):
        visit(page, url, PHONE, dark)
        upload(page, folder)
        phones.append(shot(page, PHONE))
    height = min(phone.shape[0] for phone in phones)
    save("page_phone.jpg", np.hstack([phone[:height] for phone in phones]))

    visit(page, url, WIDE, dark=True)
    press(page, "Video")
    choose(page, folder / "clip.mp4", "video")
    wait_for(lambda: rows(page, ".tracks"), 300)
    annotated = file_of(page, ".clip video", folder / "annotated")
    save("video.jpg", frames(annotated)[_SECONDS * _RATE // 2])
    clip = elements(page, ".clip video")[0]
    page.execute_script("arguments[0].currentTime = arguments[1]", clip, _SECONDS / 2)
    save("page_video.jpg", shot(page, WIDE))


def take_report(page, report: Path) -> None:
    """The plots alone."""
    use_screen(page, {**WIDE, "width": 1100})
    page.get(report.resolve().as_uri())
    heading = elements(page, "h2", "Plots")[0]
    page.execute_script("arguments[0].scrollIntoView()", heading)
    png = np.frombuffer(page.get_screenshot_as_png(), np.uint8)
    save("report.jpg", cv2.imdecode(png, cv2.IMREAD_COLOR))


def upload(page, folder: Path) -> None:
    choose(page, folder / "portraits.jpg")
    wait_for(lambda: rows(page), 120)
    wait_for(lambda: elements(page, ".shown img")[0].rect["height"] > 100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--report", type=Path, help="report.html of evaluate.py, whose plots report.jpg shows"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = two_people()
        cv2.imwrite(str(folder / "portraits.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 92])
        images = list(pan(image))
        times = [i / _RATE for i in range(len(images))]
        write_timed(folder / "clip.mp4", times, rate=_RATE, images=images)
        (folder / "annotated").mkdir()
        with chromium(folder) as page:
            with serving(folder) as server:
                take_page(page, server.url, folder)
            if args.report:
                take_report(page, args.report)


if __name__ == "__main__":
    main()
