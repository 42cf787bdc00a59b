"""The wheel: its files, its requirements, and the README's Python lines far from the checkout."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from matplotlib import cbook

from src import __version__
from tests.helpers import ROOT, names

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NO_NETWORK = """
import socket
def refuse(*args, **kwargs):
    raise OSError("no network")
socket.socket.connect = socket.getaddrinfo = refuse
"""


def requirements(path: str) -> set[str]:
    lines = (ROOT / path).read_text().splitlines()
    return {line for line in lines if line and not line.startswith(("#", "-r"))}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The wheel in a folder of its own, over the libraries of this environment."""
    folder = tmp_path_factory.mktemp("Zoë s packages")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, "--target", folder, wheel], check=True)
    return folder


def test_files_of_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as content:
        found = set(content.namelist())
    shipped = {path.name for path in (ROOT / "pretrained_models").glob("age_gender*")}
    shipped |= {"centerface.onnx", "centerface.onnx.sha256", "centerface.LICENSE", "README.md"}
    models = {name for name in found if name.startswith("age_gender/pretrained_models/")}
    assert models == {f"age_gender/pretrained_models/{name}" for name in shipped}
    assert f"age_gender-{__version__}.dist-info/licenses/LICENSE" in found
    sources = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    modules = {f"age_gender/{name}" for name in sources if name != "cli.py"}
    assert {name for name in found if name.endswith(".py")} == modules
    assert not any(name.startswith(("src/", "tests/")) for name in found)


def test_requirements_of_the_wheel(wheel):
    """One source, requirements.txt; the extras are tested too."""
    with zipfile.ZipFile(wheel) as content:
        metadata = content.read(f"age_gender-{__version__}.dist-info/METADATA").decode()
    required = set(re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", metadata, re.M))
    assert required == {re.match(r"[\w-]+", line)[0] for line in requirements("requirements.txt")}
    extras = PROJECT["optional-dependencies"]
    tested = {line for name in ("web", "export", "cluster") for line in extras[name]}
    assert tested <= requirements("tests/requirements.txt")
    assert extras["jax"][0] in (ROOT / "Makefile").read_text()
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_readme_example_runs_anywhere(installed, tmp_path, shipped):
    [program] = re.findall(r"```python\n(.+?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    program = re.sub(r"from src[.\w]* import", "from age_gender import", program)
    folder = tmp_path / "Bilder für Zoë"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "__init__.py").write_text("mine = True")
    program = f"{NO_NETWORK}\nimport src\nassert src.mine\n{program}"
    (folder / "program.py").write_text(program)
    portrait = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    (folder / "portrait.jpg").write_bytes(Path(portrait).read_bytes())
    before = names(folder)
    folder.chmod(0o555)
    environment = {"LANG": "C", "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "program.py"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert re.fullmatch(r"(female|male) \d+ years \(\d+-\d+\) Box\(.+\)\n", done.stdout)
    assert names(folder) == before
