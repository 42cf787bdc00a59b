"""HTML report of an evaluation."""

from html.parser import HTMLParser

import numpy as np
import pytest

from src.evaluation.evaluate import evaluate
from src.evaluation.plots import calibration_bins
from src.evaluation.report import write_report
from src.evaluation.results import labels_table
from tests.evaluation.colour_model import ColourModel, face

AGE_PLOTS = ["Mean absolute error by age", "Bias by age", "Age in the 80 % interval by age"]
VOID = {"img", "meta", "br"}


class Page(HTMLParser):
    """Text, table rows and elements of a page, which must be well-formed."""

    def __init__(self, source):
        super().__init__()
        self.source = source
        self.open, self.elements, self.texts, self.rows = [], [], [], []
        self.feed(source)
        self.close()
        assert self.open == []
        self.text = " ".join(" ".join(self.texts).split())
        self.titles = [part.partition("</b>")[0] for part in source.split("<figcaption><b>")[1:]]

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in ("img", "meta", "br"):
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
            self.rows[-1][-1] += data

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
        known = {"path": [f"{row}.jpg" for row in range(len(years))], "source": "photos"}
        known |= dict.fromkeys(("gender", "age_low", "age_high"), nothing)
        self.labels, self.notes = labels_table(**known | labels), list(notes)
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
        return {"photos": "never seen"}


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
        gender=gender,
        age_low=age,
        age_high=age + (np.arange(400) % 5 == 4),
        age_std=np.full(400, 5.0),
        group=rng.choice(["<b>x</b>", "y", ""], 400, p=[0.5, 0.45, 0.05]),
    )


def report(folder, faces, **models):
    models = models or {"model": ColourModel()}
    results = evaluate(faces, models, resamples=20, arguments={"input": ["<db>.mat"], "seed": 7})
    path = folder / "report.html"
    write_report(path, results)
    return results, Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def two(people, tmp_path_factory):
    models = {"_plain$1": ColourModel(), "older": Older()}
    return report(tmp_path_factory.mktemp("two"), people, **models)


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


def test_names_are_escaped(two, tmp_path):
    _, page = two
    assert "a <note> & more" in page.text and "<db>.mat" in page.text
    assert page.row("group <b>x</b>")
    age = np.array([9.0, 30])
    faces = Shown([20, 30], [0, 0], notes=["caf\udce9.jpg"], age_low=age, age_high=age)
    assert "caf\\udce9.jpg" in report(tmp_path, faces)[1].text


def test_values_are_the_results(two, people):
    results, page = two
    table = results.table.query("subgroup == 'all'").set_index(["model", "metric"])
    [baseline] = set(table.index.get_level_values("model")) - {*results.models, "older - _plain$1"}
    values = [table.loc[model, "mae"] for model in (*results.models, baseline)]
    labels, estimated = people.labels, results.evaluations[0].estimates
    nearest = np.clip(estimated.age, labels["age_low"], labels["age_high"])
    assert values[0]["value"] == pytest.approx(np.abs(estimated.age - nearest).mean())
    assert page.row("mean absolute error")[1:] == [
        *(f"{each['value']:.2f} [{each['low']:.2f}, {each['high']:.2f}]" for each in values),
        "400",
    ]
    assert page.row("epsilon error")
    women = labels["gender"] == 0
    right = (estimated.p_female[women] > 0.5).mean()
    assert page.row("gender accuracy, female")[1].startswith(f"{right:.1%} [")
    assert page.row("age 0-9")[1:4] == ["_plain$1", "1", "90.00*"]  # one face has no interval


def test_all_plots_are_drawn(two):
    _, page = two
    both = (f"Estimated against true age: {name}" for name in ("_plain$1", "older"))
    assert page.titles == [*AGE_PLOTS, "Gender accuracy by age", *both, "Gender calibration"]
    alternatives = [each["aria-label"] for each in page.all("div") if each.get("role") == "img"]
    assert len(page.all("svg")) == len(page.titles) == len(alternatives) and all(alternatives)
    svgs = page.source.split("<svg")[1:]
    assert all("currentColor" in svg.partition("</svg>")[0] for svg in svgs)


def test_better_model_is_named(two):
    results, page = two
    assert "older - _plain$1" in page.text and "exploratory" in page.text
    _, difference = (row for row in page.rows if row[0].startswith("mean absolute"))
    mae = [each.measures["error"].abs().mean() for each in results.evaluations]
    assert difference[1].startswith(f"{mae[1] - mae[0]:+.2f} ")
    assert difference[2] == "_plain$1"


def test_points_of_gender_calibration(tmp_path):
    """40 faces are predicted female at 20 %, 10 of them are; 20 at 90 %, 18 of them are."""
    gender = np.ones(60)
    gender[[*range(10), *range(40, 58)]] = 0
    results, _ = report(tmp_path, Shown([30] * 60, np.repeat([20, 90], [40, 20]), gender=gender))
    bins = calibration_bins(results.evaluations[0])
    np.testing.assert_allclose(bins, [[0.2, 0.25, 40], [0.9, 0.9, 20]], atol=1e-6)


def test_page_is_reproducible(two, tmp_path):
    write_report(tmp_path / "again.html", two[0])
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == two[1].source
