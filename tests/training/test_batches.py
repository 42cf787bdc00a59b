"""src/training/batches.py: the faces of an epoch, their labels and weights."""

import keras
import numpy as np
import pytest

from src.errors import UserError
from src.faces.crop import FaceCrop
from src.models import build_model
from src.models.checkpoints import save_checkpoint
from src.models.description import Description
from src.training.arguments import Arguments
from src.training.batches import FaceBatches, predictions
from src.training.distribution import Devices
from tests.helpers import made_database

ROWS = np.array([3, 4, 5, 7, 8, 9, 10])


@pytest.fixture(scope="module")
def database():
    """12 faces with their row as pixel value."""
    gender, low, high = np.arange(12) % 2.0, np.arange(12.0), np.arange(12.0)
    gender[4], low[5], high[5], low[7], high[7] = np.nan, np.nan, np.nan, 20, 29
    image = np.arange(12, dtype=np.uint8)[:, None, None, None] * np.ones((16, 16, 3), np.uint8)
    return made_database(image, gender, low, high)


def made(database, batch_size: int, rows=ROWS, cls=FaceBatches, flags=None, **options):
    """Batches with some flags; augmentation is without erasing."""
    flags = {"mixup": 0.2, "erasing": 0.0} | (flags or {})
    return cls(database, rows, Arguments([], batch_size=batch_size, **flags), **options)


def rows_of(batches: FaceBatches) -> list[int]:
    """The rows of the faces of an epoch, in order."""
    return [int(face[0, 0, 0]) for i in range(len(batches)) for face in batches[i][0]]


def test_epoch_holds_every_row_once(database):
    batches = made(database, 3)
    assert rows_of(batches) == list(ROWS)
    assert [len(batches[i][0]) for i in range(len(batches))] == [3, 3, 1]
    assert (batches.faces, batches.known) == (7, {"pred_gender": 6, "pred_age": 6})


def test_shuffling_changes_every_epoch(database):
    batches = made(database, 3, is_training=True)
    epochs = []
    for _ in range(4):
        epochs.append(rows_of(batches))
        assert sorted(epochs[-1]) == list(ROWS)
        batches.on_epoch_end()
    assert len({tuple(order) for order in epochs}) == 4


def test_keras_sees_every_row_once(database):
    asked = []  # a list of rows an epoch

    class Noted(FaceBatches):
        def __getitem__(self, index):
            batch = super().__getitem__(index)
            asked[-1] += batch[0][:, 0, 0, 0].tolist()
            return batch

        def on_epoch_end(self):
            super().on_epoch_end()
            asked.append([])

    inputs = keras.Input((16, 16, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    sizes = {"pred_gender": 2, "pred_age": 101}
    heads = [keras.layers.Dense(n, "softmax", name=name)(pooled) for name, n in sizes.items()]
    model = keras.Model(inputs, heads)
    model.compile("sgd", ["categorical_crossentropy"] * 2)
    batches = made(database, 3, cls=Noted, is_training=True)
    model.fit(batches, epochs=3, shuffle=False, verbose=0)
    first, *epochs, _ = asked
    assert len(first) < len(ROWS)  # Keras looks at the shapes
    assert [sorted(order) for order in epochs] == [list(ROWS)] * 3
    assert len(set(map(tuple, epochs))) == 3


def assert_same(batch, other):
    for one, two in zip(keras.tree.flatten(batch), keras.tree.flatten(other), strict=True):
        np.testing.assert_array_equal(one, two)


def test_batches_epochs_seeds_draw_anew(database):
    """A face is mixed with itself: only its pixels change."""
    same, flags = np.full(6, 3), {"aug": "plain", "erasing": 1.0}
    batches = made(database, 3, same, is_training=True, flags=flags)
    faces = [batches[0][0], batches[1][0]]
    batches.on_epoch_end()
    faces.append(batches[0][0])
    faces.append(made(database, 3, same, is_training=True, flags=flags | {"seed": 1})[0][0])
    assert len({own.tobytes() for own in faces}) == 4


@pytest.mark.parametrize("aug", [None, "plain", "strong"])
def test_shapes_and_types(database, aug):
    faces, labels, weights = made(database, 4, is_training=True, flags={"aug": aug})[0]
    assert (faces.shape, faces.dtype) == ((4, 16, 16, 3), np.uint8)
    assert [own.shape for own in labels] == [(4, 2), (4, 101)]
    assert [own.shape for own in weights] == [(4,), (4,)]
    assert {own.dtype for own in (*labels, *weights)} == {np.dtype(np.float32)}


def test_labels_known_unknown_and_ranges(database):
    _, (gender, age), weights = made(database, 4)[0]  # rows 3, 4, 5, 7
    np.testing.assert_array_equal(gender, [[0, 1], [0.5, 0.5], [0, 1], [0, 1]])
    expected = np.zeros((4, 101), np.float32)
    expected[0, 3] = expected[1, 4] = 1
    expected[2] = 1 / 101
    expected[3, 20:30] = 0.1
    np.testing.assert_array_equal(age, expected)
    np.testing.assert_array_equal(weights, [[1, 0, 1, 1], [1, 1, 0, 1]])


def test_database_is_not_written_to(database):
    before = database.image.copy()
    batches = made(database, 3, is_training=True, flags={"aug": "strong"})
    for i in range(len(batches)):
        batches[i]
    np.testing.assert_array_equal(database.image, before)


def test_class_weights_are_sample_weights(database):
    weights = {"pred_gender": np.full(12, 2, np.float32), "pred_age": np.arange(12, dtype="f4")}
    plain = made(database, 4)[0]
    _, labels, found = made(database, 4, weights=weights)[0]  # rows 3, 4, 5, 7
    np.testing.assert_array_equal(found, [[2, 0, 2, 2], [3, 4, 0, 7]])
    np.testing.assert_array_equal(labels[1], plain[1][1])


def test_teacher_labels_the_unknown(database):
    """Its predictions are averaged with known labels, and take the place of unknown ones."""
    predicted = {
        "pred_gender": np.full((12, 2), [0.2, 0.8], "f4"),
        "pred_age": np.full((12, 101), 1 / 101, "f4"),
    }
    weights = {"pred_gender": np.full(12, 2, np.float32), "pred_age": np.ones(12, np.float32)}
    _, (gender, age), found = made(database, 4, teacher=predicted, weights=weights)[
        0
    ]  # rows 3, 4, 5, 7
    np.testing.assert_allclose(gender, [[0.1, 0.9], [0.2, 0.8], [0.1, 0.9], [0.1, 0.9]], 1e-6)
    expected = np.full(101, 0.5 / 101)
    expected[3] += 0.5
    np.testing.assert_allclose(age[0], expected, rtol=1e-6)
    np.testing.assert_allclose(age[2], 1 / 101, rtol=1e-6)
    np.testing.assert_array_equal(found, [[2] * 4, [1] * 4])


def test_hosts_share_a_batch(database):
    whole = made(database, 4)[0]
    names = [f"cpu:{index}" for index in range(4)]
    parts = [made(database, 4, devices=Devices(names, host, 2))[0] for host in (0, 1)]
    joined = keras.tree.map_structure(lambda *own: np.concatenate(own), *parts)
    assert_same(joined, whole)


def test_devices_fill_up_the_last_validation_batch(database):
    batches = made(database, 4, devices=Devices(["cpu:0", "cpu:1"]))
    faces, _, weights = batches[1]  # rows 8, 9, 10
    assert faces[:, 0, 0, 0].tolist() == [8, 9, 10, 10]
    np.testing.assert_array_equal(weights, [[1, 1, 1, 0]] * 2)


def test_devices_drop_the_last_training_batch(database):
    devices = Devices(["cpu:0", "cpu:1"])
    batches = made(database, 4, is_training=True, devices=devices)
    assert (len(batches), batches.faces, len(batches[0][0])) == (1, 4, 4)


@pytest.mark.parametrize("size", [16, 24])
def test_predictions_of_a_teacher(database, tmp_path, size):
    """Faces are resized for it, which leaves a face of one grey level as it is."""
    architecture = {"name": "small_cnn"}
    model = build_model(architecture, size)
    save_checkpoint(tmp_path / "t.hdf5", model, Description(architecture, FaceCrop(size)))
    found = predictions(tmp_path / "t.hdf5", database, ROWS)
    faces = np.tile(database.image[ROWS][:, :1, :1], (1, size, size, 1))
    for name, expected in zip(found, model.predict_on_batch(faces), strict=True):
        np.testing.assert_allclose(found[name][ROWS], expected, rtol=1e-5)
        assert not np.delete(found[name], ROWS, axis=0).any()


def test_teacher_of_another_alignment_is_rejected(database, tmp_path):
    architecture = {"name": "small_cnn"}
    description = Description(architecture, FaceCrop(16, 0.0, "five_points"))
    save_checkpoint(tmp_path / "t.hdf5", build_model(architecture, 16), description)
    with pytest.raises(UserError, match=r"--teacher: .*t\.hdf5.*five_points"):
        predictions(tmp_path / "t.hdf5", database, ROWS)


def test_resumed_epochs_draw_the_same(database):
    flags = {"aug": "strong", "erasing": 0.5}
    batches = made(database, 3, is_training=True, flags=flags)
    for _ in range(2):
        batches.on_epoch_end()
    resumed = made(database, 3, is_training=True, flags=flags, epoch=2, threads=3)
    for i in range(len(batches)):
        assert_same(batches[i], resumed[i])
