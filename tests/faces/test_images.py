import io

import cv2
import numpy as np
import pytest
from PIL import Image

from src.faces.images import (
    Box,
    ImageError,
    crop_with_margin,
    decode_image,
    jpeg_reduction,
    read_image,
)
from src.thumbnails import shrink

HEIGHT, WIDTH = 30, 40
ORIENTATION = 0x0112  # the EXIF tag


@pytest.fixture
def image():
    """A smooth random image, RGB."""
    noise = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    return cv2.resize(noise, (WIDTH, HEIGHT))


def assert_near(image, rgb, most=8):
    """`image`, BGR, must equal `rgb` up to JPEG's losses."""
    assert image.dtype == np.uint8
    assert image.shape == rgb.shape
    assert np.abs(image[:, :, ::-1].astype(int) - rgb).max() <= most


def test_grey_transparent_and_cmyk_images(image, tmp_path):
    alpha, grey = np.full((HEIGHT, WIDTH, 1), 100, np.uint8), image[:, :, 0]
    three = np.dstack([grey] * 3)
    for stored, rgb in ((image, image), (grey, three), (np.dstack([image, alpha]), image)):
        Image.fromarray(stored).save(tmp_path / "a.png")
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), rgb[:, :, ::-1])
    Image.fromarray(image).convert("CMYK").save(tmp_path / "a.jpg", quality=100)
    assert_near(read_image(tmp_path / "a.jpg"), image)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda image: image),
        (2, lambda image: image[:, ::-1]),
        (3, lambda image: image[::-1, ::-1]),
        (4, lambda image: image[::-1]),
        (5, lambda image: image.transpose(1, 0, 2)),
        (6, lambda image: np.rot90(image, -1)),
        (7, lambda image: image[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda image: np.rot90(image)),
    ],
)
def test_exif_orientation_is_applied(image, tmp_path, orientation, upright):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(image).save(tmp_path / "a.jpg", quality=100, subsampling=0, exif=exif)
    assert_near(read_image(tmp_path / "a.jpg"), upright(image))


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_keep_the_upper_eight(image, tmp_path, channels):
    wide = image[:, :, :channels].astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "a.png"), wide)  # Pillow writes no 16-bit colour
    expected = np.broadcast_to(image[:, :, :channels], image.shape)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.98])
@pytest.mark.parametrize(
    ("name", "options"),
    [("a.jpg", {}), ("a.jpg", {"progressive": True}), ("a.png", {})],
    ids=["jpeg", "progressive", "png"],
)
def test_image_cut_short_is_refused(image, tmp_path, name, options, share):
    path = tmp_path / name
    Image.fromarray(cv2.resize(image, (400, 300))).save(path, **options)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ImageError, match=name):
        read_image(path)


def test_bright_pixels_do_not_darken_the_image(tmp_path):
    """Up to one pixel of 1,000 may exceed the bit depth of the others, and becomes white."""
    image = np.full((100, 100, 3), 2000, np.uint16)  # of 12 bits
    image[0, :10] = 60_000
    cv2.imwrite(str(tmp_path / "a.png"), image)
    expected = np.full(image.shape, 2000 >> 4)
    expected[0, :10] = 255
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)
    image[1] = 60_000
    cv2.imwrite(str(tmp_path / "a.png"), image)
    assert (read_image(tmp_path / "a.png")[2] == 2000 >> 8).all()


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_depths_between_8_and_16(tmp_path, bits):
    image = np.arange(1 << bits, dtype=np.uint16).reshape(32, -1)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    assert (read_image(tmp_path / "a.png")[..., 0] == image >> (bits - 8)).all()


@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
@pytest.mark.parametrize(("orientation", "sides"), [(1, (403, 301)), (6, (400, 304))])
def test_reduced_jpeg(image, orientation, sides, reduction):
    """Sides are rounded up; pixels are means of squares of the full image's."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = io.BytesIO()
    smooth = cv2.resize(image, sides, interpolation=cv2.INTER_CUBIC)
    Image.fromarray(smooth).save(file, "JPEG", quality=95, exif=exif)
    full = decode_image(file.getvalue(), "a.jpg")
    reduced = decode_image(file.getvalue(), "a.jpg", reduction)
    found = []
    jpeg_reduction(file.getvalue(), lambda sides: found.append(tuple(sides)) or 1)
    assert found[0] == sides[::-1]
    assert reduced.shape[:2] == tuple(-(-side // reduction) for side in full.shape[:2])
    height, width = (side // reduction for side in full.shape[:2])
    whole = full[: height * reduction, : width * reduction]
    expected = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    assert_near(reduced[:height, :width], expected[..., ::-1], 4)


@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_avif_is_upright(image, tmp_path, orientation):
    """Pillow stores the orientation as rotation and mirroring of the file."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(image).save(tmp_path / "a.png", exif=exif)
    Image.fromarray(image).save(tmp_path / "a.avif", quality=100, exif=exif)
    assert_near(read_image(tmp_path / "a.avif"), read_image(tmp_path / "a.png")[..., ::-1], 24)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cut short"),
        (b"not an image\n" * 20, "cut short"),
        (b"\0\0\0\x1cftypheic\0\0\0\0mif1heic" + bytes(100), "HEIC.*convert"),
    ],
    ids=["empty", "text", "heic"],
)
def test_other_file_is_named(tmp_path, content, message):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ImageError, match=rf"a\.jpg.*{message}"):
        read_image(tmp_path / "a.jpg")


def test_missing_differs_from_unreadable(tmp_path):
    with pytest.raises(ImageError, match=str(tmp_path)):
        read_image(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "none.jpg")


def original_crop(image, box, margin):
    """The crop of the original toolkit's demo."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = box
    w, h = x2 - x1, y2 - y1
    xw1, yw1 = max(int(x1 - margin * w), 0), max(int(y1 - margin * h), 0)
    xw2, yw2 = min(int(x2 + margin * w), width - 1), min(int(y2 + margin * h), height - 1)
    return image[yw1 : yw2 + 1, xw1 : xw2 + 1]


@pytest.mark.parametrize("margin", [0, 0.4, 1.3])
def test_crop_equals_the_originals(margin):
    """Boxes anywhere, many of them at the border or past it."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    for _ in range(200):
        left, top = rng.integers(-10, WIDTH - 1), rng.integers(-10, HEIGHT - 1)
        right, bottom = max(left, 0) + rng.integers(1, 25), max(top, 0) + rng.integers(1, 25)
        box = Box(*map(int, (left, top, right, bottom)))
        crop = crop_with_margin(image, box, margin)
        np.testing.assert_array_equal(crop, original_crop(image, box, margin))


@pytest.mark.parametrize("size", [(6, 3000), (3000, 6), (1, 5000)])
def test_thin_images_are_shrunk(size):
    assert max(shrink(np.zeros((*size, 3), np.uint8), 224).shape) == 224


@pytest.mark.parametrize("name, white", [("a.hdr", 1), ("a.pfm", 255)])
def test_float_images_are_scaled(tmp_path, name, white):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.float32)
    image[..., 1:] = image[..., :1]  # HDR stores one exponent for the three colours
    cv2.imwrite(str(tmp_path / name), image * (white / 255))
    np.testing.assert_allclose(read_image(tmp_path / name), image, atol=2)
