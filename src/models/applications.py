"""Networks of keras.applications with two heads: https://keras.io/api/applications."""

import sys

import keras
from keras.applications import imagenet_utils

from ..files import wrap_read_errors


def build(faces: keras.KerasTensor, name: str, dropout: float = 0.0) -> keras.KerasTensor:
    """Features, the averages of the last map, of faces (N, S, S, 3), BGR, 0..255.

    name: of a function of keras.applications.  dropout: dropout rate of the features.
    """
    function = getattr(keras.applications, name)
    trunk = function(
        include_top=False,
        weights=None,
        input_tensor=_prepared(faces, function),
        input_shape=faces.shape[1:],
        pooling="avg",
    )
    return keras.layers.Dropout(dropout)(trunk.output)


def _prepared(faces: keras.KerasTensor, function) -> keras.KerasTensor:
    """Faces in the channel order and range that the network's family expects."""
    family = sys.modules[function.__module__]
    prepared = family.preprocess_input(faces[..., ::-1])
    if family.__name__.endswith(".efficientnet"):
        # EfficientNet standardizes in its first layers, with statistics that only its ImageNet
        # weights contain. Those layers stay at their initial identity, and faces are standardized
        # here, so that the network is the same with and without the ImageNet weights.
        prepared = 255 * imagenet_utils.preprocess_input(prepared, mode="torch")
    return prepared


def load_imagenet(model: keras.Model) -> None:
    """Set the weights of a network, except its heads, to weights that Keras downloads.

    Raises `UserError` if the download fails.
    """
    function = getattr(keras.applications, model.name)
    with wrap_read_errors("--init imagenet", f"a download of the weights of {model.name}"):
        trunk = function(include_top=False, weights="imagenet", input_shape=(224, 224, 3))
    sources, targets = ([la for la in m.layers if la.weights] for m in (trunk, model))
    for source, target in zip(sources, targets, strict=False):  # the heads come last
        if not isinstance(source, keras.layers.Normalization):  # `_prepared` standardizes
            target.set_weights(source.get_weights())
