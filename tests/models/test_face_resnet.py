"""Tests of dlib's face recognition network against dlib itself."""

import re

import cv2
import keras
import numpy as np
import pytest

from src.errors import UserError
from src.faces.crop import FaceCrop
from src.models import build_model, face_resnet
from src.models.checkpoints import save_checkpoint
from src.models.description import Description
from src.models.transfer import initialised
from tests.models.reference import fill, made_faces


def build(img_size: int, **arguments) -> keras.Model:
    return build_model({"name": "face_resnet", **arguments}, img_size)


@pytest.fixture(scope="module")
def faces():
    """Smooth random images, uint8 (8, 150, 150, 3)."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (8, 6, 6, 3), np.uint8)
    return np.stack([cv2.resize(image, (150, 150)) for image in coarse])


@pytest.fixture(scope="module")
def model(faces):
    pytest.importorskip("face_recognition_models", reason="dlib's weights are an extra")
    architecture = {"name": "face_resnet", "extra_blocks": [0, 0, 1, 1, 1]}
    return initialised(architecture, 150, "dlib", faces)[0]


def embedding_matrix():
    """The last layer of dlib's file, (256, 128), which the toolkit does not use."""
    data = face_resnet.dlib_file().read_bytes()
    start = re.compile(rb"\x01\x02\x02\x00\x01\x01\x80\x01\x01\x01\x01").search(
        data, data.index(b"fc_2")
    )
    return np.frombuffer(data, "<f4", 256 * 128, start.end()).reshape(256, 128)


def test_embeddings_equal_dlibs(model, faces):
    dlib = pytest.importorskip("dlib")
    encoder = dlib.face_recognition_model_v1(str(face_resnet.dlib_file()))
    last = keras.Model(model.inputs, model.get_layer("stage5_block1").output)
    embeddings = last.predict_on_batch(faces).mean(axis=(1, 2)) @ embedding_matrix()
    for face, embedding in zip(faces, embeddings, strict=True):
        expected = encoder.compute_face_descriptor(cv2.cvtColor(face, cv2.COLOR_BGR2RGB))
        np.testing.assert_allclose(embedding, expected, atol=1e-4)


def test_features_start_normalised(model, faces):
    features = keras.Model(model.inputs, model.get_layer("features_norm").output)
    values = features.predict_on_batch(faces)
    varying = values.std(axis=0) > 0.1  # channels that no image excites stay at 0
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(values[:, varying].std(axis=0), 1, atol=0.05)


def test_another_dlib_model_is_rejected():
    pytest.importorskip("face_recognition_models", reason="dlib's weights are an extra")
    wrong = face_resnet.dlib_file().with_name("mmod_human_face_detector.dat")
    with pytest.raises(UserError, match=wrong.name):
        face_resnet.read_dlib(wrong, [(7, 7, 3, 32)])


def test_small_faces_are_rejected():
    with pytest.raises(UserError, match=r"^face_resnet cannot be built for .* 102 pixels"):
        build(102)


def test_extra_blocks_begin_as_identity(tmp_path):
    fewer = {"name": "face_resnet", "extra_blocks": [0, 0, 1, 0, 0]}
    model = build_model(fewer, 103)
    fill(model)
    save_checkpoint(tmp_path / "w.hdf5", model, Description(fewer, FaceCrop(103)))
    more = {"name": "face_resnet", "extra_blocks": [0, 0, 3, 1, 1]}
    deeper, architecture, notice = initialised(more, 103, str(tmp_path / "w.hdf5"))
    assert architecture == more
    assert "heads included" in notice
    assert len(deeper.weights) > len(model.weights)
    images = made_faces(2, 104)[:, :103, :103]
    for a, b in zip(model(images), deeper(images), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_extra_blocks_learn():
    inputs = keras.Input((4, 4, 8))
    model = keras.Model(inputs, face_resnet._block(inputs, 8, False, "extra", is_identity=True))
    model.compile("sgd", loss="mse")
    gamma = model.get_layer("extra_2_norm").gamma
    assert not np.any(gamma)
    images = np.random.default_rng(0).random((2, 4, 4, 8))
    model.train_on_batch(images, 2 * images)
    assert np.any(gamma)
