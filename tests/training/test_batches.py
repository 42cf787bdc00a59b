"""src/training/batches.py: the faces of an epoch, and their targets."""

import keras
import numpy as np
import pytest

from src.errors import UserError
from src.faces.crop import FaceCrop
from src.models import build_model
from src.models.checkpoints import save_checkpoint
from src.models.description import Description
from src.training.batches import FaceBatches, predictions
from tests.helpers import made_database

ROWS = np.array([3, 4, 5, 7, 8, 9, 10])


@pytest.fixture(scope="module")
def database():
    """12 faces with their row as pixel value."""
    gender, low, high = np.arange(12) % 2.0, np.arange(12.0), np.arange(12.0)
    gender[4], low[5], high[5], low[7], high[7] = np.nan, np.nan, np.nan, 20, 29
    image = np.arange(12, dtype=np.uint8)[:, None, None, None] * np.ones((16, 16, 3), np.uint8)
    return made_database(image, gender, low, high)


def rows_of(batches: FaceBatches) -> list[int]:
    """The rows of the faces of an epoch, in order."""
    return [int(face[0, 0, 0]) for i in range(len(batches)) for face in batches[i][0]]


def test_epoch_holds_every_row_once(database):
    assert rows_of(FaceBatches(database, ROWS, 3)) == list(ROWS)


def test_last_batch_may_be_smaller(database):
    batches = FaceBatches(database, ROWS, 3)
    assert [len(batches[i][0]) for i in range(len(batches))] == [3, 3, 1]


def test_shuffling_changes_every_epoch(database):
    batches = FaceBatches(database, ROWS, 3, shuffle=True)
    epochs = []
    for _ in range(4):
        epochs.append(rows_of(batches))
        assert sorted(epochs[-1]) == list(ROWS)
        batches.on_epoch_end()
    assert len({tuple(order) for order in epochs}) == 4


def test_order_without_shuffling(database):
    batches = FaceBatches(database, ROWS, 3)
    batches.on_epoch_end()
    assert rows_of(batches) == list(ROWS)


def test_keras_sees_every_row_once(database):
    asked = []  # a list of rows an epoch

    class Noted(FaceBatches):
        def __getitem__(self, index):
            faces, targets = super().__getitem__(index)
            asked[-1] += faces[:, 0, 0, 0].tolist()
            return faces, targets

        def on_epoch_end(self):
            super().on_epoch_end()
            asked.append([])

    inputs = keras.Input((16, 16, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    sizes = {"pred_gender": 2, "pred_age": 101}
    heads = [keras.layers.Dense(n, "softmax", name=name)(pooled) for name, n in sizes.items()]
    model = keras.Model(inputs, heads)
    model.compile("sgd", {name: "categorical_crossentropy" for name in sizes})
    batches = Noted(database, ROWS, 3, shuffle=True)
    model.fit(batches, epochs=3, shuffle=False, verbose=0)
    first, *epochs, _ = asked
    assert len(first) < len(ROWS)  # Keras looks at the shapes
    assert [sorted(order) for order in epochs] == [list(ROWS)] * 3
    assert len(set(map(tuple, epochs))) == 3


def assert_same(batch, other):
    np.testing.assert_array_equal(batch[0], other[0])
    for name in batch[1]:
        np.testing.assert_array_equal(batch[1][name], other[1][name])


def test_batches_do_not_depend_on_order(database):
    forward, backward = (
        FaceBatches(database, ROWS, 3, shuffle=True, aug="plain", mixup=0.2) for _ in "ab"
    )
    first = [forward[i] for i in (0, 1, 2)]
    second = [backward[i] for i in (2, 1, 0)][::-1]
    for a, b in zip(first, second, strict=True):
        assert_same(a, b)


def test_batches_epochs_seeds_draw_anew(database):
    twice = np.repeat(ROWS[:3], 2)[[0, 2, 4, 1, 3, 5]]  # two batches of the same faces
    batches = FaceBatches(database, twice, 3, aug="plain", mixup=0.2)
    shares = [batches[0][1]["pred_age"], batches[1][1]["pred_age"]]
    batches.on_epoch_end()
    shares.append(batches[0][1]["pred_age"])
    shares.append(FaceBatches(database, twice, 3, aug="plain", mixup=0.2, seed=1)[0][1]["pred_age"])
    assert len({share.tobytes() for share in shares}) == 4


@pytest.mark.parametrize("aug", [None, "plain", "strong"])
def test_shapes_and_types(database, aug):
    faces, targets = FaceBatches(database, ROWS, 4, aug=aug, mixup=0.2)[0]
    assert (faces.shape, faces.dtype) == ((4, 16, 16, 3), np.uint8)
    assert list(targets) == ["pred_gender", "pred_age"]
    assert [t.shape for t in targets.values()] == [(4, 2), (4, 101)]
    assert [t.dtype for t in targets.values()] == [np.float32, np.float32]


def test_targets_of_known_unknown_and_ranges(database):
    _, targets = FaceBatches(database, ROWS, 4)[0]  # rows 3, 4, 5, 7
    np.testing.assert_array_equal(targets["pred_gender"], [[0, 1], [0, 0], [0, 1], [0, 1]])
    expected = np.zeros((4, 101), np.float32)
    expected[0, 3] = expected[1, 4] = 1
    expected[3, 20:30] = 0.1
    np.testing.assert_array_equal(targets["pred_age"], expected)


def test_database_is_not_written_to(database):
    before = database.image.copy()
    batches = FaceBatches(database, ROWS, 3, aug="plain", mixup=0.2)
    for i in range(len(batches)):
        batches[i]
    np.testing.assert_array_equal(database.image, before)


def test_weights_apply_before_mixup(database):
    weights = {"pred_gender": np.full(12, 2, np.float32), "pred_age": np.arange(12, dtype="f4")}
    _, targets = FaceBatches(database, ROWS, 4, weights=weights)[0]  # rows 3, 4, 5, 7
    assert targets["pred_gender"].sum(axis=1).tolist() == [2, 0, 2, 2]
    np.testing.assert_allclose(targets["pred_age"].sum(axis=1), [3, 4, 0, 7], rtol=1e-6)
    _, mixed = FaceBatches(database, ROWS[[0, 2]], 2, weights=weights, aug="plain", mixup=0.2)[0]
    np.testing.assert_allclose(mixed["pred_gender"].sum(axis=1), [2, 2], rtol=1e-6)


def test_teacher_is_averaged_with_labels(database):
    """The weight of a row stays; a missing label stays missing."""
    even = {
        "pred_gender": np.full((12, 2), 1 / 2, "f4"),
        "pred_age": np.full((12, 101), 1 / 101, "f4"),
    }
    weights = {"pred_gender": np.full(12, 2, np.float32), "pred_age": np.ones(12, np.float32)}
    _, targets = FaceBatches(database, ROWS, 4, teacher=even, weights=weights)[0]  # 3, 4, 5, 7
    expected = [[0.5, 1.5], [0, 0], [0.5, 1.5], [0.5, 1.5]]
    np.testing.assert_allclose(targets["pred_gender"], expected, rtol=1e-6)
    age = np.full(101, 0.5 / 101)
    age[3] += 0.5
    np.testing.assert_allclose(targets["pred_age"][0], age, rtol=1e-6)
    assert not targets["pred_age"][2].any()


def test_predictions_of_a_teacher(database, tmp_path):
    architecture = {"name": "small_cnn"}
    model = build_model(architecture, 16)
    save_checkpoint(tmp_path / "t.hdf5", model, Description(architecture, FaceCrop(16)))
    found = predictions(tmp_path / "t.hdf5", database, ROWS)
    for name, expected in zip(found, model.predict_on_batch(database.image[ROWS]), strict=True):
        np.testing.assert_allclose(found[name][ROWS], expected, rtol=1e-5)
        assert not np.delete(found[name], ROWS, axis=0).any()


def test_faces_are_resized_for_a_teacher(database, tmp_path):
    """Bilinear interpolation leaves a face of one grey level as it is."""
    architecture = {"name": "small_cnn"}
    model = build_model(architecture, 24)
    save_checkpoint(tmp_path / "t.hdf5", model, Description(architecture, FaceCrop(24)))
    found = predictions(tmp_path / "t.hdf5", database, ROWS)
    faces = np.tile(database.image[ROWS][:, :1, :1], (1, 24, 24, 1))
    for name, expected in zip(found, model.predict_on_batch(faces), strict=True):
        np.testing.assert_allclose(found[name][ROWS], expected, rtol=1e-5)


def test_teacher_of_another_alignment_is_refused(database, tmp_path):
    architecture = {"name": "small_cnn"}
    description = Description(architecture, FaceCrop(16, 0.0, "five_points"))
    save_checkpoint(tmp_path / "t.hdf5", build_model(architecture, 16), description)
    with pytest.raises(UserError, match=r"--teacher: .*t\.hdf5.*five_points"):
        predictions(tmp_path / "t.hdf5", database, ROWS)


def test_resumed_epochs_draw_the_same(database):
    batches = FaceBatches(database, ROWS, 3, shuffle=True, aug="strong", erasing=0.5, mixup=0.2)
    for _ in range(2):
        batches.on_epoch_end()
    resumed = FaceBatches(
        database, ROWS, 3, shuffle=True, aug="strong", erasing=0.5, mixup=0.2, epoch=2, threads=3
    )
    for i in range(len(batches)):
        assert_same(batches[i], resumed[i])


def test_batches_are_prefetched(database):
    batches = FaceBatches(database, ROWS, 1, threads=1)
    batches[0]
    for future in list(batches._coming.values()):
        future.result()
    batches._make = None  # what is there need not be made
    assert_same(batches[1], FaceBatches(database, ROWS, 1)[1])


def test_counts_of_known_labels(database):
    batches = FaceBatches(database, ROWS, 3)
    figures = ("loss", "pred_age_loss", "pred_gender_accuracy", "pred_age_mae", "faces")
    assert [batches.count(figure) for figure in figures] == [7, 7, 6, 6, 7]
