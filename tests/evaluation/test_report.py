"""HTML report of an evaluation."""

import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from src.evaluation.evaluate import evaluate
from src.evaluation.labelled import from_databases
from src.evaluation.output import write_report
from src.evaluation.plots import calibration_bins
from src.evaluation.tables import tables
from tests.evaluation.colour_model import ColourModel
from tests.evaluation.test_evaluate import write

AGE_PLOTS = ["Mean absolute error by age", "Bias by age", "Age in the 80 % interval by age"]


class Page(HTMLParser):
    """A page's source and text; its elements must be closed in order."""

    def __init__(self, source):
        super().__init__()
        self.source, self.open, self.text = source, [], ""
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        if tag not in ("img", "meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, pattern):
        return re.findall(pattern, self.source)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Results of two models and their page: 200 faces, the first, of 5 years, estimated at 95."""
    folder, rng = tmp_path_factory.mktemp("report"), np.random.default_rng(0)
    age = np.concatenate([[5], rng.integers(10, 80, 199)])
    estimated = np.concatenate([[95], age[1:] + rng.integers(-9, 10, 199)])
    path = write(
        folder / "db.mat",
        age,
        rng.choice([0, 1, np.nan], 200),
        rng.choice(["<b>x</b>", "y", ""], 200).tolist(),
        estimated=estimated,
        age_high=age + (np.arange(200) % 5 == 4),
    )
    faces = from_databases([path])
    faces.notes.extend(["a <note> & more", "caf\udce9.jpg"])
    models = {"_plain$1": ColourModel(), "older": ColourModel()}
    results = evaluate(faces, models, resamples=20, arguments={"input": ["<db>.mat"], "seed": 7})
    write_report(folder / "report.html", results)
    return results, Page((folder / "report.html").read_text(encoding="utf-8"))


def test_page_is_self_contained(shown, tmp_path):
    results, page = shown
    assert not page.all("<(?:script|link|iframe)") and not page.all(r"<[^>]+ on\w+=")
    addresses = page.all('(?:src|href)="([^"]*)"')
    assert all(address.startswith(("#", "data:image/")) for address in addresses)
    assert "://" not in page.source and "@import" not in page.source
    assert page.source.count("url(") == page.source.count("url(#")
    assert len(page.source) < 3_000_000
    write_report(tmp_path / "again.html", results)
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page.source


def test_names_are_escaped(shown):
    _, page = shown
    for text in ("a <note> & more", "caf\\udce9.jpg", "<db>.mat", "group <b>x</b>"):
        assert text in page.text


def test_all_tables_and_plots_are_shown(shown):
    results, page = shown
    for title in (*tables(results), "older - _plain$1", "exploratory"):
        assert title in page.text
    both = (f"Estimated against true age: {name}" for name in ("_plain$1", "older"))
    titles = page.all("<figcaption><b>(.*?)</b>")
    assert titles == [*AGE_PLOTS, "Gender accuracy by age", *both, "Gender calibration"]
    assert len(page.all('role="img" aria-label="[^"]+"')) == len(titles)
    assert all("currentColor" in svg for svg in page.all("(?s)<svg.*?</svg>"))
    assert len(page.all("<svg")) == len(titles)


def test_points_of_gender_calibration():
    """40 faces are predicted female at 20 %, 10 of them are; 20 at 90 %, 18 of them are."""
    male = np.ones(61)
    male[[*range(10), *range(40, 58)]], male[60] = 0, np.nan
    measures = pd.DataFrame({"male": male, "p_female": np.repeat([0.2, 0.9], [40, 21])})
    bins = calibration_bins(SimpleNamespace(measures=measures))
    np.testing.assert_allclose(bins, [[0.2, 0.25, 40], [0.9, 0.9, 20]], atol=1e-6)
