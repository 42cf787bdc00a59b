"""src/flags.py: flags of a small dataclass, and rejected values."""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from src import cli
from src.errors import UserError
from src.flags import add_flags, check_values, flag, within


@dataclass(frozen=True)
class Made:
    input: list[Path] = flag(help="files", short="-i")
    rate: float | None = flag(None, help="rate", limits="(0, 1]")
    count: int = flag(3, help="count", limits="[1, inf)", group="numbers")
    kind: str = flag("a", help="kind", choices=("a", "b"))
    aug: str | None = flag(None, help="aug", choices=("x", "y"), const="x")
    share: float = flag(0.5, help="share", needs={"aug": ("x", "y")})
    fast: bool = flag(False, help="fast")
    internal: int = 0


def parse(*argv: str) -> argparse.Namespace:
    parser = cli.Parser("")
    add_flags(parser, Made)
    return parser.parse_args(argv)


def test_fields_become_flags():
    assert vars(parse("-i", "one", "two")) == {
        "input": [Path("one"), Path("two")], "rate": None, "count": 3, "kind": "a", "aug": None,
        "share": 0.5, "fast": False,
    }  # fmt: skip
    given = parse("--input", "a", "--rate", "1", "--count", "7", "--aug", "--fast")
    assert (given.rate, given.count, given.aug, given.fast) == (1.0, 7, "x", True)


@pytest.mark.parametrize(
    "name, text",
    [("rate", "0"), ("rate", "nan"), ("count", "0"), ("count", "1.5"), ("kind", "c"), ("aug", "z")],
)
def test_rejected_texts(name, text, capsys):
    with pytest.raises(SystemExit):
        parse("-i", "a", f"--{name}", text)
    assert re.search(f"--{name}: .*{text}", capsys.readouterr().err)


@pytest.mark.parametrize(
    "values, words",
    [
        ({"rate": 1.5}, "--rate: .*1.5"),
        ({"count": 0}, "--count: .*0"),
        ({"kind": "c"}, "--kind: .*c"),
    ],
)
def test_rejected_values(values, words):
    with pytest.raises(UserError, match=words):
        check_values(Made([Path("a")], **values))


@pytest.mark.parametrize("text", ["0.1", "0.5"])
def test_flag_without_effect_is_rejected(text, capsys):
    parser = cli.Parser("")
    add_flags(parser, Made)
    assert parser.parse_args(["-i", "a", "--aug", "x", "--share", text]).share == float(text)
    with pytest.raises(SystemExit):
        parser.parse_args(["-i", "a", "--share", text])
    assert re.search(r"--share: .*--aug", capsys.readouterr().err)


def test_accepted_values():
    check_values(Made([Path("a")], rate=1.0, count=9, kind="b", aug="y", share=0.1))


def test_ends_of_intervals():
    found = [[within(value, limits) for value in (0, 1)] for limits in ("[0, 1)", "(0, 1]")]
    assert found == [[True, False], [False, True]]
    assert within(1e300, "(0, inf)") and not within(float("inf"), "(0, inf)")
