"""Import order of src, lazy imports, and the original toolkit's flags."""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from importlib.util import resolve_name

import pytest

from tests.helpers import ROOT

SCRIPTS = sorted(path.name for path in ROOT.glob("*.py"))
LONGEST_SCRIPT = 100  # lines

# Import order; modules of one set do not import each other. Only scripts import `cli`.
STAGES = [
    {"src"},
    {"src.errors", "src.labels"},
    {"src.flags"},
    {"src.files", "src.progress"},
    {"src.outputs", "src.shipped", "src.thumbnails"},
    {"src.extras"},
    {"src.workers"},
    {"src.data.matlab", "src.data.identities"},
    {"src.faces"},
    {"src.faces.images"},
    {"src.faces.detectors"},
    {"src.faces.crop", "src.faces.quality"},
    {"src.faces.finder", "src.data.datasets"},
    {"src.data.database"},
    {
        "src.data.split",
        "src.data.writing",
        "src.data.curate",
        "src.data.summary",
    },
    {"src.data.reading", "src.data.arguments"},
    {"src.data.create"},
    {"src.models"},
    {"src.training"},
    {"src.estimation"},
    {"src.evaluation"},
    {"src.calibration"},
    {"src.demo", "src.export"},
    {"src.cli"},
]
RANK = {stage: rank for rank, stages in enumerate(STAGES) for stage in stages}

HEAVY = set(
    "tensorflow keras cv2 dlib pandas jax scipy matplotlib h5py onnx onnxruntime ai_edge_litert "
    "mtcnn gradio jinja2 tabulate distributed".split()
)

# The original toolkit's usage texts, without their slips: flag, help text, default.
WEIGHT_FLAGS = [
    ("--weight_file", "path to weight file (e.g. weights.28-3.73.hdf5)", "the shipped weights"),
    ("--depth", "depth of network", "16"),
    ("--width", "width of network", "8"),
]
ORIGINAL = {
    "create_db.py": [
        ("--output", "path to output database mat file", ""),
        ("--output", "-o OUTPUT", ""),
        ("--db", "dataset; wiki or imdb", "wiki"),
        ("--img_size", "output image size", "32"),
        ("--min_score", "minimum face_score", "1.0"),
    ],
    "train.py": [
        ("--input", "path to input database mat file", ""),
        ("--input", "-i INPUT", ""),
        ("--batch_size", "batch size", "32"),
        ("--nb_epochs", "number of epochs", "30"),
        ("--lr", "initial learning rate", "0.1 for sgd"),
        ("--opt", "optimizer name; 'sgd' or 'adam'", "sgd"),
        ("--depth", "depth of network (should be 10, 16, 22, 28, ...)", "16"),
        ("--width", "width of network", "8"),
        ("--validation_split", "validation split ratio", "0.1"),
        ("--aug", "use data augmentation if set true", "none"),
        ("--output_path", "checkpoint dir", "checkpoints"),
    ],
    "demo.py": [
        *WEIGHT_FLAGS,
        (
            "--margin",
            "margin around detected face for age-gender estimation",
            "from the weight file",
        ),
        (
            "--image_dir",
            "target image directory; if set, images in image_dir are used instead of webcam",
            "",
        ),
    ],
    "evaluate_appa_real.py": WEIGHT_FLAGS,
}
DESCRIPTIONS = {
    "create_db.py": "This script cleans up noisy labels and creates a database for training.",
    "train.py": "This script trains the CNN model for age and gender estimation.",
    "demo.py": "This script detects faces from web cam input, and estimates age and gender for "
    "the detected faces.",
    "evaluate_appa_real.py": "This script evaluates an age estimation model on the APPA-REAL "
    "validation data.",
}


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_name(path): path for path in sorted((ROOT / "src").rglob("*.py"))}


def stage(module):
    """The stage of a module: itself, or the nearest package above it in `STAGES`."""
    while module not in RANK:
        module = module.rpartition(".")[0]
    return module


def imported(module):
    """Modules of src that a module imports, also within functions."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not any(name.name.split(".")[0] == "src" for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level or node.module.split(".")[0] != "src", "imports are relative"
            if node.level:
                source = resolve_name("." * node.level + (node.module or ""), package)
                for name in node.names:
                    inner = f"{source}.{name.name}"
                    yield inner if inner in MODULES else source


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_upwards_only(module):
    own = stage(module)
    for other in map(stage, imported(module)):
        assert other == own or RANK[other] < RANK[own], f"{module} imports {other}"


@cache
def defined(module):
    """Names that a module assigns, defines or imports anywhere."""
    names = {"__version__"}
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {name.asname or name.name for name in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def test_imported_names_exist():
    """Also within functions, which --help does not call."""
    for path in [*MODULES.values(), *ROOT.glob("*.py")]:
        package = ".".join(path.relative_to(ROOT).parent.parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                name = "." * node.level + (node.module or "")
                source = resolve_name(name, package) if node.level else name
                if source.split(".")[0] == "src":
                    known = defined(source)
                    for alias in node.names:
                        is_known = alias.name in known or f"{source}.{alias.name}" in MODULES
                        assert is_known or "__getattr__" in known, f"{path}: {source}.{alias.name}"


def test_every_module_has_a_stage():
    without = [module for module in MODULES if stage(module) == "src"]
    assert without == ["src", "src.data"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_short(script):
    assert len((ROOT / script).read_text().splitlines()) <= LONGEST_SCRIPT


@pytest.fixture(scope="module", params=SCRIPTS)
def helped(request):
    """A script's name, its help text, and the modules loaded for it."""
    code = (
        "import json, runpy, sys\n"
        f"sys.argv = [{request.param!r}, '--help']\n"
        "try:\n"
        f"    runpy.run_path({request.param!r}, run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        "print(json.dumps(list(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    return request.param, done.stdout, json.loads(done.stderr)


def test_help_is_light_and_keeps_original_texts(helped):
    script, text, modules = helped
    assert "src.cli" in modules
    assert HEAVY & set(modules) == set()
    assert DESCRIPTIONS.get(script, "") in " ".join(text.split())
    entries = [" ".join(entry.split()) for entry in text.split("\n  -")[1:]]
    for flag, words, default in ORIGINAL.get(script, ()):
        [entry] = [entry for entry in entries if re.match(rf"{flag[1:]}[ ,]", entry)]
        assert words in entry
        assert not default or f"(default: {default}" in entry
