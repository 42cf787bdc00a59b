"""src/training/fit.py: whole runs on a small database."""

import keras
import numpy as np
import pandas as pd
import pytest

from src.data.database import open_database
from src.data.identities import Identities
from src.errors import UserError
from src.faces.crop import FaceCrop
from src.models import build_model, resnet
from src.models.checkpoints import load_checkpoint, save_checkpoint
from src.models.description import Description
from src.models.seen import seen_in
from src.training import batches, fit
from src.training.arguments import Arguments
from tests.helpers import trained_on, write_database, write_our_database

SMALL = {"arch": "small_cnn", "batch_size": 8, "validation_split": 0.25}
RUN = SMALL | {"nb_epochs": 4, "batch_size": 4, "aug": "plain", "ema": 0.999}
METRICS = [
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


def test_history_is_complete(history):
    metrics = METRICS + [f"val_{name}" for name in METRICS]
    assert set(history) == {"epoch", *COURSE, *metrics}
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert np.isfinite(history).all(axis=None)
    assert history["learning_rate"].tolist() == pytest.approx([0.1, 0.02, 0.004, 0.0008])


def test_checkpoint_describes_run(run, history):
    _, description = load_checkpoint(run[1])
    assert description.architecture == {"name": "small_cnn"}
    assert description.crop == FaceCrop(16, 0.4)
    [data] = description.data
    assert (data["db"], data["file"], data["rows"], data["margin"]) == (
        "wiki",
        "wiki.mat",
        32,
        None,
    )
    assert (data["identity"], data["hashed_by"]) == ("pixels 16 none None", None)
    assert description.split["method"] == "random"  # the original's files store no names
    row = history.set_index("epoch").loc[description.metrics["epoch"]]
    for name in [*METRICS, *(f"val_{name}" for name in METRICS)]:
        assert description.metrics[name] == pytest.approx(row[name])


def test_separable_faces_are_learned(history):
    assert history["pred_gender_accuracy"].iloc[-1] > 0.9
    assert history["pred_age_mae"].iloc[-1] < 10  # 20 for a constant 40
    assert history["pred_age_top5"].iloc[-1] > 0.9
    # Of averaged weights: a cold average would still be near the initial ones.
    assert history["val_pred_gender_accuracy"].iloc[-1] == 1
    assert history["val_pred_age_mae"].iloc[-1] < 10


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
    flags = {"opt": "adam", "age_loss": "corn", "nb_epochs": 1, "mixed_precision": True}
    return train(folder / "ours.mat", folder, **SMALL | flags)


def test_checkpoint_stores_the_crop(adam_run):
    _, description = load_checkpoint(adam_run)
    assert (description.crop.margin, description.crop.alignment) == (0.2, "face_chip")
    [data] = description.data
    about = {"db": "made", "file": "ours.mat", "rows": 20, "margin": 0.2}
    assert about | data == data
    lists = description.identities.lists[data["identity"]]
    assert [len(lists[part]) for part in ("training", "validation", "test")] == [15, 5, 0]


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
    assert description.architecture["name"] == arguments.get("arch", "wide_resnet")
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
            if self._is_training:
                seen.update(batch[0][:, 0, 0, 0].tolist())
            return batch

    monkeypatch.setattr(batches, "FaceBatches", Recorded)
    shares = {"validation_split": 0.2, "test_split": 0.2, "split_by": "hash"}
    best = train(path, tmp_path / "run", nb_epochs=1, **SMALL | shares)
    _, description = load_checkpoint(best)
    parts = seen_in([open_database(path)], description)
    assert set(parts) == {"training", "validation", "test"}
    assert seen == set(numbers[parts == "training"].tolist())
    assert description.training["age_mean"] == pytest.approx(np.mean([*seen]))
    assert description.training["male_share"] == pytest.approx(np.mean([n % 2 for n in seen]))


def test_init_from_other_crops_is_reported(original, tmp_path, capsys):
    architecture = {"name": "small_cnn"}
    data = fit.open_data(Arguments([original], tmp_path / "run"))
    crop = data.joined.crop
    other = FaceCrop(32, 0.15, "five_points")
    for own, count in ((crop, 1), (other, 2)):
        description = Description(architecture, own)
        save_checkpoint(tmp_path / "w.hdf5", build_model(architecture, 32), description)
        fit._check_start("--init", tmp_path / "w.hdf5", data)
        printed = capsys.readouterr().out
        assert "may have been trained on" in printed
        assert len(printed.splitlines()) == count
    assert "margin 0.15, alignment five_points" in printed
    # Files of the original toolkit do not store which faces trained them.
    fit._check_start("--init", tmp_path / "weights.h5", data)
    held_out = len(data.rows["validation"])
    assert f"may have been trained on {held_out} of the {held_out} " in capsys.readouterr().out


def smaller(path, rows, output):
    """Some rows of a database as another one."""
    database = open_database(path)
    columns = {name: getattr(database, name)[rows] for name in ("age_low", "age_high", "gender")}
    columns |= {"path": [database.names[row] for row in rows], "group": [""] * len(rows)}
    write_our_database(output, database.image[rows], columns, db=database.db)
    return output


@pytest.mark.parametrize("flag, db", [("init", "csv"), ("teacher", "wiki")])
def test_weights_that_saw_held_out_faces(tmp_path, flag, db):
    """Also if the database lacks some rows of theirs."""
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (100, 16, 16, 3), np.uint8)
    columns = {"age_low": np.full(100, 30.0), "age_high": np.full(100, 30.0)}
    columns |= {"gender": np.arange(100) % 2.0, "group": [""] * 100}
    columns["path"] = [f"{row}.jpg" for row in range(100)]
    write_our_database(tmp_path / "whole.mat", faces, columns, db=db)
    fewer = smaller(tmp_path / "whole.mat", np.arange(90), tmp_path / "fewer.mat")
    architecture, weights = {"name": "small_cnn"}, tmp_path / "w.hdf5"

    def start(trained, seed, **shares):
        own = Description(architecture, FaceCrop(16), **trained)
        save_checkpoint(weights, build_model(architecture, 16), own)
        chosen = {flag: str(weights)} | {"validation_split": 0.3, "test_split": 0.1} | shares
        data = fit.open_data(Arguments([fewer], tmp_path / "run", seed=seed, **chosen))
        fit._check_start(f"--{flag}", weights, data)
        return data

    by_hash = trained_on(tmp_path / "whole.mat", validation=0.3, test=0.1)
    start(by_hash, seed=7)  # the seed has no effect
    at_random = trained_on(tmp_path / "whole.mat", method="random", validation=0.3)
    expected = fit.open_data(Arguments([fewer], tmp_path / "run", validation_split=0.3))
    held_out = sum(len(expected.rows[part]) for part in ("validation", "test"))
    with pytest.raises(UserError, match=rf"--{flag}: .*w\.hdf5 .* of the {held_out} .*--split_by"):
        start(at_random, seed=0, test_split=0.0)
    fewer_held_out = trained_on(tmp_path / "whole.mat", validation=0.2)
    with pytest.raises(UserError, match=rf"--{flag}: .*--validation_split 0\.2"):
        start(fewer_held_out, seed=0)


def test_data_of_initial_weights(original, tmp_path):
    """Of the checkpoint, itself fine-tuned; unknown data are recorded as such."""
    architecture = {"name": "small_cnn"}
    before = [{"db": "lap", "file": "lap.mat"}, {"db": "imdb", "file": "i.mat", "initial": True}]
    ids = np.array([5, 6], np.uint64)
    for name, data in (("known.hdf5", before), ("unknown.hdf5", [])):
        lists = Identities.of([("bytes", "training", ids)]) if data else None
        description = Description(architecture, FaceCrop(16), data=data, identities=lists)
        save_checkpoint(tmp_path / name, build_model(architecture, 16), description)
    unknown, known = (str(tmp_path / name) for name in ("unknown.hdf5", "known.hdf5"))
    flags = SMALL | {"init": known, "teacher": unknown}
    description = load_checkpoint(train(original, tmp_path / "run", nb_epochs=1, **flags))[1]
    own, *initial = description.data
    assert own["db"] == "wiki" and "initial" not in own
    missing = {"db": None, "file": "unknown.hdf5", "initial": True}
    assert initial == [*(part | {"initial": True} for part in before), missing]
    assert description.identities.parts_of("bytes", ids).tolist() == ["training"] * 2
