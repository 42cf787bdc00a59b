"""demo.py --web and Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

from tests.helpers import ROOT, allow_ctrl_c

MISSING = [name for name in ("gradio", "selenium") if not find_spec(name)]
MISSING += [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-quic", "--window-size=1200,900", "--hide-scrollbars"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)


@contextmanager
def serving(folder: Path, *args) -> Iterator[SimpleNamespace]:
    """A running demo.py --web; its temporary files are in `folder`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [sys.executable, ROOT / "demo.py", "--web", "--port", port, *args]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
        preexec_fn=allow_ctrl_c,
    ) as process:
        try:
            line = process.stdout.readline()
            assert line == f"http://127.0.0.1:{port}/ (Ctrl-C ends it)\n"
            yield SimpleNamespace(process=process, folder=folder, port=port, url=line.split()[0])
        finally:
            process.kill()


@contextmanager
def chromium(folder: Path, webcam: Path | None = None) -> Iterator:
    """A browser with its profile in `folder` and the file `webcam` as its webcam."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*_FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    if webcam:
        options.add_argument(f"--use-file-for-fake-video-capture={webcam}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def visit(driver, url):
    """Open the page."""
    driver.get(url)
    wait_for(lambda: elements(driver, "input[type=file]"))


def wait_for(condition, seconds=60):
    """The value of `condition` as soon as it is true."""
    from selenium.common.exceptions import StaleElementReferenceException

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(StaleElementReferenceException):  # the page replaces many elements
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


def choose(page, path, kind="image"):
    """Upload a file into the tab of `kind`: image or video."""
    elements(page, f"input[type=file][accept^={kind}]")[0].send_keys(str(path))


def rows(page, table=".faces"):
    """The cells of each row."""
    found = page.find_elements("css selector", f"{table} .virtual-row")
    return [row.text.split("\n") for row in found if row.text.strip()]
