"""HTML report of an evaluation."""

import base64
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from src.evaluation.evaluate import evaluate
from src.evaluation.plots import _calibration
from src.evaluation.report import write_report
from src.evaluation.results import Labels
from tests.evaluation.colour_model import ColourModel, face

NAME = '<script>alert("x")</script>&amp;.jpg'
AGE_PLOTS = ["Mean absolute error by age", "Bias by age", "Age in the 80 % interval by age"]
ACCURACY = "Gender accuracy by age"
VOID = {"img", "meta", "br"}


class Page(HTMLParser):
    """Text, table cells and elements of a page."""

    def __init__(self, page):
        super().__init__()
        self.source = page
        self.open, self.elements, self.texts, self.rows = [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []
        self.text = " ".join(" ".join(self.texts).split())
        self.rows = [[" ".join(cell.split()) for cell in row] for row in self.rows]

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += " " + data

    def row(self, first):
        """The first row whose first cell begins with `first`."""
        return next(row for row in self.rows if row[0].startswith(first))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


class Shown:
    """Faces that `ColourModel` estimates at `years` and `percent` female."""

    unit = "faces"

    def __init__(self, years, percent, notes=(), **labels):
        nothing = np.full(len(years), np.nan)
        known = {"names": [f"{row}.jpg" for row in range(len(years))]}
        known |= dict.fromkeys(("gender", "age_low", "age_high"), nothing)
        self.labels, self.notes = Labels(**known | labels), list(notes)
        self._faces = list(zip(years, percent, strict=True))

    def read(self, rows, estimator):
        size = estimator.crop.size
        faces = [face(*self._faces[row], size) for row in rows]
        return np.array(faces, np.uint8).reshape(-1, size, size, 3), [""] * len(rows)

    def batches(self, estimator):
        yield self.read(np.arange(len(self.labels)), estimator)

    def check(self, estimator):
        return []

    def uses(self, description):
        return {}


class Older(ColourModel):
    """Estimates 4 years more than `ColourModel`."""

    def __call__(self, faces):
        return super().__call__(faces + np.array([0, 4, 0], np.uint8))


@pytest.fixture(scope="module")
def people():
    """400 faces with all kinds of labels; the first, of 5 years, is estimated at 95."""
    rng = np.random.default_rng(0)
    age = np.concatenate([[5], rng.integers(10, 80, 399)]).astype(float)
    estimated = np.concatenate([[95], np.clip(age[1:] + rng.integers(-9, 10, 399), 0, 90)]).astype(
        int
    )
    gender = rng.choice([0, 1, np.nan], 400)
    percent = np.where(gender == 0, rng.integers(20, 101, 400), rng.integers(0, 80, 400))
    return Shown(
        estimated,
        percent,
        notes=["a <note> & more"],
        names=[NAME, *(f"{row}.jpg" for row in range(399))],
        gender=gender,
        age_low=age,
        age_high=age + (np.arange(400) % 5 == 4),
        age_std=np.full(400, 5.0),
        columns={"group": rng.choice(["<b>x</b>", "y", ""], 400, p=[0.5, 0.45, 0.05])},
    )


def report(folder, faces, **models):
    models = models or {"model": ColourModel()}
    results = evaluate(faces, models, resamples=20, arguments={"input": ["<db>.mat"], "seed": 7})
    path = folder / "report.html"
    write_report(path, results)
    return results, Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def one(people, tmp_path_factory):
    return report(tmp_path_factory.mktemp("one"), people)


@pytest.fixture(scope="module")
def two(people, tmp_path_factory):
    models = {"_plain$1": ColourModel(), "older": Older()}
    return report(tmp_path_factory.mktemp("two"), people, **models)


def titles(page):
    """Titles of the plots, which must have a picture or table, and a text alternative."""
    found = page.source.split("<figcaption><b>")[1:]
    assert all("<svg" in part or "<table" in part for part in found)
    assert len(page.all("svg")) == len(alternatives(page))
    return [part.partition("</b>")[0] for part in found]


def alternatives(page):
    return [each["aria-label"] for each in page.all("div") if each.get("role") == "img"]


def test_page_is_self_contained(two):
    _, page = two
    assert not page.all("script") and not page.all("link") and not page.all("iframe")
    for _, attributes in page.elements:
        for name in ("src", "href", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/"))
        assert not any(name.startswith("on") for name in attributes)
    assert "://" not in page.source and "@import" not in page.source
    assert page.source.count("url(") == page.source.count("url(#")
    assert len(page.source) < 3_000_000


def test_names_are_escaped(one):
    _, page = one
    assert NAME in page.text
    assert any(image["alt"] == NAME for image in page.all("img"))
    assert "a <note> & more" in page.text and "<db>.mat" in page.text
    assert page.row("<b>x</b>")


def test_undecodable_names(tmp_path):
    age = np.array([9.0, 30])
    faces = Shown([20, 30], [0, 0], names=["caf\udce9.jpg", "b"], age_low=age, age_high=age)
    _, page = report(tmp_path, faces)
    assert "caf\\udce9.jpg" in page.text


def test_values_are_the_results(one, people):
    results, page = one
    labels, estimated = people.labels, results.evaluations[0].estimates
    error = np.maximum(labels.age_low - estimated.age, 0) + np.maximum(
        estimated.age - labels.age_high, 0
    )
    mae = page.row("mean absolute error")
    assert mae[1].startswith(f"{error.mean():.2f} ")
    assert mae[-1] == "400"
    known = np.isfinite(labels.gender)
    male = estimated.p_female[known] <= 0.5
    accuracy = (male == labels.gender[known]).mean()
    assert page.row("gender accuracy")[1].startswith(f"{accuracy:.1%}".replace("%", " %"))
    women = labels.gender[known] == 0
    assert page.row("female")[2].endswith(f"{(women & male).sum()} faces")
    within = (labels.age_low >= 30) & (labels.age_high < 40)
    assert page.row("30-39")[2].startswith(f"{error[within].mean():.2f} ")


def test_every_metric_has_its_interval(one):
    results, page = one
    table = results.table.query("subgroup == 'all'").set_index(["model", "metric"])
    assert "epsilon_error" in table.loc["model"].index
    shown = [row for row in page.rows if len(row) == 4 and " to " in row[1]]
    assert len(shown) == len(table.loc["model"])
    mae = table.loc["model", "mae"]
    assert f"{mae['low']:.2f} to {mae['high']:.2f}" in page.row("mean absolute error")[1]
    [baseline] = set(table.index.get_level_values("model")) - {"model"}
    value = table.loc[(baseline, "mae"), "value"]
    assert page.row("mean absolute error")[2].startswith(f"{value:.2f} ")
    assert f"baseline {value:.2f}" in page.text


def test_few_faces_are_marked(one):
    _, page = one
    assert page.row("0-9")[1:3] == ["1", "90.00†"]  # one face has no interval
    assert "†" not in "".join(page.row("30-39"))


def test_all_plots_are_drawn(one, two):
    ages = [*AGE_PLOTS, ACCURACY, "Cumulative score"]
    scatter, calibration = "Estimated against true age", "Gender calibration"
    confusion = "Gender confusion matrix"
    assert titles(one[1]) == [*ages, scatter, calibration, confusion]
    both = ("_plain$1", "older")
    expected = [*ages, *(f"{scatter}: {name}" for name in both), calibration]
    assert titles(two[1]) == [*expected, *(f"{confusion}: {name}" for name in both)]


def test_plots_use_page_colour(one):
    svgs = one[1].source.split("<svg")[1:]
    assert all("currentColor" in svg.partition("</svg>")[0] for svg in svgs)
    assert "#000000" not in one[1].source


def test_better_model_is_named(two):
    _, page = two
    assert "older - _plain$1" in page.text
    _, difference = (row for row in page.rows if row[0].startswith("mean absolute"))
    results, _ = two
    mae = [np.abs(each.error).mean() for each in results.evaluations]
    assert difference[1].startswith(f"{mae[1] - mae[0]:+.2f} ")
    assert difference[2] == "_plain$1"
    assert "exploratory" in page.text


def test_points_of_gender_calibration(tmp_path):
    """40 faces are predicted female at 20 %, 10 of them are; 20 at 90 %, 18 of them are."""
    gender = np.ones(60)
    gender[[*range(10), *range(40, 58)]] = 0
    results, _ = report(tmp_path, Shown([30] * 60, np.repeat([20, 90], [40, 20]), gender=gender))
    predicted, women, faces = _calibration(results.evaluations[0])
    np.testing.assert_allclose(predicted, [0.2, 0.9], atol=1e-6)
    np.testing.assert_allclose(women, [0.25, 0.9])
    assert faces.tolist() == [40, 20]


def test_without_ages(tmp_path):
    _, page = report(tmp_path, Shown([20] * 40, [10] * 40, gender=np.arange(40) % 2.0))
    assert titles(page) == ["Gender calibration", "Gender confusion matrix"]
    assert "age known for none" in page.text
    assert not page.all("img")


def test_without_genders(tmp_path):
    age = np.array([20.0, 30, 40])
    _, page = report(tmp_path, Shown([22, 30, 47], [10] * 3, age_low=age, age_high=age))
    assert titles(page) == [*AGE_PLOTS, "Cumulative score", "Estimated against true age"]
    assert "gender known for none" in page.text
    assert len(page.all("img")) == 2


def test_crowded_scatter_is_a_picture(tmp_path):
    age = np.arange(2000) % 101.0
    estimated = (age * 0.5 + 20).astype(int)
    _, page = report(tmp_path, Shown(estimated, [10] * 2000, age_low=age, age_high=age))
    assert len(page.all("image")) == 1


def test_worst_faces(people, tmp_path):
    _, page = report(tmp_path, people, model=ColourModel(img_size=200))
    images = page.all("img")
    assert len(images) == 24
    data = base64.b64decode(images[0]["src"].partition("base64,")[2])
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (128, 128, 3)
    assert picture.mean(axis=(0, 1))[1:] == pytest.approx([95, 0], abs=3)  # BGR stays BGR
    assert "90.0 years too old labelled 5" in page.text
    assert "estimated 95 (93-97), " in page.text


def test_page_is_reproducible(two, tmp_path):
    write_report(tmp_path / "again.html", two[0])
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == two[1].source
