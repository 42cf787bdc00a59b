"""The page's results, with a fake detector and a fake estimator."""

import re
import socket
import struct
import sys
import zlib
from argparse import Namespace

import cv2
import numpy as np
import pytest
from PIL import Image

from src.demo.web import clips, pictures, server, webcam
from src.demo.web.guard import is_served
from src.demo.web.page import Service, model_card
from src.errors import UserError
from src.estimation.estimator import Estimates
from src.faces import finder
from src.faces.crop import FaceCrop
from src.faces.detectors.base import Face
from src.faces.finder import FaceFinder
from src.faces.images import Box, ImageError
from src.labels import AGES
from tests.demo.made import frames, job, write_timed
from tests.helpers import names

BOXES = [Box(70, 20, 110, 60), Box(10, 10, 50, 50)]


@pytest.fixture
def finding(monkeypatch):
    """Finders whose detector finds `boxes`."""

    def make(boxes):
        faces = [Face(box) for box in boxes]
        monkeypatch.setattr(finder, "get_detector", lambda name: lambda image, min_face: faces)
        return FaceFinder("dlib", None, FaceCrop(40, 0.0))

    return make


def estimate(faces):
    """The mean brightness of a face is its age, up to a year; dark faces are female."""
    ages = faces.reshape(len(faces), -1).mean(axis=1).round().astype(int)
    shares = np.zeros((len(faces), len(AGES)), np.float32)
    for years, share in ((-1, 0.25), (0, 0.5), (1, 0.25)):
        shares[np.arange(len(faces)), ages + years] = share
    return Estimates.of(np.where(ages < 50, 0.9, 0.2).astype(np.float32), shares)


def picture(left=20, right=60):
    image = np.zeros((80, 120, 3), np.uint8)
    image[:, :60], image[:, 60:] = left, right
    return image


def service_of(finder, folder, **flags):
    return Service(finder, estimate, job(weight_file=None, **flags).args, folder)


@pytest.fixture
def service(finding, tmp_path):
    return service_of(finding(BOXES), tmp_path)


@pytest.fixture
def result(service, upload):
    return pictures.analyse(service, upload)


@pytest.fixture
def upload(tmp_path):
    cv2.imwrite(str(tmp_path / "two.png"), picture())
    return tmp_path / "two.png"


def png_header(path, width, height):
    """A PNG of 57 bytes with this size in its header."""
    chunks = (b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), b"IDAT", b"IEND"
    body = b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def test_table_has_a_row_per_face(result):
    """From left to right, numbered across pictures."""
    table = pictures.table_of([result, result])
    rows = ["20", "19-21", "female, 90 %"], ["60", "59-61", "male, 80 %"]
    assert table.to_numpy().tolist() == [
        [number + 1, *rows[number % 2], "two.png"] for number in range(4)
    ]


def test_curves_are_the_distributions(result):
    curves = pictures.curves_of(result, first=3)
    first = curves[curves["face"] == "face 3"]
    assert first["age"].tolist() == list(AGES)
    assert first["probability"][19:22].tolist() == [0.25, 0.5, 0.25]
    assert len(curves) == 2 * len(AGES)


def test_sections_mark_the_faces(result):
    (image, places), colours = pictures.sections_of(result, first=5)
    assert [place for place, _ in places] == [(10, 10, 50, 50), (70, 20, 110, 60)]
    assert [label for _, label in places] == ["5: 20 (19-21) F", "6: 60 (59-61) M"]
    for (left, top, _, bottom), label in places:
        red, green, blue = image[(top + bottom) // 2, left]
        assert f"#{red:02x}{green:02x}{blue:02x}" == colours[label]


def test_csv_equals_the_scripts(result):
    lines = pictures.csv_of([result]).decode().splitlines()
    assert lines[0].startswith("file,face,left,top,right,bottom,age,")
    assert lines[1].startswith("two.png,0,10,10,50,50,20.00,19,21,0.9")


def test_unreadable_upload_is_named(service, tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(ImageError, match=r"a\.png"):
        pictures.analyse(service, tmp_path / "a.png")


def test_bad_uploads_leave_the_good_ones(service, upload, tmp_path):
    bad = {"notes.pdf": b"%PDF", "phone.heic": b"\0\0\0\x18ftypheic", "empty.png": b""}
    paths = [upload]
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        paths.insert(0, tmp_path / name)
    _, table, *_, note = pictures.answer(service, [(str(path), None) for path in paths])
    assert table["picture"].tolist() == ["two.png", "two.png"]
    assert all(name in note for name in bad)
    assert str(tmp_path) not in note


def test_uploads_are_upright(tmp_path):
    lying = Image.fromarray(np.zeros((30, 50, 3), np.uint8))
    tags = Image.Exif()
    tags[0x112] = 6  # to be turned right
    lying.save(tmp_path / "turned.jpg", exif=tags)
    assert pictures.read_upload(tmp_path / "turned.jpg").shape == (50, 30, 3)


@pytest.mark.parametrize("width, height", [(10_000, 5_001), (100_000, 100_000)])
def test_huge_uploads_are_rejected_undecoded(tmp_path, width, height):
    png_header(tmp_path / "bomb.png", width, height)
    with pytest.raises(ImageError, match=r"bomb\.png: .* 50 million pixels"):
        pictures.read_upload(tmp_path / "bomb.png")


def ages_of(stream, *brightnesses):
    for brightness in brightnesses:
        result = stream.answer(picture(left=brightness))
    return result.estimates.age.round().tolist()


def test_stream_is_smoothed_until_it_breaks(monkeypatch, finding, tmp_path):
    now = 100.0
    monkeypatch.setattr(webcam.time, "monotonic", lambda: now)
    finder = finding(BOXES[1:])
    assert ages_of(webcam.Stream(service_of(finder, tmp_path, smooth=1)), 20, 40) == [40]
    stream = webcam.Stream(service_of(finder, tmp_path, smooth=30))
    assert not stream.continues_with(picture())
    assert ages_of(stream, 20, 40) == [30]
    now += 1
    assert stream.continues_with(picture())
    assert not stream.continues_with(picture()[:40])
    now += 2
    assert not stream.continues_with(picture())


@pytest.fixture
def clip(tmp_path):
    write_timed(tmp_path / "clip.mp4", [0.1 * i for i in range(12)], images=12 * [picture()])
    return tmp_path / "clip.mp4"


def test_clip_is_annotated_as_by_script(service, clip, tmp_path):
    seen = []
    job = clips.annotate_clip(
        service, clip, tmp_path / "out", lambda result, video: seen.append(result) is None
    )
    assert len(seen) == len(frames(tmp_path / "out" / "clip.mp4")) == 12
    assert names(tmp_path / "out") == {"clip.mp4", "clip.tracks.csv", "clip.tracks", "faces.csv"}
    rows, faces = clips.tracks_of(tmp_path / "out" / "clip.tracks.csv")
    rows_by_age = sorted(rows, key=lambda row: int(row[2]))
    assert [row[1::3] for row in rows_by_age] == [["0.0-1.1", "female"], ["0.0-1.1", "male"]]
    assert [int(row[2]) for row in rows_by_age] == pytest.approx([20, 60], abs=5)  # compression
    assert [caption for _, caption in faces] == [
        f"{number}: {age} ({interval}) {gender[0].upper()}"
        for number, _, age, interval, gender in rows
    ]
    assert job.video.problem == ""


def test_stopped_clip_keeps_its_frames(service, clip, tmp_path):
    clips.annotate_clip(
        service, clip, tmp_path / "out", lambda result, video: result.picture.time < 0.45
    )
    assert len(frames(tmp_path / "out" / "clip.mp4")) == 6


def test_long_clip_ends_at_the_limit(monkeypatch, service, clip, tmp_path):
    monkeypatch.setattr(clips, "MAX_VIDEO_SECONDS", 0.25)
    clips.annotate_clip(service, clip, tmp_path / "out", lambda result, video: True)
    assert len(frames(tmp_path / "out" / "clip.mp4")) == 4


def test_clip_deleted_while_waiting_is_named(service, clip):
    clip.unlink()
    *_, note = clips._answer(service, str(clip), None)
    assert "upload it again" in note


def test_playlist_is_not_a_clip(service, clip, tmp_path):
    """FFmpeg would open the files that it names."""
    for name, text in (
        ("list.mp4", f"#EXTM3U\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n"),
        ("concat.mp4", f"ffconcat version 1.0\nfile {clip.name}\n"),
        ("G.ts", "G" + 187 * " " + "#EXTM3U"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(UserError, match=name):
            clips.annotate_clip(service, tmp_path / name, tmp_path / "out", None)


def test_clip_of_large_frames_is_refused(monkeypatch, service, clip, tmp_path):
    monkeypatch.setattr(clips, "MAX_VIDEO_PIXELS", 120 * 80 - 1)
    with pytest.raises(UserError, match="120x80"):
        clips.annotate_clip(service, clip, tmp_path / "out", None)


@pytest.mark.parametrize("name", ["clip.avi", "clip.mkv", "clip.webm", "clip.ts", "clip.mov"])
def test_clips_of_all_containers_are_read(service, tmp_path, name):
    codec = "libvpx" if name.endswith("webm") else "libx264"
    write_timed(tmp_path / name, [0, 0.1], codec, images=2 * [picture()])
    job = clips.annotate_clip(service, tmp_path / name, tmp_path / "out", lambda *_: True)
    assert (tmp_path / "out" / "faces.csv").read_text().count("frame000001") == 2
    assert job.video.problem == ""


def test_model_card_needs_no_other_page(service):
    card = model_card(service)
    assert "## Limitations" in card and "license_name" not in card
    assert set(re.findall(r"\]\((\w+:)?", card)) == {"https:"}


@pytest.mark.parametrize(
    "path, served",
    [
        *(("/", True), ("/config", True), ("/assets/index.js", True), ("/theme.css", True)),
        *(("/gradio_api/upload", True), ("/gradio_api/queue/join", True)),
        *(("/gradio_api/file=/tmp/x/image.webp", True), ("/gradio_api/stream/ab12", True)),
        *(("/login", False), ("/gradio_api/deep_link", False), ("/docs", False)),
        *(("/gradio_api/process_recording", False), ("/gradio_api/runs", False)),
        *(("/gradio_api/run/predict", False), ("/gradio_api/proxy=http://a", False)),
    ],
)
def test_only_page_routes_are_served(path, served):
    assert is_served(path) is served


@pytest.fixture
def environment(monkeypatch):
    """Restores the variables that a server sets."""
    for name in ("GRADIO_TEMP_DIR", "no_proxy"):
        monkeypatch.setenv(name, "")


@pytest.mark.parametrize("host, port", [("127.0.0.1", None), ("127.0.0.1", 70_000), ("a..b", 80)])
def test_unavailable_address_is_named(host, port):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = port or taken.getsockname()[1]
        with pytest.raises(UserError, match=f"--host {host} --port {port}: expected a free"):
            server.serve(None, None, Namespace(host=host, port=port))


def test_missing_gradio_is_named(monkeypatch, environment):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(UserError, match="pip install gradio"):
        server.serve(None, None, Namespace(host="127.0.0.1", port=free_port()))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
