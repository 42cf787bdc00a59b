"""Flags from files: how they are read, and every recipe that is shipped."""

import runpy
import sys

import pandas as pd
import pytest
import yaml

from src.errors import UserError
from src.training.recipes import with_files
from tests.helpers import ROOT, names, write_database

RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))


def test_flags_of_a_recipe_come_before_those_given(tmp_path):
    recipe = tmp_path / "a.yaml"
    recipe.write_text(
        "# why\ninput: [a.mat, b.mat]\naug: strong\nuse_se: true\nema: null\nlr: 1.e-3"
    )
    given = ["--config", str(recipe), "--lr", "0.1"]
    read = ["--input", "a.mat", "b.mat", "--aug", "strong", "--use_se", "--lr", "0.001"]
    assert with_files(given) == [*read, *given]


def test_a_run_s_arguments_come_with_its_folder(tmp_path):
    (tmp_path / "arguments.json").write_text(
        '{"version": "1", "backend": "jax", "input": ["a.mat"], "lr": 0.1, "aug": null, '
        '"output_path": "elsewhere", "mixed_precision": true, "resume": false}'
    )
    given = ["--resume", str(tmp_path), "--nb_epochs", "9"]
    read = ["--input", "a.mat", "--lr", "0.1", "--output_path", "elsewhere", "--mixed_precision"]
    assert with_files(given) == [*read, "--output_path", str(tmp_path), *given]


@pytest.mark.parametrize("given", [[], ["--resume"], ["--resume", "auto"], ["--aug", "--resume"]])
def test_nothing_is_read_where_no_file_is_named(given):
    assert with_files(given) == given


@pytest.mark.parametrize(
    "text, words",
    [
        (None, "expected a file of flags: No such file"),
        ("- a\n- b\n", r"expected flags and values, .* found \['a', 'b'\]"),
        ("a: [1\n", "expected YAML: "),
        ("", "expected flags and values, .* found None"),
    ],
)
def test_files_that_hold_no_flags(tmp_path, text, words):
    if text is not None:
        (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match=f"a.yaml: {words}"):
        with_files(["--config", str(tmp_path / "a.yaml")])


def test_there_are_recipes():
    assert RECIPES


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_opens_with_its_command_hardware_time_and_figure(recipe):
    head = [line for line in recipe.read_text().splitlines() if line.startswith("#")]
    assert f"python train.py --config recipes/{recipe.name}" in head[0]
    for line, word in zip(head[1:4], ("hardware:", "time:", "reaches:"), strict=True):
        assert line.removeprefix("# ").startswith(word)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_runs_for_two_steps(recipe, tmp_path, monkeypatch):
    inputs = yaml.safe_load(recipe.read_text())["input"]
    databases = [
        write_database(tmp_path / f"{number}.mat", count=6, img_size=32)
        for number, _ in enumerate(inputs)
    ]
    rows = 6 * len(databases)
    flags = ["--input", *databases, "--output_path", tmp_path / "run", "--split_by", "random"]
    flags += ["--nb_epochs", 1, "--warmup_epochs", 0, "--batch_size", (rows - 2) // 2]
    flags += ["--validation_split", 2 / rows]
    command = ["train.py", "--config", recipe, *flags]
    monkeypatch.setattr(sys, "argv", list(map(str, command)))
    runpy.run_path(str(ROOT / "train.py"), run_name="__main__")
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert history["epoch"].tolist() == [1]
    assert len(names(tmp_path / "run")) == 6
