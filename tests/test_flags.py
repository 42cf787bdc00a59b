"""src/flags.py: flags of small dataclasses, and rejected values."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from src.errors import UserError
from src.flags import check_values, flag, parse


def doubled(text: str) -> int:
    if text == "zero":
        raise UserError("expected no zero")
    return 2 * int(text)


@dataclass(frozen=True)
class Made:
    input: list[Path] = flag(help="files", short="-i")
    rate: float | None = flag(None, help="rate", limits="(0, 1]")
    count: int = flag(3, help="count", limits="[1, inf)", group="numbers")
    kind: str = flag("a", help="kind", choices=("alpha", "b", "a"))
    aug: str | None = flag(None, help="aug", choices=("x", "y"), const="x")
    share: float = flag(0.5, help="share, 10 % of it", needs={"aug": ("x", "y")})
    fast: bool = flag(False, help="fast", excludes=("rate",))
    double: int = flag(0, help="doubled", parse=doubled, needs=("fast", "rate"))
    internal: int = 0


@dataclass(frozen=True, kw_only=True)
class Shared:
    output: Path | None = flag(None, help="output", group="results")
    force: bool = flag(False, help="force", needs="output")
    port: int = flag(80, help="port", needs={"source": ("the page", "the webcam")})

    @property
    def source(self) -> str:
        return "a file"


@dataclass(frozen=True, kw_only=True)
class Script(Shared):
    NEEDS: ClassVar = {"force": {"images": ()}}
    images: tuple[Path, ...] = flag((), help="images", positional=True)
    output: Path = Path("here")


def test_fields_become_flags():
    assert parse(Made, ["-i", "one", "two"]) == Made([Path("one"), Path("two")])
    argv = ["--input", "a", "--rate", "1", "--count", "7", "--aug", "--double", "4"]
    assert parse(Made, argv) == Made([Path("a")], 1.0, 7, aug="x", double=8)


def test_bases_come_last():
    made = parse(Script, ["a.jpg", "b.jpg", "--force"])
    assert made == Script(images=(Path("a.jpg"), Path("b.jpg")), force=True)
    assert parse(Script, []) == Script()
    assert made.output == Path("here")


@pytest.mark.parametrize(
    "name, text",
    [
        *(("rate", "0"), ("rate", "nan"), ("count", "0"), ("count", "1.5"), ("kind", "c")),
        *(("aug", "z"), ("double", "half"), ("count", "9.9e99"), ("rate", "wide")),
    ],
)
def test_rejected_texts(name, text):
    with pytest.raises(UserError, match=f"^--{name}: expected .*, received '{text}'"):
        parse(Made, ["-i", "a", f"--{name}", text])


@pytest.mark.parametrize("name, value", [("rate", 1.5), ("count", 0), ("kind", "c")])
def test_rejected_values(name, value):
    with pytest.raises(UserError, match=f"^--{name}: expected .*, received '{value}'"):
        check_values(Made([Path("a")], **{name: value}))
    check_values(Made([Path("a")], rate=1.0, count=9, kind="b", aug="y", share=0.1))


@pytest.mark.parametrize(
    "argv, near",
    [
        (["--cuont", "3"], "--cuont; did you mean --count?"),
        (["--inp", "a"], "--inp; did you mean --input?"),
        (["-i", "a", "--kind", "ALPA"], "did you mean alpha?"),
        (["-i", "a", "--wholly-unknown"], "--wholly-unknown$"),
        (["-i", "a", "--double", "zero"], "--double: expected no zero$"),
        ([], "required: --input"),
    ],
)
def test_mistakes_are_explained(argv, near):
    with pytest.raises(UserError, match=re.escape(near).replace(r"\$", "$")):
        parse(Made, argv)


@pytest.mark.parametrize(
    "cls, argv, words",
    [
        (Made, ["-i", "a", "--share", "0.1"], "--share requires --aug x or y"),
        (Made, ["-i", "a", "--share=0.5"], "--share requires --aug x or y"),
        (Made, ["-i", "a", "--double", "1"], "--double requires --fast or --rate"),
        (Made, ["-i", "a", "--fast", "--rate", "1"], "--fast cannot be combined with --rate"),
        (Shared, ["--force"], "--force requires --output"),
        (Script, ["--force"], "--force requires images"),
        (Shared, ["--port", "80"], "--port requires the page or the webcam"),
    ],
)
def test_flag_without_effect_is_rejected(cls, argv, words):
    with pytest.raises(UserError, match=f"^{words}$"):
        parse(cls, argv)


def test_help_names_each_default_once(capsys):
    with pytest.raises(SystemExit, match="0"):
        parse(Made, ["--help"], "A script.\n")
    text = " ".join(capsys.readouterr().out.split())
    assert "A script." in text
    assert "files (required) --rate RATE rate numbers: --count COUNT count (default: 3)" in text
    assert "share, 10 % of it (default: 0.5) --fast fast --double" in text
