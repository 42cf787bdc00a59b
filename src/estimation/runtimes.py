"""Runtimes of networks: Keras, ONNX Runtime, LiteRT, OpenVINO, SavedModel.

A runtime is a function from a file to its `Predict` function and its description, and imports its
library at first use. `Predict` takes faces, uint8 (N, S, S, 3), BGR, N >= 1, and returns the
distributions of gender, float32 (N, 2), and of age, float32 (N, 101).
"""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..extras import import_keras, library, quiet_stderr, resolve
from ..files import wrap_read_errors
from ..models.description import OUTPUTS, Description, Original, read_description
from . import RUNTIMES

Predict = Callable[[np.ndarray], list[np.ndarray]]

DESCRIPTION = "description"  # key in the metadata of ONNX files
DESCRIPTION_FILE = f"{DESCRIPTION}.json"  # in a folder, and in the zip archive of other files
FOLDERS = ("openvino", "saved_model")  # runtimes whose exports are folders
OPENVINO_FILE = "model.xml"
INPUT, SIGNATURE = "faces", "serving_default"


def runtime_of(path: Path) -> str:
    """The runtime of a file, by its suffix; of a folder, by its files."""
    if path.is_dir():
        return "openvino" if (path / OPENVINO_FILE).exists() else "saved_model"
    by_suffix = {suffix: name for name, (_, suffix) in RUNTIMES.items() if suffix}
    return by_suffix.get(path.suffix.lower(), "keras")


def load(path: Path, runtime: str, original: Original = Original()) -> tuple[Predict, Description]:
    """The `Predict` function and the description of the network in `path`.

    Args:
        path: weight file or export.
        runtime: one of `RUNTIMES`.
        original: network of a file of the original toolkit.

    Raises:
        UserError: The runtime is unknown, the file does not fit it, or its library is not
            installed.
    """
    if runtime not in RUNTIMES:
        raise UserError(f"runtime: expected {', '.join(RUNTIMES)}, received {runtime!r}")
    if not path.exists():
        raise UserError(f"{path}: expected a weight file, found none; check the path")
    loader = resolve(RUNTIMES[runtime][0])
    if runtime == "keras":
        return loader(path, original)
    with wrap_read_errors(path, f"a model that export.py wrote for {runtime}"):
        return loader(path)


def load_keras(path: Path, original: Original) -> tuple[Predict, Description]:
    """A checkpoint; see `load_checkpoint`."""
    import_keras()
    from ..models.checkpoints import load_checkpoint

    model, description = load_checkpoint(path, original)
    return _predict_keras(model), description


def load_keras_archive(path: Path) -> tuple[Predict, Description]:
    """A `.keras` file of export.py, loaded by Keras in its safe mode."""
    return _predict_keras(import_keras().models.load_model(path)), _read_description(path)


def _predict_keras(model: Any) -> Predict:
    def predict(faces: np.ndarray) -> list[np.ndarray]:
        # Padded to a power of two, so that few batch sizes are compiled.
        padded = np.zeros((1 << (len(faces) - 1).bit_length(), *faces.shape[1:]), np.uint8)
        padded[: len(faces)] = faces
        return [output[: len(faces)] for output in model.predict_on_batch(padded)]

    return predict


def load_onnx(path: Path) -> tuple[Predict, Description]:
    """An ONNX file, on a GPU if ONNX Runtime has one."""
    onnxruntime = library("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised as well
    # Threads that spin while they wait take a fifth of the processor from the detectors.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    preferred = ("CUDAExecutionProvider", "CPUExecutionProvider")
    providers = [name for name in preferred if name in onnxruntime.get_available_providers()]
    session = onnxruntime.InferenceSession(path, options, providers=providers)
    text = session.get_modelmeta().custom_metadata_map[DESCRIPTION]

    def predict(faces: np.ndarray) -> list[np.ndarray]:
        return session.run(list(OUTPUTS), {INPUT: faces.astype(np.float32)})

    return predict, read_description(path, text)


def load_litert(path: Path) -> tuple[Predict, Description]:
    """A LiteRT (.tflite) file."""
    description = _read_description(path)  # at its end: a file cut short is not loaded
    interpreter = library("ai_edge_litert.interpreter", "ai-edge-litert")
    with quiet_stderr():  # a line about its delegate
        model = interpreter.Interpreter(str(path))
        model.allocate_tensors()
    runner = model.get_signature_runner(SIGNATURE)
    return _predict_by_name(lambda faces: runner(**{INPUT: faces})), description


def load_saved_model(path: Path) -> tuple[Predict, Description]:
    """A SavedModel's folder."""
    description = _read_description(path)
    tensorflow = library("tensorflow")
    serve = tensorflow.saved_model.load(path).signatures[SIGNATURE]
    return _predict_by_name(lambda faces: serve(**{INPUT: tensorflow.constant(faces)})), description


def load_openvino(path: Path) -> tuple[Predict, Description]:
    """An OpenVINO model's folder."""
    description = _read_description(path)
    exact = {"INFERENCE_PRECISION_HINT": "f32"}  # else bfloat16 where the processor has it
    model = library("openvino").Core().compile_model(path / OPENVINO_FILE, "CPU", exact)
    return _predict_by_name(model), description


def _predict_by_name(run: Callable[[np.ndarray], Mapping[str, Any]]) -> Predict:
    """`Predict` by a function from float32 faces to outputs by name."""

    def predict(faces: np.ndarray) -> list[np.ndarray]:
        outputs = run(faces.astype(np.float32))
        return [np.asarray(outputs[name]) for name in OUTPUTS]

    return predict


def _read_description(path: Path) -> Description:
    """The description in a folder, or in the zip archive that a file is or ends with."""
    root = path if path.is_dir() else zipfile.Path(path)
    return read_description(path, (root / DESCRIPTION_FILE).read_text(encoding="utf-8"))
