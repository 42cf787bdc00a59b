"""src/training/fit.py: whole runs on a small database."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest

from src.data.database import open_database
from src.data.split import read_split
from src.errors import UserError
from src.faces.crop import FaceCrop
from src.models import build_model, resnet
from src.models.checkpoints import load_checkpoint, save_checkpoint
from src.models.description import Description
from src.training import batches, fit
from src.training.arguments import Arguments
from tests.helpers import write_database, write_our_database

SMALL = {"arch": "small_cnn", "batch_size": 8, "validation_split": 0.25}
RUN = SMALL | {"nb_epochs": 4, "batch_size": 4, "aug": "plain"}
FIGURES = [
    "loss",
    "pred_gender_loss",
    "pred_gender_accuracy",
    "pred_age_loss",
    "pred_age_mae",
    "pred_age_top5",
]
COURSE = ["learning_rate", "faces_per_second", "data_wait"]


def train(database, folder, **arguments):
    """The best checkpoint of a run on `database`."""
    return fit.train(Arguments([database], folder, **arguments)).best_file


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A database of the original toolkit."""
    return write_database(tmp_path_factory.mktemp("database") / "wiki.mat")


@pytest.fixture(scope="module")
def run(original, tmp_path_factory):
    """The folder of a run of 4 epochs, and its best checkpoint."""
    folder = tmp_path_factory.mktemp("run") / "made" / "anew"
    return folder, train(original, folder, **RUN)


@pytest.fixture(scope="module")
def history(run):
    return pd.read_csv(run[0] / "history.csv")


def test_checkpoints_of_improved_epochs(run, history):
    folder, best = run
    losses = history["val_loss"]
    improved = losses[losses < losses.cummin().shift(fill_value=np.inf)]
    expected = [f"weights.{row + 1:02d}-{loss:.2f}.hdf5" for row, loss in improved.items()]
    assert sorted(path.name for path in folder.glob("weights.*")) == expected
    assert best == folder / expected[-1]


def test_only_documented_files(run):
    others = {path.name for path in run[0].iterdir()} - {
        path.name for path in run[0].glob("weights.*")
    }
    assert others == {"accuracy.png", "arguments.json", "history.csv", "loss.png", "state.hdf5"}


def test_history_is_complete(history):
    figures = FIGURES + [f"val_{name}" for name in FIGURES]
    assert set(history) == {"epoch", *COURSE, *figures}
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert np.isfinite(history).all(axis=None)


def test_learning_rate_steps_at_quarters(history):
    assert history["learning_rate"].tolist() == pytest.approx([0.1, 0.02, 0.004, 0.0008])


def test_checkpoint_describes_run(run, history):
    _, description = load_checkpoint(run[1])
    assert description.architecture == {"name": "small_cnn"}
    assert description.crop == FaceCrop(16, 0.4)
    assert description.data == [{"db": "wiki", "file": "wiki.mat", "rows": 32, "margin": None}]
    assert description.split["method"] == "random"  # the original's files store no names
    row = history.set_index("epoch").loc[description.figures["epoch"]]
    for name in [*FIGURES, *(f"val_{name}" for name in FIGURES)]:
        assert description.figures[name] == pytest.approx(row[name])


def test_arguments_are_saved(run, original):
    noted = json.loads((run[0] / "arguments.json").read_text())
    expected = {"input": [str(original)], "output_path": str(run[0])}
    expected |= RUN | {"opt": "sgd", "lr": 0.1, "seed": 0}
    assert {name: noted[name] for name in expected} == expected


def test_equal_seeds_give_equal_runs(run, original, history, tmp_path):
    train(original, tmp_path, **RUN)
    again = pd.read_csv(tmp_path / "history.csv")
    same = [name for name in history if name not in COURSE]
    pd.testing.assert_frame_equal(again[same], history[same], rtol=1e-4)


def test_separable_faces_are_learned(history):
    assert history["pred_gender_accuracy"].iloc[-1] > 0.9
    assert history["pred_age_mae"].iloc[-1] < 10  # 20 for a constant 40
    assert history["pred_age_top5"].iloc[-1] > 0.9


@pytest.fixture(scope="module")
def adam_run(tmp_path_factory):
    """The checkpoint of an epoch by Adam in mixed precision; some labels are unknown."""
    folder = tmp_path_factory.mktemp("adam")
    rng = np.random.default_rng(0)
    unknown, ages = np.arange(20) < 5, rng.integers(0, 101, 20)
    columns = {
        "gender": np.where(unknown, np.nan, np.arange(20) % 2),
        "age": np.where(unknown, np.nan, ages),
        "age_low": np.where(unknown, np.nan, ages),
        "age_high": np.where(unknown, np.nan, ages),
        "path": [""] * 20,
        "group": [""] * 20,
    }
    image = rng.integers(0, 256, (20, 16, 16, 3), np.uint8)
    write_our_database(
        folder / "ours.mat", image, columns, db="made", margin=0.2, alignment="face_chip"
    )
    return train(
        folder / "ours.mat", folder, opt="adam", nb_epochs=1, mixed_precision=True, **SMALL
    )


def test_checkpoint_stores_the_crop(adam_run):
    _, description = load_checkpoint(adam_run)
    assert (description.crop.margin, description.crop.alignment) == (0.2, "face_chip")
    assert description.data == [{"db": "made", "file": "ours.mat", "rows": 20, "margin": 0.2}]


def test_adam_has_its_own_rate(adam_run):
    assert json.loads((adam_run.parent / "arguments.json").read_text())["lr"] == 0.001
    history = pd.read_csv(adam_run.parent / "history.csv")
    assert history["learning_rate"].tolist() == pytest.approx([0.001])


def test_divergence_keeps_saved_checkpoints(original, tmp_path, monkeypatch):
    class Diverging(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return keras.ops.where(step < 3, 0.01, 1e30)

    monkeypatch.setattr(fit, "get_schedule", lambda *_: Diverging())
    with pytest.raises(UserError, match=r"end of epoch 2; .*weights\.01-"):
        train(original, tmp_path, nb_epochs=3, **SMALL)
    (checkpoint,) = tmp_path.glob("weights.*.hdf5")
    _, description = load_checkpoint(checkpoint)
    assert description.figures["epoch"] == 1
    assert len(pd.read_csv(tmp_path / "history.csv")) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"arch": "resnet18", "width": 1, "use_se": True, "age_loss": "dldl", "opt": "adamw",
         "balance": "sqrt", "label_smoothing": 0.1, "weight_decay": 0.1, "backbone_lr": 0.5},
        {"depth": 10, "width": 1, "loss": "focal", "age_loss": "mean_variance", "opt": "adam",
         "clip_norm": 1.0, "ema": 0.9, "schedule": "cosine", "accumulate": 2, "weight_decay": 0},
    ],
)  # fmt: skip
def test_networks_losses_optimizers_combine(tmp_path, monkeypatch, arguments):
    monkeypatch.setitem(resnet.BLOCKS, 18, (1, 1))
    database = write_database(tmp_path / "wiki.mat", count=12, img_size=32)
    best = train(
        database, tmp_path / "run", batch_size=4, nb_epochs=1, validation_split=0.3, **arguments
    )
    model, description = load_checkpoint(best)
    assert description.architecture["width"] == 1
    assert np.isfinite(model.get_weights()[-1]).all()
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert np.isfinite(history).all(axis=None)


def test_mixed_precision_keeps_float32_weights(adam_run):
    model, _ = load_checkpoint(adam_run)
    assert {weight.dtype for weight in model.weights} == {"float32"}
    values = model.get_weights()[0]
    assert (values != values.astype(keras.backend.standardize_dtype("bfloat16"))).any()
    assert keras.config.dtype_policy().name == "float32"  # as before the run


def test_held_out_faces_are_not_trained(tmp_path, monkeypatch):
    """Pixels number the faces; the checkpoint alone identifies the held-out faces."""
    numbers = np.arange(60, dtype=np.uint8)
    faces = numbers[:, None, None, None] * np.ones((16, 16, 3), np.uint8)
    columns = {"age_low": numbers * 1.0, "age_high": numbers * 1.0, "gender": numbers % 2.0}
    texts = {"path": [f"{number}.jpg" for number in numbers], "group": [""] * 60}
    path = tmp_path / "ours.mat"
    write_our_database(path, faces, columns | texts)
    seen = set()

    class Recorded(batches.FaceBatches):
        def __getitem__(self, index):
            batch = super().__getitem__(index)
            if self._shuffle:
                seen.update(batch[0][:, 0, 0, 0].tolist())
            return batch

    monkeypatch.setattr(batches, "FaceBatches", Recorded)
    shares = {"validation_split": 0.2, "test_split": 0.2, "split_by": "hash"}
    best = train(path, tmp_path / "run", nb_epochs=1, **SMALL | shares)
    _, description = load_checkpoint(best)
    split, database = read_split(description.split), open_database(path)
    held_out = {part: split.rows([database], part) for part in ("validation", "test")}
    assert all(len(rows) for rows in held_out.values())
    for rows in held_out.values():
        assert not seen & set(database.image[rows][:, 0, 0, 0].tolist())
    trained = split.rows([database], "training")
    assert seen == set(database.image[trained][:, 0, 0, 0].tolist())
    assert description.training["age_mean"] == pytest.approx(np.mean([*seen]))
    assert description.training["male_share"] == pytest.approx(np.mean([n % 2 for n in seen]))


def test_init_from_other_crops_is_reported(tmp_path, capsys):
    architecture = {"name": "small_cnn"}
    description = Description(architecture, FaceCrop(32, 0.15))
    save_checkpoint(tmp_path / "w.hdf5", build_model(architecture, 32), description)
    for crop, count in ((FaceCrop(32, 0.15), 1), (FaceCrop(32, 0.0, "five_points"), 2)):
        data = SimpleNamespace(joined=SimpleNamespace(crop=crop), split=None)
        fit._check_start("--init", tmp_path / "w.hdf5", data)
        printed = capsys.readouterr().out
        assert len(printed.splitlines()) == count
    assert "margin 0.15, alignment none" in printed
    assert "margin 0, alignment five_points" in printed


def test_data_of_initial_weights(original, tmp_path):
    """Those of the checkpoint, itself fine-tuned; unknown ones are recorded as such."""
    architecture = {"name": "small_cnn"}
    before = [{"db": "lap", "file": "lap.mat"}, {"db": "imdb", "file": "i.mat", "initial": True}]
    for name, data in (("known.hdf5", before), ("unknown.hdf5", [])):
        description = Description(architecture, FaceCrop(16), data=data)
        save_checkpoint(tmp_path / name, build_model(architecture, 16), description)
    assert fit._initial_data(Arguments([original], init="dlib")) == []
    assert fit._initial_data(Arguments([original])) == []
    unknown, known = (str(tmp_path / name) for name in ("unknown.hdf5", "known.hdf5"))
    best = train(original, tmp_path / "run", nb_epochs=1, init=known, teacher=known, **SMALL)
    own, *initial = load_checkpoint(best)[1].data
    assert own["db"] == "wiki" and "initial" not in own
    expected = [part | {"initial": True} for part in before]
    assert initial == expected
    assert fit._initial_data(Arguments([original], init=known, teacher=unknown)) == [
        *expected,
        {"db": None, "file": "unknown.hdf5", "initial": True},
    ]


def test_average_of_a_short_run_learns(tmp_path):
    """The faces are separable; a cold average would still be near the initial weights."""
    database = write_database(tmp_path / "wiki.mat", count=128)
    train(database, tmp_path / "run", nb_epochs=4, ema=0.999, **SMALL)
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert history["val_pred_gender_accuracy"].iloc[-1] == 1
    assert history["val_pred_age_mae"].iloc[-1] < 5


def test_finished_cosine_is_not_extended(original, tmp_path):
    cosine = SMALL | {"schedule": "cosine"}
    train(original, tmp_path / "run", nb_epochs=1, **cosine)
    with pytest.raises(UserError, match=r"--nb_epochs 2: .*--init"):
        train(original, tmp_path / "run", nb_epochs=2, resume=True, **cosine)
