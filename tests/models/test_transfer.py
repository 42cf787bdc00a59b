"""src/models/transfer.py: initial weights and frozen layers."""

import keras
import numpy as np
import pytest

from src.errors import UserError
from src.faces.crop import FaceCrop
from src.models import build_model
from src.models.checkpoints import load_checkpoint, save_checkpoint
from src.models.description import Description
from src.models.transfer import freeze_until, initialised
from tests.models.reference import fill, made_faces

SMALL = {"name": "wide_resnet", "depth": 10, "width": 1}
HEADS = ("pred_gender", "pred_age")


def saved(path, architecture: dict, img_size: int, mirror: bool = False) -> keras.Model:
    """Save a checkpoint with made-up weights, and return its network."""
    model = build_model(architecture, img_size)
    fill(model)
    description = Description(architecture, FaceCrop(img_size), mirror=mirror)
    save_checkpoint(path, model, description)
    return model


def trunk(model: keras.Model) -> list[np.ndarray]:
    """Weights of all layers but the heads."""
    layers = [la for la in model.layers if not la.name.endswith(HEADS)]
    return [weight for layer in layers for weight in layer.get_weights()]


def assert_same(some: list[np.ndarray], others: list[np.ndarray]) -> None:
    for a, b in zip(some, others, strict=True):
        np.testing.assert_array_equal(a, b)


def test_init_copies_all_matching_weights(tmp_path):
    source = saved(tmp_path / "w.hdf5", SMALL, 32)
    model, architecture, notice = initialised({**SMALL, "dropout": 0.3}, 48, tmp_path / "w.hdf5")
    assert_same(model.get_weights(), source.get_weights())
    assert architecture == {**SMALL, "dropout": 0.3}
    assert notice.endswith("w.hdf5, heads included")


def test_init_drops_the_mirror(tmp_path):
    source = saved(tmp_path / "w.hdf5", SMALL, 32, mirror=True)
    model, architecture, notice = initialised(SMALL, 32, tmp_path / "w.hdf5")
    assert_same(model.get_weights(), source.get_weights())
    assert architecture == SMALL
    assert "without its mirror average" in notice
    assert model.output_names == ["pred_gender", "pred_age"]  # keys of the losses


@pytest.mark.parametrize(
    "architecture",
    [{**SMALL, "pool": "8x8"}, {"name": "resnet18", "width": 1, "use_se": True}],
)
def test_heads_of_another_size_are_random(tmp_path, architecture):
    source = saved(tmp_path / "w.hdf5", architecture, 32)
    model, _, notice = initialised(architecture, 48, tmp_path / "w.hdf5")
    assert_same(trunk(model), trunk(source))
    assert "w.hdf5, random heads" in notice
    fresh, old = (m.get_layer("pred_age").get_weights()[0] for m in (model, source))
    assert fresh.shape != old.shape or not np.array_equal(fresh, old)


def test_init_with_the_original_weights(original_weights):
    flags = {"name": "wide_resnet", "depth": 16, "width": 8}
    model, architecture, notice = initialised(flags, 64, str(original_weights))
    loaded, description = load_checkpoint(original_weights)
    assert architecture == description.architecture  # with the pool and scale of the file
    assert "heads included" in notice
    faces = made_faces(2, 64)
    assert_same(model(faces), loaded(faces))


@pytest.mark.parametrize(
    "architecture",
    [{**SMALL, "depth": 16}, {"name": "resnet18", "width": 1}],
)
def test_weights_of_another_network_are_rejected(tmp_path, architecture):
    saved(tmp_path / "w.hdf5", SMALL, 32)
    with pytest.raises(UserError) as raised:
        initialised(architecture, 32, tmp_path / "w.hdf5")
    message = str(raised.value)
    assert message.startswith("--init: expected weights of {'name': ")
    assert f"found {SMALL}" in message
    assert "\n" not in message


@pytest.mark.parametrize("name, init", [("resnet50", "imagenet"), ("EfficientNetB3", "dlib")])
def test_named_weights_require_their_network(name, init):
    with pytest.raises(UserError, match=f"^--init {init} requires --arch .*, received {name}$"):
        initialised({"name": name}, 64, init)


def test_training_changes_only_unfrozen_layers():
    model = build_model(SMALL, 32)
    frozen = freeze_until(model, "stage1_block1")
    assert frozen == 5  # a convolution before the block, two normalised ones in it
    model.compile("sgd", loss=["categorical_crossentropy"] * 2)
    before = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    targets = [np.eye(2, dtype=np.float32), np.eye(101, dtype=np.float32)[[20, 60]]]
    model.train_on_batch(made_faces(2, 32), targets)
    stayed = [
        all(map(np.array_equal, before[la.name], la.get_weights()))
        for la in model.layers
        if la.weights
    ]
    assert stayed == [True] * frozen + [False] * (len(stayed) - frozen)


@pytest.mark.parametrize(
    "layer, words",
    [("stage9_block1", r"; did you mean stage\d_block1\?"), ("pred_age", "")],
)
def test_only_layers_before_the_heads_freeze(layer, words):
    with pytest.raises(UserError, match=f"--freeze_until: .* received {layer}{words}"):
        freeze_until(build_model(SMALL, 32), layer)
