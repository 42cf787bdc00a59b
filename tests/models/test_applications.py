"""src/models/applications.py against keras.applications as documented by Keras."""

import keras
import numpy as np
import pytest
from keras import applications

from src.errors import UserError
from src.models import build_model, find_network
from src.models.applications import _prepared, load_imagenet
from tests.models.reference import fill, made_faces

# A network per kind of preprocessing, and the preprocessing of its family.
PREPARED = {
    "VGG16": applications.vgg16.preprocess_input,  # BGR less its mean
    "MobileNet": applications.mobilenet.preprocess_input,  # -1..1
    "DenseNet121": applications.densenet.preprocess_input,  # standardised
    "MobileNetV3Small": applications.mobilenet_v3.preprocess_input,  # by its own layers
}
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, R, G, B


def reaches(model: keras.Model, layer: keras.Layer, faces: np.ndarray) -> np.ndarray:
    """The input of a layer for faces as the input of the model."""
    return keras.Model(model.inputs, layer.input).predict_on_batch(faces)


def rgb(faces: np.ndarray) -> np.ndarray:
    return faces[..., ::-1].astype(np.float32)


@pytest.mark.parametrize("name", PREPARED)
def test_preprocessing_of_each_family(name):
    inputs, faces = keras.Input((32, 32, 3)), made_faces(2, 32)
    prepared = keras.Model(inputs, _prepared(inputs, getattr(applications, name)))
    found = prepared.predict_on_batch(faces)
    np.testing.assert_allclose(found, PREPARED[name](rgb(faces)), atol=1e-4)


@pytest.fixture
def download(monkeypatch, tmp_path):
    """A file of made-up weights of EfficientNetB0, in place of Keras's download."""
    made = applications.EfficientNetB0(include_top=False, weights=None)
    fill(made)
    [standardise] = [la for la in made.layers if isinstance(la, keras.layers.Normalization)]
    # ImageNet's file stores the deviation as the variance; Keras then scales once more.
    standardise.set_weights([np.array(MEAN), np.array(DEVIATION), np.array(0)])
    made.save_weights(tmp_path / "made.weights.h5")

    def get_file(*_, **__):
        return str(tmp_path / "made.weights.h5")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)


def test_imagenet_weights_see_keras_inputs(download):
    model = build_model({"name": "EfficientNetB0"}, 32)
    load_imagenet(model)
    other = applications.EfficientNetB0(
        include_top=False, weights="imagenet", input_shape=(32, 32, 3)
    )
    faces = made_faces(2, 32)
    given = reaches(model, model.get_layer("stem_conv"), faces)
    expected = reaches(other, other.get_layer("stem_conv"), rgb(faces))
    assert abs(expected).max() > 1
    np.testing.assert_allclose(given, expected, atol=1e-4)
    for layer in other.layers:
        if not isinstance(layer, keras.layers.Normalization):
            taken = model.get_layer(layer.name).get_weights() if layer.weights else []
            for a, b in zip(taken, layer.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)


def test_failed_download_is_one_line(monkeypatch):
    def get_file(*_, **__):
        raise Exception("URL fetch failure on https://storage: None --\n[Errno -2] unknown")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    with pytest.raises(UserError, match=r"^--init imagenet: .* MobileNet; .* URL [^\n]*Errno -2"):
        load_imagenet(build_model({"name": "MobileNet"}, 32))


def test_small_images_are_rejected():
    with pytest.raises(UserError, match=r"^VGG16 cannot be built .* 16 pixels; [^\n]*32x32"):
        build_model({"name": "VGG16"}, 16)


@pytest.mark.parametrize("text", ["EfficientNetB3", "efficientnetb3", "ResNet50", "RESNET50"])
def test_names_in_any_case(text):
    name = find_network(text).arguments["name"]
    assert name.lower() == text.lower() and callable(getattr(applications, name))


def test_own_networks_come_first():
    assert find_network("resnet50").arguments == {"depth": 50}


def test_unknown_name_gets_a_suggestion():
    with pytest.raises(UserError, match=r"received eficientnetb3; did you mean EfficientNetB3\?"):
        find_network("eficientnetb3")
