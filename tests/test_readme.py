"""The README keeps its word: its help texts are the scripts' own, its commands run."""

import re
import shutil
import subprocess
import sys

import pytest

from tests.helpers import ROOT, make_picture, run, wiki_struct, write_wiki

README = (ROOT / "README.md").read_text()
SCRIPTS = ("create_db.py", "train.py", "demo.py", "evaluate_appa_real.py")
# What a user with a GPU and a day would leave out.
SHORTENED = {"train.py": ["--depth", "10", "--width", "1", "--nb_epochs", "1"]}


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="argparse lays its help out otherwise")
def test_help_is_the_scripts_own(script):
    assert f"```\n{run(script, '--help', COLUMNS='80').stdout}```" in README


def test_links_lead_somewhere():
    targets = re.findall(r"\]\((?!http)([^)#]+)\)|src=\"([^\"]+)\"|\]\(#([^)]+)\)", README)
    headings = {heading.lower() for heading in re.findall(r"^#+ (.+)$", README, re.MULTILINE)}
    for file, source, heading in targets:
        assert heading in headings if heading else (ROOT / (file or source)).exists()


def test_commands_make_what_is_said_of_them(tmp_path):
    """The README's script commands that need neither a camera nor APPA-REAL, in its order."""
    for name in (*SCRIPTS, "src"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    write_wiki(tmp_path / "data" / "wiki_crop", wiki_struct(40))
    make_picture(tmp_path / "photos" / "noise.jpg")
    commands = [line.split("#")[0].split() for line in README.splitlines()]
    commands = [words[1:] for words in commands if words[:1] == ["python"] and len(words) > 2]
    commands = [words for words in commands if words[0] in SCRIPTS[:3]]
    assert {words[0] for words in commands} == set(SCRIPTS[:3])
    for script, *arguments in commands:
        arguments += SHORTENED.get(script, [])
        if script == "demo.py":  # no weights ship yet: those just trained
            arguments += ["--weight_file", str(*tmp_path.glob("checkpoints/*.hdf5"))]
        command = [sys.executable, script, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "data" / "wiki_db.mat").exists()
    assert (tmp_path / "checkpoints" / "history.csv").exists()
    assert (tmp_path / "faces.csv").read_text().splitlines()[1].startswith("noise.jpg,,")
    assert (tmp_path / "annotated" / "noise.jpg").exists()
