"""The examples of docs/extending.md, registered and used."""

import importlib
import re
from contextlib import ExitStack
from dataclasses import make_dataclass
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from src import models
from src.data import arguments, datasets
from src.data.database import open_database
from src.faces.crop import FaceCrop
from tests.helpers import ROOT, make_picture, printed_table, write_database

PAGE = (ROOT / "docs" / "extending.md").read_text()


@pytest.fixture
def example(tmp_path, monkeypatch):
    """Makes a module of a section's first code, and returns its entry in the registry, evaluated in
    the registry's module."""
    monkeypatch.syspath_prepend(tmp_path)

    def add(section, name, registry):
        text = re.search(rf"^## {section}$(.+?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)[1]
        code, entry = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
        (tmp_path / f"{name}_example.py").write_text(code)
        module = importlib.import_module(f"{name}_example")
        entry = re.sub(rf"(?<=\")\.[\w.]+\.{name}\b", module.__name__, entry)
        opening, closing = "{}" if entry.lstrip().startswith('"') else "()"
        return eval(f"{opening}{entry}{closing}", vars(registry) | {name: module})

    return add


def register(monkeypatch, registry, entry):
    for name, value in entry.items():
        monkeypatch.setitem(registry, name, value)


def test_dataset(example, monkeypatch, tmp_path, run_here):
    register(monkeypatch, datasets.DATASETS, example("A dataset", "my_faces", datasets))
    importlib.reload(arguments)
    for seed, name in enumerate(("ann_31_f.jpg", "ann_33_f.jpg", "bob_70_m.jpg")):
        make_picture(tmp_path / "faces" / name, seed)
    command = ("create_db.py", "--db", "my_faces", "--data_dir", tmp_path / "faces")
    done = run_here(*command, "--oldest", 60, "-o", tmp_path / "db.mat")
    assert done.returncode == 0, done.stderr
    assert printed_table(done)["older than 60"] == 1
    opened = open_database(tmp_path / "db.mat")
    assert opened.age_low.tolist() == [31, 33]
    assert opened.person.tolist() == ["ann", "ann"]
    assert run_here(*command[:2], "utkface", "--oldest", 60, "-o", tmp_path / "b").returncode == 2


@pytest.fixture
def tiny(example, monkeypatch, tmp_path):
    """A checkpoint of the example's network, and the network."""
    from src.models.checkpoints import save_checkpoint
    from src.models.description import Description

    register(monkeypatch, models.NETWORKS, example("A network", "tiny", models))
    architecture = {"name": "tiny", "channels": 4}
    model = models.build_model(architecture, 32)
    save_checkpoint(tmp_path / "weights.hdf5", model, Description(architecture, FaceCrop(32)))
    return tmp_path / "weights.hdf5", model


def test_network(tiny):
    from src.models.checkpoints import load_checkpoint

    path, model = tiny
    loaded, description = load_checkpoint(path)
    assert description.architecture == {"name": "tiny", "channels": 4}
    faces = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    for found, expected in zip(loaded(faces), model(faces), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_loss(example, monkeypatch):
    from src.training import arguments, losses

    register(monkeypatch, arguments.LOSSES, example("A loss", "poly", arguments))
    labels, predictions = np.float32([[1, 0], [0, 0]]), np.float32([[0.8, 0.2], [0.5, 0.5]])
    run = SimpleNamespace(loss="poly", age_loss="ce", label_smoothing=0.0)
    found = losses.get_losses(run)[0](labels, predictions)
    np.testing.assert_allclose(found, [-np.log(0.8) + 0.2, 0], atol=1e-6)


def test_detector(example, monkeypatch):
    from src.faces import detectors
    from src.faces.finder import FaceFinder

    register(monkeypatch, detectors.DETECTORS, example("A detector", "skin", detectors))
    image = np.full((100, 200, 3), 90, np.uint8)
    image[20:80, 110:170] = skin = 120, 150, 210  # BGR
    found = FaceFinder("skin", 40, FaceCrop(32, 0.0)).find(image)
    (face,) = found.faces
    assert np.abs(np.subtract(face.box, (110, 20, 170, 80))).max() <= 2
    assert np.abs(np.median(found.crops, axis=(0, 1, 2)) - skin).max() <= 1


def test_runtime(example, tiny, monkeypatch, tmp_path):
    from src import estimation
    from src.estimation import runtimes

    register(monkeypatch, estimation.RUNTIMES, example("A runtime", "constant", estimation))
    with h5py.File(tiny[0]) as file:
        text = file.attrs["description"]
    gender, age = np.float32([0.25, 0.75]), np.full(101, 1 / 101, np.float32)
    path = tmp_path / "baseline.npz"
    np.savez(path, gender=gender, age=age, description=text)
    predict, description = runtimes.load(path, runtimes.runtime_of(path))
    assert description.crop.size == 32
    for found, expected in zip(
        predict(np.zeros((3, 32, 32, 3), np.uint8)), (gender, age), strict=True
    ):
        np.testing.assert_array_equal(found, [expected] * 3)


def test_metric(example, monkeypatch, tmp_path):
    from src.evaluation import evaluate, metrics, tables
    from src.evaluation.labelled import from_databases
    from src.evaluation.output import write_report
    from tests.evaluation.colour_model import ColourModel

    (metric,) = example("A metric", "overestimated", metrics)
    monkeypatch.setattr(evaluate, "METRICS", (*metrics.METRICS, metric))
    monkeypatch.setitem(metrics.BY_NAME, metric.name, metric)
    faces = from_databases([write_database(tmp_path / "wiki.mat")])
    results = evaluate.evaluate(faces, {"model": ColourModel(16)}, resamples=5)
    row = results.table.set_index(["model", "subgroup", "metric"]).loc["model", "all", metric.name]
    assert row["value"] == (results.evaluations[0].measures["error"] > 0).mean()
    assert any(line.startswith(metric.title) for line in tables.console(results).splitlines())
    write_report(tmp_path / "report.html", results)
    assert metric.title in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_sink(example, monkeypatch, tmp_path):
    from src.demo import sinks
    from src.demo.arguments import Arguments
    from src.flags import flag
    from tests.demo import made
    from tests.demo.made import job, result, two_faces

    mean_ages = ("mean_ages", Path | None, flag(None, help="file of mean ages"))
    own = make_dataclass("Own", [mean_ages], bases=(Arguments,), frozen=True, kw_only=True)
    monkeypatch.setattr(made, "Arguments", own)
    monkeypatch.setattr(sinks, "SINKS", (example("A sink", "mean_ages", sinks)[0],))
    with ExitStack() as stack:
        (sink,) = sinks.open_sinks(job(mean_ages=tmp_path / "ages.txt"), stack)
        sink(two_faces("a.jpg"))
        sink(result("b.jpg"))
    assert (tmp_path / "ages.txt").read_text() == "a.jpg 40.1\n"
