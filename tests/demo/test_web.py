"""What the page answers, with a detector and an estimator whose answers are known."""

import re
import socket
import struct
import sys
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from src.demo import page, web
from src.errors import UserError
from src.estimation.estimator import Estimates
from src.faces.images import Box, ImageError
from src.labels import AGES

BOXES = [Box(70, 20, 110, 60), Box(10, 10, 50, 50)]


def cut(image, boxes):
    return np.stack([image[box.top : box.bottom, box.left : box.right] for box in boxes])


def estimate(faces):
    """A face's mean brightness is its age, give or take a year; dark ones are female."""
    ages = faces.reshape(len(faces), -1).mean(axis=1).round().astype(int)
    shares = np.zeros((len(faces), len(AGES)), np.float32)
    for years, share in ((-1, 0.25), (0, 0.5), (1, 0.25)):
        shares[np.arange(len(faces)), ages + years] = share
    return Estimates.of(np.where(ages < 50, 0.9, 0.2).astype(np.float32), shares)


def picture(left=20, right=60):
    image = np.zeros((80, 120, 3), np.uint8)
    image[:, :60], image[:, 60:] = left, right
    return image


def upload(folder, image, name="two.png"):
    """A picture where Gradio puts it: in a folder of its own."""
    path = folder / "hash" / name
    path.parent.mkdir()
    cv2.imwrite(str(path), image)
    return path


def png_header(path, width, height):
    """A PNG of 57 bytes that says how large a picture it holds."""
    chunks = (b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), b"IDAT", b"IEND"
    body = b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def test_faces_are_told_from_left_to_right_with_interval_and_probability(tmp_path):
    path = upload(tmp_path, picture())
    _, faces = page.answer_upload(path, lambda image: BOXES, cut, estimate)
    first, second = faces.split("<li>")[1:]
    assert "<p>20 years, 80 % from 19 to 21<br>female, 90 %</p>" in first
    assert "<p>60 years, 80 % from 59 to 61<br>male, 80 %</p>" in second


def test_the_curve_of_a_face_is_its_distribution(tmp_path):
    path = upload(tmp_path, picture())
    _, faces = page.answer_upload(path, lambda image: BOXES, cut, estimate)
    points = re.findall(r'points="(.*?)"', faces)[0].split()
    heights = [30 - float(point.split(",")[1]) for point in points]
    assert len(heights) == 101
    assert heights[19:22] == [14, 28, 14]
    assert sum(heights) == 56


def test_a_picture_without_a_face_is_said_to_have_none(tmp_path):
    def none(faces):
        return Estimates.of(np.empty(0), np.empty((0, len(AGES))))

    path = upload(tmp_path, picture())
    shown, faces = page.answer_upload(path, lambda image: [], lambda *args: None, none)
    assert shown.startswith("<img ")
    assert "No face was found" in faces


def test_an_upload_is_deleted_with_its_folder_when_it_is_answered(tmp_path):
    page.answer_upload(upload(tmp_path, picture()), lambda image: BOXES, cut, estimate)
    assert list(tmp_path.iterdir()) == []


def test_an_upload_that_cannot_be_read_is_named_without_its_place_and_deleted(tmp_path):
    path = upload(tmp_path, picture(), "x.png").rename(tmp_path / "hash" / "<b>.png")
    path.write_text("no picture")
    shown, faces = page.answer_upload(path, None, None, None)
    assert "&lt;b&gt;.png: expected a picture" in shown
    assert str(tmp_path) not in shown
    assert faces == ""
    assert list(tmp_path.iterdir()) == []


def test_pictures_are_upright_as_their_exif_tag_says(tmp_path):
    lying = Image.fromarray(np.zeros((30, 50, 3), np.uint8))
    tags = Image.Exif()
    tags[0x112] = 6  # to be turned right
    lying.save(tmp_path / "turned.jpg", exif=tags)
    assert page.read_upload(tmp_path / "turned.jpg").shape == (50, 30, 3)


@pytest.mark.parametrize("width, height", [(10_000, 5_001), (100_000, 100_000)])
def test_a_small_file_of_too_many_pixels_is_refused_undecoded(tmp_path, width, height):
    png_header(tmp_path / "bomb.png", width, height)
    with pytest.raises(ImageError, match=r"bomb\.png: .* 50 million pixels"):
        page.read_upload(tmp_path / "bomb.png")


def test_a_stream_is_averaged_over_as_many_frames_as_was_asked():
    stream = page.Stream(lambda image: BOXES[1:], cut, estimate, 1)
    for brightness in (20, 40):
        _, faces = stream.answer(picture(left=brightness))
    assert "40 years" in faces


def test_a_face_of_a_stream_is_averaged_until_the_stream_breaks(monkeypatch):
    now = 100.0
    monkeypatch.setattr(page.time, "monotonic", lambda: now)
    stream = page.Stream(lambda image: BOXES[1:], cut, estimate, 30)
    assert not stream.goes_on_with(picture())
    for brightness in (20, 40):
        _, faces = stream.answer(picture(left=brightness))
    assert "30 years" in faces
    now += 1
    assert stream.goes_on_with(picture())
    assert not stream.goes_on_with(picture()[:40])
    now += 2
    assert not stream.goes_on_with(picture())


@pytest.fixture
def environment(monkeypatch):
    """Variables that a server sets are put back."""
    for name in ("GRADIO_TEMP_DIR", "no_proxy"):
        monkeypatch.setenv(name, "")


@pytest.mark.parametrize("host, port", [("127.0.0.1", None), ("127.0.0.1", 70_000), ("a..b", 80)])
def test_an_address_that_cannot_be_had_is_named(host, port):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = port or taken.getsockname()[1]
        with pytest.raises(UserError, match=f"--host {host} --port {port}: expected a free"):
            web.serve(None, None, None, 30, host, port)


def test_without_gradio_it_says_what_to_install(monkeypatch, environment):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(UserError, match="pip install gradio"):
        web.serve(None, None, None, 30, "127.0.0.1", free_port())


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
