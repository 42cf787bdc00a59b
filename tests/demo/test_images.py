"""Images by name, in folders, by address and from standard input."""

import io
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from src.demo.sources.images import folder_images, named_images
from src.errors import UserError
from tests.helpers import make_picture


def test_folder_is_listed_by_name(tmp_path):
    for name in ("b.png", "a.jpg", "c.bmp", "inner/d.jpg"):
        make_picture(tmp_path / name)
    assert folder_images(tmp_path)[0] == {
        name: tmp_path / name for name in ("a.jpg", "b.png", "c.bmp")
    }
    assert list(folder_images(tmp_path, recursive=True)[0])[-1] == "inner/d.jpg"


@pytest.mark.parametrize(
    "name",
    ["A.JPG", "c.Png", "e.tif", "Zoë 日本.jpg", "f.jfif", "g.avif", "h.gif", "i.jp2", "j.HEIC"],
)
def test_images_are_known_by_extension(tmp_path, name):
    (tmp_path / name).touch()
    assert list(folder_images(tmp_path)[0]) == [name]


def test_images_are_known_by_content(tmp_path):
    make_picture(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").rename(tmp_path / "IMG_0004")
    assert list(folder_images(tmp_path)[0]) == ["IMG_0004"]


def test_other_files_are_counted(tmp_path):
    make_picture(tmp_path / "a.jpg")
    for name in ("notes.txt", "faces.csv", "jpg"):
        (tmp_path / name).write_text("text")
    images, others = folder_images(tmp_path)
    assert (list(images), others) == (["a.jpg"], 3)


def test_linked_folders_are_followed_once(tmp_path):
    make_picture(tmp_path / "photos" / "real" / "a.jpg")
    make_picture(tmp_path / "elsewhere" / "b.jpg")
    for name in ("more", "more2"):
        (tmp_path / "photos" / name).symlink_to("../elsewhere")
    images, _ = folder_images(tmp_path / "photos", recursive=True)
    assert list(images) == ["more/b.jpg", "real/a.jpg"]


def test_output_folder_is_not_searched(tmp_path):
    for name in ("a.jpg", "out/a.jpg", "out/inner/a.jpg"):
        make_picture(tmp_path / name)
    for outputs in (
        [tmp_path / "out"],
        [tmp_path / "." / "out"],
        [tmp_path / "out", tmp_path / "x"],
    ):
        images, _ = folder_images(tmp_path, recursive=True, outputs=tuple(outputs))
        assert list(images) == ["a.jpg"]


def test_named_images_keep_their_order(tmp_path):
    paths = [tmp_path / name for name in ("b.jpg", "inner/a.jpg", "inner/b.jpg")]
    for path in paths:
        make_picture(path)
    assert list(named_images(map(str, paths[:2]), tmp_path).items()) == [
        ("b.jpg", paths[0]),
        ("a.jpg", paths[1]),
    ]
    with pytest.raises(UserError, match=r"b\.jpg and .*inner.b\.jpg"):
        named_images(map(str, paths), tmp_path)


def test_images_in_subfolders_are_mentioned(tmp_path):
    make_picture(tmp_path / "inner" / "a.jpg")
    with pytest.raises(UserError, match=r"1: pass --recursive"):
        folder_images(tmp_path)


def test_patterns_are_expanded(tmp_path):
    for name in ("b.jpg", "a.jpg", "c.png"):
        make_picture(tmp_path / name)
    assert list(named_images([str(tmp_path / "*.jpg")], tmp_path)) == ["a.jpg", "b.jpg"]


def test_image_on_standard_input(tmp_path, monkeypatch):
    make_picture(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    [(name, path)] = named_images(["-"], tmp_path).items()
    assert (name, path.read_bytes()) == ("stdin", content)


@pytest.fixture
def address(tmp_path):
    """The address of a server of the test's folder."""
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_image_by_address(tmp_path, address):
    make_picture(tmp_path / "a b.jpg")
    (tmp_path / "downloads").mkdir()
    [(name, path)] = named_images([f"{address}/a%20b.jpg?size=1"], tmp_path / "downloads").items()
    assert name == "a b.jpg"
    assert path.read_bytes() == (tmp_path / "a b.jpg").read_bytes()
    with pytest.raises(UserError, match=r"nowhere\.jpg could not be read"):
        named_images([f"{address}/nowhere.jpg"], tmp_path)
