"""docs/integrate.md, docs/browser.html and docs/without_toolkit.py."""

import contextlib
import importlib
import io
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from matplotlib import cbook

import src
from src.estimation.estimator import Estimator
from tests.cli.browser import MISSING, chromium, wait_for
from tests.conftest import required
from tests.helpers import ROOT, run

PORTRAIT = Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
WEB = "onnxruntime-web@1.30.0"


def examples(page: str, title: str) -> list[str]:
    """The Python programs of a section."""
    section = (ROOT / "docs" / page).read_text().partition(f"\n## {title}\n")[2]
    section = section.partition("\n## ")[0]
    found = re.findall(r"^```python\n(.+?)^```$", section, re.M | re.S)
    assert found, title
    return found


@pytest.fixture
def folder(tmp_path, monkeypatch, portraits):
    """A working directory with photos, in which the package has its installed name."""
    (tmp_path / "photos").mkdir()
    shutil.copy(PORTRAIT, tmp_path / "photos" / "a.jpg")
    shutil.copy(portraits / "two_people.jpg", tmp_path / "photos" / "b.jpg")
    (tmp_path / "photos" / "c.jpg").write_text("no image")
    shutil.copy(PORTRAIT, tmp_path / "photo.jpg")
    (tmp_path / "pretrained_models").symlink_to(ROOT / "pretrained_models")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "age_gender", src)
    return tmp_path


def printed_by(program: str) -> tuple[str, dict]:
    """What a program prints, and its variables."""
    names, output = {"__name__": "example"}, io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(program, "example", "exec"), names)
    return output.getvalue(), names


@pytest.fixture(scope="module")
def estimator():
    return Estimator()


def test_table_of_many_photos(folder):
    program, printing = examples("integrate.md", "A table of many photos")
    output, names = printed_by(program)
    assert "c.jpg" in output and "female" in output
    assert [Path(file).name for file in names["faces"]["file"]] == ["a.jpg", "b.jpg", "b.jpg"]
    output, _ = printed_by(f"estimator = None\n{program}\n{printing}")
    assert " years (" in output and "'p_female': " in output


def test_service(folder, estimator):
    client = pytest.importorskip("fastapi.testclient")
    (program,) = examples("integrate.md", "A service")
    _, names = printed_by(program)
    service = client.TestClient(names["app"])
    answer = service.post("/faces", files={"image": PORTRAIT.read_bytes()})
    (face,) = estimator.predict(PORTRAIT)
    assert answer.json() == [pytest.approx(face.as_dict(), abs=1e-3)]
    assert service.post("/faces", files={"image": b"no image"}).status_code == 415


def test_deepface_keys(folder, estimator):
    (program,) = examples("integrate.md", "In place of DeepFace")
    done = run("demo.py", "--image_dir", "photos", "--jsonl", "faces.jsonl", "--no_display")
    assert done.returncode == 0, done.stderr
    output, _ = printed_by(program)
    lines = output.splitlines()
    assert [line.split()[0] for line in lines] == ["a.jpg", "b.jpg", "b.jpg"]
    found = eval(lines[0].partition(" ")[2])
    (face,) = estimator.predict(PORTRAIT)
    assert found["age"] == round(face.age)
    assert found["region"]["w"] == face.box.right - face.box.left
    assert found["dominant_gender"] == {"female": "Woman", "male": "Man"}[face.gender]


def test_phone(exports, folder):
    (program,) = examples("integrate.md", "On a phone")
    shutil.copy(exports["litert"], "faces.tflite")
    crop = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    np.save("crop.npy", crop)
    gender, age = printed_by(program)[0].splitlines()
    expected = Estimator(exports["hdf5"])(crop[None])
    assert gender == ("female" if expected.p_female[0] > 0.5 else "male")
    assert float(age.split()[0]) == pytest.approx(expected.age[0], abs=1e-3)


def test_hub(folder, monkeypatch, estimator):
    (program,) = examples("integrate.md", "Publishing on the Hugging Face Hub")
    hub = importlib.import_module("types").SimpleNamespace(
        hf_hub_download=lambda repository, file: str(ROOT / "pretrained_models" / file)
    )
    required(ROOT / "pretrained_models" / "age_gender.onnx")
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    _, names = printed_by(program)
    assert names["estimator"].crop == estimator.crop


def test_program_without_the_toolkit(folder, estimator):
    required(ROOT / "pretrained_models" / "age_gender.onnx")
    program = (ROOT / "docs" / "without_toolkit.py").read_text()
    assert "src" not in program and "age_gender import" not in program
    for photo in ("a.jpg", "b.jpg"):
        shutil.copy(Path("photos", photo), "photo.jpg")
        lines = printed_by(program)[0].splitlines()
        faces = estimator.predict("photo.jpg")
        assert len(lines) == len(faces)
        ages = sorted(float(line.split()[1]) for line in lines)
        np.testing.assert_allclose(ages, sorted(face.age for face in faces), atol=2)


@pytest.fixture(scope="module")
def web_folder(once):
    """onnxruntime-web, from npm."""

    def install(folder: Path) -> None:
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", folder, WEB]
        subprocess.run(command, check=True, capture_output=True, timeout=300)

    if MISSING or not shutil.which("npm"):
        pytest.skip(f"needs npm {' '.join(MISSING)}")
    try:
        return once("web", install)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"npm cannot install {WEB}: {error.stderr.decode():.200}")


def test_browser(web_folder, folder, estimator):
    model = required(ROOT / "pretrained_models" / "age_gender.onnx")
    page = folder / "web"
    page.mkdir()
    (page / "node_modules").symlink_to(web_folder / "node_modules")
    shutil.copy(ROOT / "docs" / "browser.html", page / "index.html")
    shutil.copy(model.with_name("centerface.onnx"), page)
    shutil.copy(model, page)
    text = importlib.import_module("onnx").load(model).metadata_props[0].value
    (page / "age_gender.onnx.json").write_text(text)
    handler = partial(SimpleHTTPRequestHandler, directory=page)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with chromium(folder) as driver:
            driver.get(f"http://127.0.0.1:{server.server_port}/")
            status = driver.find_element("css selector", "[role=status]")
            wait_for(lambda: "Choose" in status.text or "not" in status.text)
            assert status.text == "Choose a photo."
            driver.find_element("css selector", "input").send_keys(str(folder / "photos" / "b.jpg"))
            wait_for(lambda: "years" in status.text)
            found = re.findall(r"(\w+), ([\d.]+) years", status.text)
        server.shutdown()
    faces = sorted(estimator.predict(folder / "photos" / "b.jpg"), key=lambda face: face.age)
    ages = sorted(float(age) for _, age in found)
    np.testing.assert_allclose(ages, [face.age for face in faces], atol=2)
