"""The README keeps its word: its help texts are the scripts' own, its commands run."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.cli.demo_runs import NO_SCREEN
from tests.demo.made import frames, write_clip
from tests.helpers import ROOT, make_picture, run, wiki_struct, write_wiki

README = (ROOT / "README.md").read_text()
SCRIPTS = (
    "create_db.py",
    "train.py",
    "demo.py",
    "evaluate.py",
    "export.py",
    "evaluate_appa_real.py",
)
# What a user with a GPU and a day would leave out.
SHORTENED = {
    "train.py": ["--depth", "10", "--width", "1", "--nb_epochs", "1", "--validation_split", "0.3"],
    "evaluate.py": ["--resamples", "10"],
}


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="argparse lays its help out otherwise")
def test_help_is_the_scripts_own(script):
    assert f"```\n{run(script, '--help', COLUMNS='80').stdout}```" in README


def test_links_lead_somewhere():
    targets = re.findall(r"\]\((?!http)([^)#]+)\)|src=\"([^\"]+)\"|\]\(#([^)]+)\)", README)
    headings = {heading.lower() for heading in re.findall(r"^#+ (.+)$", README, re.MULTILINE)}
    for file, source, heading in targets:
        assert heading in headings if heading else (ROOT / (file or source)).exists()


def test_commands_make_what_is_said_of_them(shipped, tmp_path):
    """The README's script commands that need no camera, browser or APPA-REAL, in its order."""
    for name in (*SCRIPTS, "src"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    (tmp_path / "pretrained_models").symlink_to(shipped.parent)
    write_wiki(tmp_path / "data" / "wiki_crop", wiki_struct(40))
    make_picture(tmp_path / "photos" / "noise.jpg")
    make_picture(tmp_path / "portrait.jpg")
    write_clip(tmp_path / "made.avi", frames(tmp_path / "portrait.jpg") * 3)
    (tmp_path / "made.avi").rename(tmp_path / "clip.mp4")
    lines = README.replace("\\\n", " ").splitlines()
    commands = [line.split("#")[0].split() for line in lines]
    commands = [words[1:] for words in commands if words[:1] == ["python"] and len(words) > 2]
    commands = [words for words in commands if words[0] in SCRIPTS[:5] and "--web" not in words]
    assert {words[0] for words in commands} == set(SCRIPTS[:5])
    for script, *arguments in commands:
        arguments += SHORTENED.get(script, [])
        trained = [str(path) for path in tmp_path.glob("checkpoints/weights.*.hdf5")]
        arguments = [trained[0] if "weights." in word else word for word in arguments]
        command = [sys.executable, script, *arguments]
        environment = {**os.environ, **NO_SCREEN}  # with one, pictures wait for a key
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=600, env=environment
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "data" / "wiki_db.mat").exists()
    assert (tmp_path / "checkpoints" / "history.csv").exists()
    assert (tmp_path / "faces.csv").read_text().splitlines()[1].startswith("noise.jpg,,")
    assert (tmp_path / "annotated" / "noise.jpg").exists()
    assert (tmp_path / "annotated" / "clip.mp4").exists()
    assert (tmp_path / "evaluation" / "report.html").exists()
    check_onnx_snippet(tmp_path)


def check_onnx_snippet(folder):
    """The README's program for an exported file tells what it promises to."""
    [program] = re.findall(r"```python\n(.+?)```", README, re.DOTALL)
    make_picture(folder / "photo.jpg", size=500)
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert re.fullmatch(r"(female|male) of \d+ years\n", done.stdout), done.stderr
