"""Suspicion and noise rates on simulated labels, and the files of an audit."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy import special

from src.errors import UserError
from src.estimation.estimator import Estimates
from src.evaluation.audit import (
    COLUMNS,
    audit_table,
    files_of,
    from_folds,
    write_audit,
)
from src.evaluation.noise import noise_rates, one_label_per_image, suspect
from src.evaluation.predictions import write_predictions
from src.evaluation.results import labels_table
from tests.evaluation.colour_model import ColourModel
from tests.evaluation.test_evaluate import all_of, run, write

NAN = np.nan
AGES = np.arange(101)


def people(count: int, share: float, seed: int = 0, spread: float = 1.0):
    """Labels, of which `share` are another face's, and predictions from which the true ones are
    drawn, with scores times `spread`; and which labels are wrong."""
    rng = np.random.default_rng(seed)
    centre, width = rng.uniform(5, 90, count), rng.uniform(2, 9, count)
    scores = -(((AGES - centre[:, None]) / width[:, None]) ** 2) / 2
    true = special.softmax(scores, axis=1)
    age = (true.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1).clip(0, 100).astype(float)
    p_female = rng.beta(0.15, 0.15, count).clip(0.01, 0.99)
    gender = (rng.random(count) > p_female).astype(float)
    wrong = rng.random(count) < share
    other = rng.permutation(count)
    labels = [np.where(wrong, values[other], values) for values in (age, gender)]
    is_wrong = wrong & ((labels[0] != age) | (labels[1] != gender))
    estimates = Estimates.of(
        p_female.astype(np.float32), special.softmax(spread * scores, axis=1).astype(np.float32)
    )
    names = [f"{row}.jpg" for row in range(count)]
    return labels_table(names, labels[1], labels[0], labels[0]), estimates, is_wrong


def precision(score, wrong):
    """Precision, which is recall, at the true number of errors."""
    return wrong[np.argsort(-score)[: wrong.sum()]].mean()


@pytest.mark.parametrize("share", [0.05, 0.2])
@pytest.mark.parametrize("spread", [0.6, 1.5])
def test_suspicion_beats_absolute_error(share, spread):
    labels, estimates, wrong = people(4000, share, spread=spread)
    found = suspect(labels, estimates)
    error = np.abs(estimates.age - labels.age_low)
    by_error = precision(error, wrong)
    assert precision(found.age, wrong) > by_error + 0.02 > share + 0.3
    assert precision(found.either, wrong) > by_error + 0.02


def test_suspicion_is_a_probability():
    """Of faces with a suspicion of about p, a share p is wrong."""
    labels, estimates, wrong = people(8000, 0.15, seed=1)
    found = suspect(labels, estimates)
    assert found.either.mean() == pytest.approx(wrong.mean(), abs=0.02)
    for low, high in ((0, 0.2), (0.2, 0.8), (0.8, 1)):
        rows = (low <= found.either) & (found.either < high)
        assert wrong[rows].mean() == pytest.approx(found.either[rows].mean(), abs=0.1)


def test_suspicion_of_ranges_and_unknown_labels():
    """A range is as probable as its years; unknown labels are not suspected."""
    labels, estimates, _ = people(300, 0.05)
    labels.loc[[0, 1], ["age_low", "age_high"]] = [[0, 100], [NAN, NAN]]
    labels.loc[0, "gender"] = NAN
    found = suspect(labels, estimates)
    assert found.p_age[0] == pytest.approx(1, abs=0.02)
    assert np.isnan(found.p_age[1]) and found.age[1] == 0
    assert np.isnan(found.p_gender[0]) and found.gender[0] == 0
    none = suspect(labels.assign(gender=NAN), estimates)
    assert not none["gender"].any() and none["age"].any()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2])
def test_noise_rate_of_confident_learning(share):
    """Against the labels that were really replaced by a label two bands away, or another gender."""
    labels, estimates, _ = people(6000, share, seed=2)
    true, _, _ = people(6000, 0.0, seed=2)
    bands = [np.minimum(each.age_low // 10, 7) for each in (labels, true)]
    expected = {
        "age": (np.abs(bands[0] - bands[1]) > 1).mean(),
        "gender": (labels.gender != true.gender).mean(),
    }
    found = noise_rates(labels, estimates, resamples=30)
    for name, truth in expected.items():
        value, low, high = found[name]
        assert value == pytest.approx(truth, abs=0.04), name
        assert low <= value <= high and high - low < 0.04


def test_noise_rate_by_hand():
    """Two classes: thresholds are the mean confidences, 0.7 and 0.75; the last face labelled 0
    reaches that of class 1, and the joint counts are 2, 1 and 0, 2."""
    p_female = np.array([0.9, 0.9, 0.3, 0.25, 0.25])
    labels = labels_table([""] * 5, np.array([0.0, 0, 0, 1, 1]), np.full(5, NAN), np.full(5, NAN))
    p_female[2] = 0.2
    estimates = Estimates.of(p_female.astype(np.float32), np.full((5, 101), 1 / 101, np.float32))
    value, *_ = noise_rates(labels, estimates, resamples=5)["gender"]
    assert value == pytest.approx(1 / 5)


def test_one_label_per_image():
    """Two labels of one image share one probability; equal labels keep theirs."""
    labels = labels_table([""] * 5, np.ones(5), *[np.array([20.0, 40, 30, 30, 50])] * 2)
    right = one_label_per_image(
        np.array([0.9, 0.9, 0.8, 0.8, 0.7]), np.array([1, 1, 2, 2, 3]), labels
    )
    np.testing.assert_allclose(right, [0.5, 0.5, 0.8, 0.8, 0.7])


@pytest.fixture
def audited():
    """Labels, estimates, identities and datasets of 200 faces: the first is 60 years too old, the
    second of the other gender, the third and fourth are one image."""
    labels, estimates, _ = people(200, 0.0, seed=3)
    best = estimates.age_distribution.argmax(axis=1).astype(float)
    low, gender = best.copy(), (estimates.p_female < 0.5).astype(float)
    distribution, p_female = estimates.age_distribution.copy(), estimates.p_female.copy()
    distribution[:4], p_female[:4] = distribution[best == best.min()][0], 0.99
    low[:4], gender[:4] = distribution[0].argmax(), 0
    low[0] += 60
    gender[1] = 1
    low[3] += 1
    identity = np.arange(200, dtype=np.uint64)
    identity[3] = identity[2]
    labels = labels_table([f"{i}, a.jpg" for i in range(200)], gender, low, low)
    return labels, Estimates.of(p_female, distribution), identity, np.full(200, "my")


def test_table_names_reasons(audited):
    labels, estimates, identity, db = audited
    table = audit_table(labels, estimates, identity, db, [("gone.jpg", "no face found")])
    assert table["rank"][:200].tolist() == list(range(1, 201))
    assert (np.diff(table["suspicion"][:200]) <= 0).all()
    rows = table.set_index("path")
    assert (
        rows.loc["0, a.jpg", "reason"]
        == f"age too old by {labels.age_low[0] - estimates.age[0]:.0f} years"
    )
    assert rows.loc["1, a.jpg", "reason"] == "gender"
    for name in ("2, a.jpg", "3, a.jpg"):
        assert rows.loc[name, "reason"] == "the same image under another label"
    assert rows.loc["gone.jpg", "reason"] == "no face found"
    assert np.isnan(rows.loc["gone.jpg", "suspicion"])
    assert rows.loc["3, a.jpg", "identity"] == f"{2:016x}"


def write_files(path: Path, audited):
    faces = np.stack([np.full((32, 32, 3), 40 + row, np.uint8) for row in range(20)])
    table = audit_table(*audited)
    write_audit(path, table, faces, {"age": (0.1, 0.05, 0.15)}, "Predictions of x.")


def test_predictions_of_folds_are_matched(tmp_path):
    """By dataset and row, in any order; missing and repeated faces are refused."""
    one = write(tmp_path / "one.mat", [20, 30, NAN], [1, 0, NAN], estimated=[22, 31, 1])
    two = write(tmp_path / "two.mat", [40, 50], estimated=[44, 55])
    joined = all_of(two, one)
    [evaluation] = run(joined).evaluations
    order = np.array([3, 0, 2, 1])
    path = tmp_path / "folds.csv"
    shuffled = evaluation.labels.iloc[order], evaluation.estimates.of_faces(order)
    write_predictions(path, [("fold 1", *shuffled)])
    faces = all_of(one, two)
    estimates = from_folds(faces, path)
    assert estimates.age.tolist() == [22, 31, 44, 55]
    with pytest.raises(UserError, match=r"--folds.*lacks 1.*row 0 of three"):
        from_folds(all_of(one, write(tmp_path / "three.mat", [5])), path)
    whole = path.read_text()
    path.write_text(whole + whole.splitlines()[-1] + "\n")
    with pytest.raises(UserError, match=r"--folds.*several"):
        from_folds(faces, path)


def test_page_in_chromium(audited, tmp_path):
    """Decisions by keyboard are saved into the whole CSV, and survive a reload."""
    from tests.cli import browser

    missing = [name for name in browser.MISSING if name != "gradio"]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    path = tmp_path / "AUDIT.csv"
    write_files(path, audited)
    before = list(csv.reader(path.read_text().splitlines()))
    with browser.chromium(tmp_path) as driver:
        driver.execute_cdp_cmd(
            "Browser.setDownloadBehavior",
            {"behavior": "allow", "downloadPath": str(tmp_path / "saved")},
        )
        driver.get(files_of(path)[0].as_uri())
        press = driver.find_element("tag name", "body").send_keys
        press("k")
        press("d")
        press("c")
        driver.switch_to.alert.send_keys("20-29f, from the caption")
        driver.switch_to.alert.accept()
        press("d")
        press("u")
        press("\ue012")  # left
        press("k")
        press("u")  # the correction is back
        assert "3 of 20 decided" in driver.find_element("id", "count").text
        driver.get(files_of(path)[0].as_uri())
        assert "3 of 20 decided" in driver.find_element("id", "count").text
        driver.find_element("id", "save").click()
        saved = browser.wait_for(lambda: [*(tmp_path / "saved").glob("AUDIT.csv")])[0]
        after = list(csv.reader(saved.read_text().splitlines()))
    assert [row[:-3] for row in after] == [row[:-3] for row in before]
    assert [row[-3:] for row in after[1:5]] == [
        ["keep", "", ""],
        ["drop", "", ""],
        ["correct", "20-29", "female"],
        ["", "", ""],
    ]


def test_audit_of_a_model(tmp_path, monkeypatch, capsys):
    """evaluate.py --audit: the face whose label is 60 years off is first."""
    import evaluate
    from src.evaluation import audit

    ages = np.tile(np.arange(10.0, 70), 3)
    labels = ages.copy()
    labels[7] = 90
    path = write(tmp_path / "db.mat", labels, estimated=ages)
    monkeypatch.setattr(audit, "load_models", lambda *_: {"model": ColourModel()})
    command = ["--input", str(path), "--audit", str(tmp_path / "a.csv"), "--worst", "5"]
    evaluate.main(command)
    table = pd.read_csv(tmp_path / "a.csv")
    assert table["path"][0] == "db/7.jpg" and len(table) == 180
    assert "too old by 73 years" in table["reason"][0]
    out = capsys.readouterr().out
    assert "confident learning" in out and "note: " in out
    page, sheet = files_of(tmp_path / "a.csv")
    assert list(table) == COLUMNS and table["decision"].isna().all()
    assert "http" not in page.read_text() and cv2.imread(str(sheet)).shape[1] > 1000
    with pytest.raises(UserError, match=r"--audit.*a\.csv exists"):  # it may hold decisions
        evaluate.main(command)
