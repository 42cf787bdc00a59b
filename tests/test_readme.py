"""README and docs: help texts, links and commands."""

import re
import runpy
import shlex
import shutil
import sys
from functools import cache

import cv2
import pytest
from matplotlib import cbook

from src import flags
from src.training.run import parse as parse_training
from tests.cli.demo_runs import NO_SCREEN
from tests.demo.made import frames, write_clip
from tests.helpers import ROOT, make_picture, wiki_struct, write_wiki
from tests.reference import SCRIPTS, reference

README = ROOT / "README.md"
PORTRAIT = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, *DOCS, *sorted(ROOT.glob("C*.md")), *sorted(ROOT.glob("*/README.md"))]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
# Instead of a GPU and a day.
SHORTENED = {
    "train.py": ["--nb_epochs", "1", "--validation_split", "0.3"],
    "recipes/wiki_cpu.yaml": ["--arch", "wide_resnet", "--depth", "10", "--width", "1"],
    "evaluate.py": ["--resamples", "10"],
}


def relative(page):
    return page.relative_to(ROOT).as_posix()


def python_commands(page):
    """The arguments of each `python` command in a page's code, or in the comments of a recipe."""
    text = page.read_text()
    if page.suffix == ".md":
        blocks = re.findall(r"^```(\w*)\n(.+?)^```$", text, re.M | re.S)
        code = "\n".join(block for language, block in blocks if language in ("", "bash"))
    else:
        code = "\n".join(re.findall(r"^# *(.+)$", text, re.M))
    for variable, value in (("$scheduler", "tcp://node0:8786"), ("${db}", "wiki"), ("$db", "wiki")):
        code = code.replace(variable, value)
    code = code.replace("; done", " &")  # the end of a command, as is &
    lines = [line.strip() for line in code.replace("\\\n", " ").splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines if "python " in line[:40]]
    commands = [words[words.index("python") + 1 :] for words in commands if "python" in words]
    return [words[: words.index("&")] if "&" in words else words for words in commands]


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="argparse lays its help out otherwise")
def test_cli_page_is_current(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert (ROOT / "docs" / "cli.md").read_text() == reference()


def slugs(page):
    """GitHub's anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_resolve(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    links = re.findall(r"\]\((?!https?:)([^)\s]+)\)|(?:src|href)=\"(?!https?:)([^\"]+)\"", text)
    for link in map("".join, links):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in slugs(target), link


def test_docs_index_lists_every_page():
    index = (ROOT / "docs" / "README.md").read_text()
    assert [page.name for page in DOCS if f"({page.name})" not in index] == ["README.md"]


@pytest.mark.parametrize("page", [*PAGES, *RECIPES], ids=relative)
def test_commands_are_accepted(page, monkeypatch):
    """Flags and values fit the scripts' parsers; nothing is run."""
    monkeypatch.chdir(ROOT)
    for words in python_commands(page):
        if words[0] not in ("-m", "-c"):
            arguments_of(words[0])(words[1:])


@cache
def arguments_of(script):
    """The function from a command line to the arguments of a script."""
    if script == "train.py":
        return parse_training
    found = runpy.run_path(script)
    return found.get("get_args") or (lambda argv: flags.parse(found["Arguments"], argv))


@pytest.fixture
def folder(shipped, tmp_path):
    """A folder with the toolkit and the data for the commands."""
    for name in (*SCRIPTS, "src", "recipes"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "pretrained_models").symlink_to(shipped.parent)
    write_wiki(tmp_path / "data" / "wiki_crop", wiki_struct(40))
    write_labelled(tmp_path / "my_faces", 40)
    make_picture(tmp_path / "photos" / "noise.jpg")
    write_clip(tmp_path / "made.avi", frames(tmp_path / "photos" / "noise.jpg") * 3)
    (tmp_path / "made.avi").rename(tmp_path / "clip.mp4")
    shutil.copy(PORTRAIT, tmp_path / "portrait.jpg")
    make_picture(tmp_path / "photo.jpg", size=500)
    return tmp_path


def write_labelled(folder, count):
    """Write crops of a portrait, all different, and their labels."""
    folder.mkdir()
    portrait = cv2.imread(PORTRAIT)
    rows = ["path,age,gender,person"]
    for i in range(count):
        cv2.imwrite(str(folder / f"{i}.jpg"), portrait[i : 400 + i, 100:450])
        rows.append(f"{i}.jpg,{20 + i},{'fm'[i % 2]},person {i}")
    (folder / "labels.csv").write_text("\n".join(rows))


def test_readme_commands_run(folder, run_here, monkeypatch):
    """The commands that need no camera, browser, APPA-REAL or network, in the README's order."""
    commands = [words for words in python_commands(README) if words[0] in SCRIPTS]
    commands = [words for words in commands if len(words) > 1 and "--web" not in words]
    assert {words[0] for words in commands} == set(SCRIPTS) - {"evaluate_appa_real.py"}
    monkeypatch.chdir(folder)
    for name, value in NO_SCREEN.items():  # with a screen, images wait for a key
        monkeypatch.setenv(name, value)
    for script, *arguments in commands:
        shorter = [flag for word in (script, *arguments) for flag in SHORTENED.get(word, [])]
        done = run_here(script, *arguments, *shorter)
        assert done.returncode == 0, done.stderr
    for name in ("data/wiki_db.mat", "checkpoints/mine/history.csv", "annotated/noise.jpg"):
        assert (folder / name).exists()
    assert (folder / "faces.csv").read_text().splitlines()[1].startswith("noise.jpg,,")
    assert (folder / "annotated" / "clip.mp4").exists()
    assert (folder / "evaluation" / "report.html").exists()
