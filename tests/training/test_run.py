"""src/training/run.py: flags from files, the folder of a run, and every recipe."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from src.errors import UserError
from src.training.arguments import Arguments
from src.training.run import check_run, parse, start_run, with_files
from tests.helpers import ROOT

RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
assert RECIPES


def test_recipe_flags_come_first(tmp_path):
    recipe = tmp_path / "a.yaml"
    recipe.write_text(
        "# why\ninput: [a.mat, b.mat]\naug: strong\nuse_se: true\nema: null\nlr: 1.e-3"
    )
    given = ["--config", str(recipe), "--lr", "0.1"]
    read = ["--input", "a.mat", "b.mat", "--aug", "strong", "--use_se", "--lr", "0.001"]
    assert with_files(given) == [*read, *given]


def test_arguments_of_a_resumed_folder(tmp_path):
    (tmp_path / "arguments.json").write_text(
        '{"version": "1", "backend": "jax", "input": ["a.mat"], "lr": 0.1, "aug": null, '
        '"output_path": "elsewhere", "mixed_precision": true, "resume": false, "run_id": "1"}'
    )
    given = ["--resume", str(tmp_path), "--nb_epochs", "9"]
    read = ["--input", "a.mat", "--lr", "0.1", "--output_path", "elsewhere", "--mixed_precision"]
    assert with_files(given) == [*read, "--output_path", str(tmp_path), *given]


def test_recorded_defaults_are_no_flags(tmp_path):
    began = Arguments([Path("a.mat")], tmp_path, arch="resnet18", width=4)
    start_run(began, "tensorflow")
    resumed = parse(["--resume", str(tmp_path)])
    assert replace(resumed, resume=None) == began


@pytest.mark.parametrize(
    "text",
    [None, "- a\n- b\n", "a: [1\n", "", "a: {b: 1}", "\0", "lrr: 1"],
    ids="missing list cut empty nested binary unknown".split(),
)
def test_files_without_flags_are_rejected(tmp_path, text):
    if text is not None:
        (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match=r"a\.yaml: "):
        with_files(["--config", str(tmp_path / "a.yaml")])


def test_newer_flags_have_their_default(tmp_path):
    arguments = Arguments([Path("a.mat")], output_path=tmp_path, lr=1e-9)
    resumed = replace(arguments, resume="auto")
    first = start_run(arguments, "tensorflow")
    recorded = json.loads((tmp_path / "arguments.json").read_text())
    del recorded["test_split"]
    (tmp_path / "arguments.json").write_text(json.dumps(recorded))
    check_run(resumed)
    with pytest.raises(UserError, match=r"--test_split 0\.0, .* 0\.1"):
        check_run(replace(resumed, test_split=0.1))
    assert start_run(resumed, "tensorflow") == first  # the identifier of the run
    assert start_run(arguments, "tensorflow") != first


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_recipes_state_command_and_results(recipe):
    head = [line for line in recipe.read_text().splitlines() if line.startswith("#")]
    command = head.index(f"# python train.py --config recipes/{recipe.name}")
    after = head[command + 1 : command + 4]
    for line, word in zip(after, ("hardware:", "time:", "reaches:"), strict=True):
        assert line.removeprefix("# ").startswith(word)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_recipes_are_accepted(recipe, monkeypatch):
    monkeypatch.chdir(ROOT)
    settings = yaml.safe_load(recipe.read_text())
    arguments = parse(["--config", str(recipe)])
    assert [str(path) for path in arguments.input] == settings.pop("input")
    assert str(arguments.output_path) == settings.pop("output_path")
    assert {name: getattr(arguments, name) for name in settings} == settings
