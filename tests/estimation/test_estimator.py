"""Estimates from distributions, and from pictures."""

from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from matplotlib import cbook
from PIL import Image

from src.errors import UserError
from src.estimation.estimator import Estimator
from src.faces.crop import FaceCrop
from src.faces.detectors import DEFAULT_DETECTOR
from src.faces.detectors.base import Face
from src.faces.finder import FaceFinder
from src.faces.images import Box, read_image
from src.models import build_model
from src.models.checkpoints import load_checkpoint, save_checkpoint
from src.models.description import Description
from tests.models.reference import creation_order, fill, made_faces, wide_resnet

COUNT = 37  # more than one batch, and no power of two


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "weights.hdf5"
    architecture = {"name": "wide_resnet", "depth": 10, "width": 1}
    model = build_model(architecture, 32)
    fill(model)
    save_checkpoint(path, model, Description(architecture, FaceCrop(32, 0.15)))
    return path


@pytest.fixture(scope="module")
def estimator(checkpoint) -> Estimator:
    return Estimator(checkpoint)


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return made_faces(COUNT, 32)


@pytest.fixture(scope="module")
def estimates(estimator, faces):
    return estimator(faces)


def test_checkpoint_stores_the_crop(estimator):
    assert estimator.crop == FaceCrop(32, 0.15)


def test_one_row_per_face(estimates):
    assert estimates.age.std() > 0.1  # otherwise the tests below could not fail
    assert estimates.age_distribution.shape == (COUNT, 101)
    for values in (estimates.p_female, estimates.age, estimates.age_low, estimates.age_high):
        assert values.shape == (COUNT,)


def test_estimates_follow_the_outputs(checkpoint, faces, estimates):
    model, _ = load_checkpoint(checkpoint)
    gender, age = model.predict_on_batch(faces)
    np.testing.assert_allclose(estimates.p_female, gender[:, 0], atol=1e-4)
    expectations = [sum(year * p for year, p in enumerate(row)) for row in age.astype(float)]
    np.testing.assert_allclose(estimates.age, expectations, atol=1e-3)


def test_interval_is_the_shortest(estimates):
    for row, low, high in zip(
        estimates.age_distribution, estimates.age_low, estimates.age_high, strict=True
    ):
        held = {(i, j): row[i : j + 1].sum() for i in range(101) for j in range(i, 101)}
        assert held[low, high] >= 0.8 - 1e-6
        assert all(mass < 0.8 for (i, j), mass in held.items() if j - i < high - low)


@pytest.mark.parametrize("size", [1, 5, 32])
def test_batch_size_changes_nothing(estimator, faces, estimates, size):
    for start in range(0, COUNT, size):
        part = estimator(faces[start : start + size])
        rows = slice(start, start + size)
        np.testing.assert_allclose(part.age, estimates.age[rows], atol=1e-4)
        np.testing.assert_allclose(part.p_female, estimates.p_female[rows], atol=1e-4)


def test_order_of_faces_changes_nothing(estimator, faces, estimates):
    order = np.random.default_rng(1).permutation(COUNT)
    np.testing.assert_allclose(estimator(faces[order]).age, estimates.age[order], atol=1e-4)


def test_no_face(estimator):
    estimates = estimator(np.empty((0, 32, 32, 3), np.uint8))
    assert estimates.age_distribution.shape == (0, 101)
    for values in (estimates.p_female, estimates.age, estimates.age_low, estimates.age_high):
        assert values.shape == (0,)


def read_weights(path: Path) -> dict[str, list[np.ndarray]]:
    """Weights by layer of a whole model as Keras 2 saved it, in the order its layers were made."""
    with h5py.File(path) as file:
        layers = file["model_weights"]
        named = {
            name: list(map(bytes.decode, layers[name].attrs["weight_names"])) for name in layers
        }
        return {
            layer: [layers[layer][weight][()] for weight in named[layer]]
            for layer in creation_order([layer for layer in layers if named[layer]])
        }


def test_original_weights_on_a_portrait(original_weights):
    path = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    image = cv2.imread(path, cv2.IMREAD_COLOR)
    # A face 209 x 210 pixels large, and 0.4 of that on each side: 83.6 and 84.
    crop = image[134 - 84 : 344 + 84 + 1, int(158 - 83.6) : int(367 + 83.6) + 1]
    face = cv2.resize(crop, (64, 64), interpolation=cv2.INTER_LINEAR)
    weights = read_weights(original_weights)
    ((female, _),), (ages,) = wide_resnet(face[None], weights, pool="8x8", scale=1)

    estimator = Estimator(original_weights)
    box = Box(left=158, top=134, right=367, bottom=344)
    estimates = estimator(estimator.crop.stack(read_image(Path(path)), [Face(box)]))
    assert estimates.p_female[0] == pytest.approx(female, abs=1e-3)
    assert estimates.age[0] == pytest.approx(
        sum(year * ages[year] for year in range(101)), abs=0.01
    )
    np.testing.assert_allclose(estimates.age_distribution[0], ages, atol=1e-3)


def test_predict_takes_paths_arrays_and_lists(portraits, checkpoint):
    """The estimate of a face equals that of its crop."""
    estimator = Estimator(checkpoint)
    path = portraits / "two_people.jpg"
    image = read_image(path)
    found = FaceFinder(DEFAULT_DETECTOR, None, estimator.crop).find(image)
    expected = estimator(found.crops)
    faces = estimator.predict(path)
    assert len(faces) == 2
    for i, face in enumerate(faces):
        assert face.box == found.faces[i].box
        assert face.age == pytest.approx(expected.age[i], abs=1e-3)
        assert face.p_female == pytest.approx(expected.p_female[i], abs=1e-4)
        assert face.gender == ("female" if face.p_female > 0.5 else "male")
        assert face.age_low <= face.age_high and face.age_distribution.shape == (101,)
    blank = np.zeros((50, 60, 3), np.uint8)
    for several in ([str(path), image, blank], (str(path), image, blank)):
        assert [[face.box for face in one] for one in estimator.predict(several)] == [
            [face.box for face in faces],
            [face.box for face in faces],
            [],
        ]


def test_predict_rejects_missing_files(checkpoint, tmp_path):
    with pytest.raises(UserError, match=r"gone\.jpg"):
        Estimator(checkpoint).predict(tmp_path / "gone.jpg")


GREY = np.zeros((40, 40), np.uint8)
PIXELS = np.zeros((40, 40, 3), np.uint8)


@pytest.mark.parametrize(
    "picture, received",
    [
        (GREY, "uint8 (40, 40)"),
        (np.dstack([PIXELS, GREY]), "uint8 (40, 40, 4)"),
        (PIXELS / 255, "float64 (40, 40, 3)"),
        (PIXELS[None], "uint8 (1, 40, 40, 3)"),
        ([PIXELS.tolist()], "int"),
        (Image.fromarray(PIXELS), "Image"),
        (None, "NoneType"),
    ],
)
def test_predict_rejects_other_objects(estimator, picture, received):
    with pytest.raises(UserError) as raised:
        estimator.predict(picture)
    assert str(raised.value).endswith(received)


@pytest.mark.parametrize("options", [{"detector": "haar"}, {"min_face": 0}, {"min_face": -3}])
def test_predict_rejects_invalid_options(estimator, options):
    [(name, value)] = options.items()
    with pytest.raises(UserError, match=f"{name}.*{value}"):
        estimator.predict(PIXELS, **options)


@pytest.mark.parametrize(
    "change",
    [
        lambda faces: faces / 255,  # would be rounded to zeros and ones
        lambda faces: faces.astype(np.uint16) * 256,
        lambda faces: faces[..., :1],  # would be broadcast
        lambda faces: faces[:, :16, :16],
        lambda faces: faces[0],
        list,
    ],
)
def test_other_faces_are_rejected(estimator, faces, change):
    with pytest.raises(UserError, match=r"\(N, 32, 32, 3\)"):
        estimator(change(faces))
