"""From labelled faces, in databases or images, to results."""

from functools import partial
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest

from src.data.database import open_database
from src.data.split import hashed
from src.errors import UserError
from src.evaluation import evaluate as evaluating
from src.evaluation.arguments import Arguments
from src.evaluation.commands import faces_of
from src.evaluation.evaluate import check_unseen, evaluate, load_models
from src.evaluation.labelled import from_csv, from_databases
from src.evaluation.output import write_report
from src.evaluation.predictions import MARK, read_predictions, write_predictions
from src.evaluation.results import Results
from src.evaluation.tables import better_models, console
from src.faces.crop import FaceCrop
from src.faces.detectors import get_detector
from src.faces.finder import FaceFinder, Found
from src.models.description import Description
from tests.evaluation.colour_model import ColourModel, face
from tests.helpers import trained_on, write_our_database
from tests.portraits import hopper

NAN = np.nan


def write(
    path,
    ages,
    genders=None,
    groups=None,
    size=8,
    estimated=None,
    person="",
    age_high=None,
    **values,
):
    """A database of faces estimated at `estimated` years, their labels if None."""
    ages = np.array(ages, float)
    faces = np.stack(
        [face(age, size=size) for age in (np.nan_to_num(ages) if estimated is None else estimated)]
    )
    columns = {
        "age_low": ages,
        "age_high": ages if age_high is None else age_high,
        "gender": np.ones(len(ages)) if genders is None else np.array(genders, float),
        "path": [f"{path.stem}/{i}.jpg" for i in range(len(ages))],
        "group": groups or [""] * len(ages),
        "person": person,
    }
    write_our_database(path, faces, columns, db=path.stem, **values)
    return path


def table(results, index=0):
    """Values and numbers of faces of a model, by subgroup and metric."""
    rows = results.table[results.table["model"] == results.models[index]]
    assert not rows.duplicated(["subgroup", "metric"]).any()
    return rows.set_index(["subgroup", "metric"])


def run(faces, **models):
    return evaluate(faces, models or {"model": ColourModel()}, resamples=20)


def all_of(*paths):
    return from_databases(list(paths), "all")


def test_last_batch_may_be_smaller(tmp_path, monkeypatch):
    ages = np.arange(11) * 7
    path = write(tmp_path / "db.mat", ages, estimated=ages + np.arange(11))
    whole = run(all_of(path))
    monkeypatch.setattr(evaluating, "BATCH", 4)
    model = ColourModel()
    pieces = evaluate(all_of(path), {"model": model}, resamples=20)
    assert model.batches == [4, 4, 3]
    assert pieces.table.equals(whole.table)
    assert table(pieces).loc[("all", "mae"), "value"] == pytest.approx(5)


describe = partial(Description, {}, FaceCrop(8))


def write_csv(folder, rows, header="path,age,gender", name="labels.csv"):
    (folder / name).write_text("\n".join([header, *rows, ""]))
    return folder / name


def test_flags_of_label_files(tmp_path, monkeypatch):
    """The encoding reads the file; the detector, its minimum and the scheduler find the faces."""
    (tmp_path / "labels.csv").write_text("path,age\n王.jpg,25\n", encoding="gbk")
    flags = {"image_csv": tmp_path / "labels.csv", "encoding": "gbk", "detect": True}
    flags |= {"detector": "dlib", "min_face": 30, "scheduler": "tcp://node:1"}
    faces, finders = faces_of(Arguments(**flags), {}), []

    def find_all(finder, paths, scheduler):
        finders.append((finder.detector, finder.min_face, scheduler))
        return [Found(None, [], np.empty(0), "none") for _ in paths]

    monkeypatch.setattr(FaceFinder, "find_all", find_all)
    _, reasons = faces.read(faces.labels.index, FaceCrop(8))
    assert faces.labels["path"].tolist() == ["王.jpg"] and reasons == ["none"]
    assert finders == [("dlib", 30, "tcp://node:1")]


def test_other_sizes_and_margins(tmp_path):
    path = write(tmp_path / "db.mat", [20, 30], size=16, margin=0.1)
    results = run(all_of(path), small=ColourModel(8), same=ColourModel(16, margin=0.1))
    margins, sizes = results.notes
    assert all(word in margins for word in ("small", "db.mat", "0.1", "0.4"))
    assert all(word in sizes for word in ("small", "16", "8"))
    for evaluation in results.evaluations:
        assert evaluation.measures["error"].to_numpy() == pytest.approx(0)


@pytest.mark.parametrize(
    ("database", "model", "words"),
    [
        ("none", "five_points", r"--input.*five_points.*db\.mat.*none.*--align"),
        ("five_points", "none", r"--input.*none.*db\.mat.*five_points.*--align"),
    ],
)
def test_other_alignment_is_refused(tmp_path, database, model, words):
    path = write(tmp_path / "db.mat", [20, 30], alignment=database)
    with pytest.raises(UserError, match=words):
        run(all_of(path), model=ColourModel(align=model))


def test_unlabelled_faces_are_skipped(tmp_path):
    path = write(tmp_path / "db.mat", [20, NAN, NAN], [1, 0, NAN])
    results = run(all_of(path))
    assert len(results.labels) == 2
    [note] = results.notes
    assert "1 of 3" in note
    with pytest.raises(UserError, match="none of 2"):
        all_of(write(tmp_path / "none.mat", [NAN, NAN], [NAN, NAN]))


def test_models_must_not_have_seen_the_part(tmp_path):
    path = write(tmp_path / "db.mat", np.arange(60))
    one, same, other = (describe(**trained_on(path, validation=v)) for v in (0.3, 0.3, 0.2))
    unseen = describe(**trained_on(write(tmp_path / "lap.mat", np.arange(60, 100))))
    without = describe()
    faces = from_databases([path], "validation", one)
    known = {"a.hdf5": one, "b.hdf5": same, "c.hdf5": without, "d.hdf5": unseen, "e.hdf5": None}
    notes = check_unseen(known, faces, "--part validation", "")
    assert [note.split()[0] for note in notes] == ["c.hdf5", "e.hdf5"]
    with pytest.raises(UserError, match=r"--part validation: b\.hdf5"):
        check_unseen({"a.hdf5": one, "b.hdf5": other}, faces, "--part validation", "")
    with pytest.raises(UserError, match=r"--part.*all"):
        from_databases([path], "test", without)


def test_unseen_collections_are_used_whole(tmp_path):
    """The part applies to the database of the run only, and metrics are separate."""
    own = write(tmp_path / "utkface.mat", np.arange(40, 100))
    new = write(tmp_path / "lap.mat", np.arange(20) + 0.0, estimated=np.arange(20) + 3)
    model = ColourModel()
    vars(model.description).update(trained_on(own, validation=0.3))
    faces = from_databases([own, new], "validation", model.description)
    held_out = [name for name in open_database(own).names if hashed(name) < 0.3]
    assert faces.labels["path"].tolist() == held_out + open_database(new).names
    found = run(faces, model=model)
    assert found.evaluations[0].uses == {"utkface": "held out", "lap": "never seen"}
    metrics = table(found)
    assert metrics.loc[("use never seen", "mae"), "value"] == pytest.approx(3)
    assert metrics.loc[("use held out", "mae"), "n"] == len(held_out)
    assert from_databases([own, new]).uses(model.description)["utkface"] == "trained on"


def test_paths_of_a_csv_lead_anywhere(tmp_path):
    """Absolute ones, and above the CSV's folder; an error does not name --data_dir."""
    (tmp_path / "labels").mkdir()
    for name in ("a", "b"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), face(33, size=20))
    csv = write_csv(tmp_path / "labels", [f"{tmp_path / 'a.png'},30", "../b.png,31"], "path,age")
    assert run(from_csv(csv)).evaluations[0].measures["error"].to_numpy() == pytest.approx([3, 2])
    with pytest.raises(UserError, match="row 2") as refused:
        from_csv(write_csv(tmp_path / "labels", ["a.png,30", ",31"], "path,age"))
    assert "--data_dir" not in str(refused.value)


def test_detection_uses_model_margin(tmp_path):
    """The wider margin includes surroundings of another colour."""
    photo = hopper()
    cv2.imwrite(str(tmp_path / "photo.png"), photo)
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((200, 200, 3), 90, np.uint8))
    csv = write_csv(tmp_path, ["photo.png,77,female", "empty.png,20,male"])
    face = max(get_detector("dlib")(photo), key=lambda face: face.box.right - face.box.left)
    margins = (0.0, 1.0)
    models = {f"{margin}": ColourModel(margin=margin) for margin in margins}
    results = run(from_csv(csv, detector="dlib"), **models)
    for margin, evaluation in zip(margins, results.evaluations, strict=True):
        expected = ColourModel()(FaceCrop(8, margin).stack(photo, [face]))
        assert evaluation.estimates.age == pytest.approx(expected.age)
        assert evaluation.labels.index.tolist() == [0]
        assert evaluation.skipped == [("empty.png", "no face found")]
    assert not np.allclose(*(evaluation.estimates.age for evaluation in results.evaluations))


def test_comparison_on_common_faces(tmp_path):
    """For all faces and by age band, on paired resamples: a constant difference is certain."""
    path = write(tmp_path / "db.mat", [20, 30, 40], estimated=[22, 30, 43])

    class Older(ColourModel):
        def __call__(self, faces):
            estimated = super().__call__(faces)
            return type(estimated)(**{**vars(estimated), "age": estimated.age + 2})

    results = run(all_of(path), first=ColourModel(), second=Older())
    assert results.differences == {"second - first": ("second", "first")}
    differences = results.table[results.table["model"] == "second - first"]
    differences = differences.set_index(["subgroup", "metric"])
    row = differences.loc[("all", "bias")]
    assert row[["value", "low", "high", "n"]].tolist() == pytest.approx([2, 2, 2, 3])
    # Errors 2 0 3 become 4 2 5.
    assert differences.loc[("all", "mae"), "value"] == pytest.approx(2)
    assert differences.loc[("age 20-29", "mae"), "n"] == 1
    assert not differences.index.get_level_values("subgroup").str.contains("gender| x ").any()


def test_better_models_are_corrected():
    """Of four comparisons Holm keeps one; biases have no better side, age bands are exploratory."""
    rows = [  # P values of about 0.0001, 0.03, 0.04 and 0
        ("all", "mae", 1.0, 0.5, 1.5),
        ("all", "cs5", 0.10, 0.01, 0.19),
        ("all", "gender_accuracy", -0.10, -0.195, -0.005),
        ("all", "bias", 5.0, 4.9, 5.1),
        ("age 20-29", "mae", 9.0, 8.9, 9.1),
    ]
    table = pd.DataFrame(
        [("b - a", *row, 100) for row in rows],
        columns=["model", "subgroup", "metric", "value", "low", "high", "n"],
    )
    results = Results(table, [SimpleNamespace(model=model) for model in "ab"], table, {})
    assert better_models(results) == {("b - a", "mae"): "a"}


def test_persons_widen_intervals(tmp_path):
    """Errors of 20 photos of each of 3 persons are equal: three units, not 60."""
    ages = np.repeat([20, 30, 40], 20)
    estimated = ages + np.repeat([0, 3, 6], 20)
    alone = write(tmp_path / "alone.mat", ages, estimated=estimated)
    person = np.repeat(["a", "b", "c"], 20)
    known = write(tmp_path / "known.mat", ages, estimated=estimated, person=person)
    widths = []
    for path in (alone, known):
        row = table(run(all_of(path))).loc[("all", "mae")]
        assert row["value"] == 3
        widths.append(row["high"] - row["low"])
    assert widths[1] > 3 * widths[0]


@pytest.mark.parametrize("label", ["age", "gender"])
def test_one_labelled_head(tmp_path, label):
    """Metrics, tables and report of ages alone or genders alone."""
    unknown = [NAN] * 4
    ages, genders = ([20, 30, 40, 50], unknown) if label == "age" else (unknown, [0, 1, 1, 0])
    path = write(tmp_path / "db.mat", ages, genders, estimated=[22, 33, 40, 50])
    results = run(all_of(path))
    metrics = set(results.table["metric"])
    assert ("mae" in metrics) == (label == "age") and ("nll" in metrics) == (label == "age")
    assert ("gender_accuracy" in metrics) == ("gender_nll" in metrics) == (label == "gender")
    write_report(tmp_path / "report.html", results)
    page = (tmp_path / "report.html").read_text()
    assert ("Mean absolute error by age" in page) == (label == "age")
    assert ("gender accuracy" in console(results)) == (label == "gender")


def test_predictions_of_faces(tmp_path):
    one = write(tmp_path / "one.mat", [20, 30], [1, NAN], ["x", ""], estimated=[22, 30])
    two = write(tmp_path / "two.mat", [NAN, NAN, 50], [NAN, 0, 1], estimated=[0, 10, 44])
    faces = all_of(one, two)
    [evaluation] = run(faces).evaluations
    models = [("m", evaluation.labels, evaluation.estimates)] * 2
    write_predictions(tmp_path / "p.csv", models)
    whole = pd.read_csv(tmp_path / "p.csv", keep_default_na=False)
    assert len(whole) == 8 and (tmp_path / "p.csv").read_bytes().startswith(MARK)
    columns = ["source", "row", "path", "gender", "age_low", "est_age", "p22"]
    assert whole[columns].head(4).values.tolist() == [
        ["one", 0, "one/0.jpg", "male", "20", 22, 1],
        ["one", 1, "one/1.jpg", "", "30", 30, 0],
        ["two", 1, "two/1.jpg", "female", "", 10, 0],
        ["two", 2, "two/2.jpg", "male", "50", 44, 0],
    ]
    read, estimates = read_predictions(tmp_path / "p.csv")
    assert np.isnan(read["age_low"][2])
    np.testing.assert_array_equal(estimates.age[:4], [22, 30, 10, 44])
    (tmp_path / "other.csv").write_text("path,age\na.jpg,3\n")
    with pytest.raises(UserError, match=r"other\.csv.*predictions"):
        read_predictions(tmp_path / "other.csv")


def test_model_names_are_distinct(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluating, "Estimator", lambda path, *_: path)
    paths = [tmp_path / "a" / "w.hdf5", tmp_path / "b" / "w.hdf5"]
    assert list(load_models(paths)) == [*map(str, paths)]
    assert list(load_models(paths[:1])) == ["w.hdf5"]
    assert list(load_models([])) == ["age_gender.onnx"]
