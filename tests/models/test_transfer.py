"""src/models/transfer.py: where training starts from, and what it leaves as it is."""

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


def saved(path, architecture: dict, img_size: int) -> keras.Model:
    """A checkpoint with weights of its own; its network."""
    model = build_model(architecture, img_size)
    fill(model)
    save_checkpoint(path, model, Description(architecture, FaceCrop(img_size)))
    return model


def trunk(model: keras.Model) -> list[np.ndarray]:
    """Weights of all layers but the heads."""
    layers = [la for la in model.layers if not la.name.endswith(HEADS)]
    return [weight for layer in layers for weight in layer.get_weights()]


def assert_same(some: list[np.ndarray], others: list[np.ndarray]) -> None:
    for a, b in zip(some, others, strict=True):
        np.testing.assert_array_equal(a, b)


def test_all_weights_are_taken_where_all_fit(tmp_path):
    source = saved(tmp_path / "w.hdf5", SMALL, 32)
    model, architecture, said = initialised({**SMALL, "dropout": 0.3}, 48, tmp_path / "w.hdf5")
    assert_same(model.get_weights(), source.get_weights())
    assert architecture == {**SMALL, "dropout": 0.3}
    assert said == "wide_resnet starts from w.hdf5, its heads too"


def test_a_file_that_mirrors_faces_starts_a_network_that_does_not(tmp_path):
    source = saved(tmp_path / "w.hdf5", {**SMALL, "mirror": True}, 32)
    model, architecture, _ = initialised(SMALL, 32, tmp_path / "w.hdf5")
    assert_same(model.get_weights(), source.get_weights())
    assert architecture == SMALL
    assert model.output_names == ["pred_gender", "pred_age"]  # which losses go by


@pytest.mark.parametrize(
    "architecture",
    [{**SMALL, "pool": "8x8"}, {"name": "resnet18", "width": 1, "use_se": True}],
)
def test_heads_for_another_size_start_afresh(tmp_path, architecture):
    source = saved(tmp_path / "w.hdf5", architecture, 32)
    model, _, said = initialised(architecture, 48, tmp_path / "w.hdf5")
    assert_same(trunk(model), trunk(source))
    assert (
        said == f"{architecture['name']} starts from w.hdf5, its heads from none: they do not fit"
    )
    fresh, old = (m.get_layer("pred_age").get_weights()[0] for m in (model, source))
    assert fresh.shape != old.shape or not np.array_equal(fresh, old)


def test_the_original_weights_start_as_they_are(original_weights):
    flags = {"name": "wide_resnet", "depth": 16, "width": 8}
    model, architecture, said = initialised(flags, 64, str(original_weights))
    loaded, description = load_checkpoint(original_weights)
    assert architecture == description.architecture  # its pool and its range, which flags lack
    assert "its heads too" in said
    faces = made_faces(2, 64)
    assert_same(model.predict_on_batch(faces), loaded.predict_on_batch(faces))


@pytest.mark.parametrize(
    "wanted",
    [
        {**SMALL, "depth": 16},
        {**SMALL, "width": 2},
        {"name": "resnet18", "width": 1},
        {"name": "MobileNet"},
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, wanted):
    saved(tmp_path / "w.hdf5", SMALL, 32)
    with pytest.raises(UserError) as raised:
        initialised(wanted, 32, tmp_path / "w.hdf5")
    message = str(raised.value)
    assert message.startswith("--init: expected weights of {'name': ")
    assert f"found {SMALL}" in message
    assert "\n" not in message


def test_imagenet_is_for_networks_of_keras_alone():
    with pytest.raises(UserError, match=r"^--init imagenet: expected .* received resnet50;"):
        initialised({"name": "resnet50"}, 64, "imagenet")


def test_a_missing_file():
    with pytest.raises(UserError, match=r"none\.hdf5"):
        initialised(SMALL, 32, "none.hdf5")


def test_frozen_layers_stay_and_the_others_move():
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


def test_a_name_that_no_layer_has_lists_those_near_it():
    with pytest.raises(UserError, match=r"received stage9_block1; .* stage1_block1"):
        freeze_until(build_model(SMALL, 32), "stage9_block1")


def test_something_must_be_left_to_train():
    with pytest.raises(UserError, match="nothing to train is left after pred_age"):
        freeze_until(build_model(SMALL, 32), "pred_age")
