"""Runtimes of networks: Keras, ONNX Runtime, LiteRT, SavedModel.

A runtime is a function from a file to its `Predict` function and its description, and imports its
library at first use. `Predict` takes faces, uint8 (N, S, S, 3), BGR, N >= 1, and returns the
distributions of gender, float32 (N, 2), and of age, float32 (N, 101).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from src.errors import UserError
from src.extras import library
from src.files import check_folder, check_input_file
from src.models.description import OUTPUTS, Description, read_description
from src.quiet import quiet_stderr

Predict = Callable[[np.ndarray], list[np.ndarray]]

DESCRIPTION = "description"  # key in the metadata of exported files
EXTRA_ASSET = Path("assets.extra", f"{DESCRIPTION}.json")  # in a SavedModel's folder
INPUT, SIGNATURE = "faces", "serving_default"
_MAX_BYTES = 2**31  # of an export: protobuf's limit
BY_SUFFIX = {".onnx": "onnx", ".tflite": "litert"}


def runtime_of(path: Path) -> str:
    """The runtime of a file, by its extension; folders are SavedModels."""
    return "saved_model" if path.is_dir() else BY_SUFFIX.get(path.suffix.lower(), "keras")


def load(
    path: Path, runtime: str, depth: int, width: int, img_size: int | None = None
) -> tuple[Predict, Description]:
    """The `Predict` function and the description of the network in `path`.

    runtime: one of `RUNTIMES`.
    depth, width, img_size: see `load_checkpoint`; files of other runtimes store them.
    Raises `UserError` if the file does not fit the runtime, or its library is not installed.
    """
    if runtime == "saved_model":
        check_folder(path)
    else:  # before its library is imported, which takes seconds
        expected = "a weight file" if runtime == "keras" else "an exported model"
        check_input_file(path, expected, _MAX_BYTES)
    if runtime == "keras":
        return _keras(path, depth, width, img_size)
    return RUNTIMES[runtime](path)


def _keras(path: Path, depth: int, width: int, img_size: int | None) -> tuple[Predict, Description]:
    library("keras", "tensorflow keras")
    from src.models.checkpoints import load_checkpoint

    model, description = load_checkpoint(path, depth, width, img_size)

    def predict(faces: np.ndarray) -> list[np.ndarray]:
        # Padded to a power of two, so that few batch sizes are compiled.
        padded = np.zeros((1 << (len(faces) - 1).bit_length(), *faces.shape[1:]), np.uint8)
        padded[: len(faces)] = faces
        return [output[: len(faces)] for output in model.predict_on_batch(padded)]

    return predict, description


def _onnx(path: Path) -> tuple[Predict, Description]:
    onnxruntime = library("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised as well
    preferred = ("CUDAExecutionProvider", "CPUExecutionProvider")
    providers = [name for name in preferred if name in onnxruntime.get_available_providers()]
    with _refusing(path, "an ONNX file"):
        session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=providers)
    description = _describe(path, session.get_modelmeta().custom_metadata_map.get(DESCRIPTION))

    def predict(faces: np.ndarray) -> list[np.ndarray]:
        return session.run(list(OUTPUTS), {INPUT: faces.astype(np.float32)})

    return predict, description


def _litert(path: Path) -> tuple[Predict, Description]:
    interpreter = library("ai_edge_litert.interpreter", "ai-edge-litert")
    content = path.read_bytes()
    with _refusing(path, "a LiteRT file"):
        model = interpreter.Interpreter(model_content=content)
        model.allocate_tensors()
        runner = model.get_signature_runner(SIGNATURE)
    description = _describe(path, _litert_metadata(content))

    def predict(faces: np.ndarray) -> list[np.ndarray]:
        outputs = runner(**{INPUT: faces.astype(np.float32)})
        return [outputs[name] for name in OUTPUTS]

    return predict, description


def _litert_metadata(content: bytes) -> str | None:
    schema = library("ai_edge_litert.schema_py_generated", "ai-edge-litert")
    model = schema.Model.GetRootAs(content)
    for entry in map(model.Metadata, range(model.MetadataLength())):
        if entry.Name() == DESCRIPTION.encode():
            return model.Buffers(entry.Buffer()).DataAsNumpy().tobytes().decode()
    return None


def _saved_model(path: Path) -> tuple[Predict, Description]:
    tensorflow = library("tensorflow")
    for file in path.rglob("*"):
        if not file.is_dir():
            check_input_file(file, "a file of a SavedModel", _MAX_BYTES)
    with _refusing(path, "a SavedModel's folder"):
        serve = tensorflow.saved_model.load(path).signatures[SIGNATURE]
    text = path / EXTRA_ASSET
    description = _describe(path, text.read_text() if text.is_file() else None)

    def predict(faces: np.ndarray) -> list[np.ndarray]:
        outputs = serve(**{INPUT: tensorflow.constant(faces, tensorflow.float32)})
        return [outputs[name].numpy() for name in OUTPUTS]

    return predict, description


RUNTIMES = {"keras": _keras, "onnx": _onnx, "litert": _litert, "saved_model": _saved_model}


@contextmanager
def _refusing(path: Path, expected: str) -> Iterator[None]:
    """Raise `UserError`, in one line, if a library cannot load a file."""
    with quiet_stderr():
        try:
            yield
        except Exception as error:
            raise UserError(
                f"{path}: expected {expected}; it could not be loaded: {error}"
            ) from error


def _describe(path: Path, text: str | None) -> Description:
    if text is None:
        raise UserError(
            f"{path}: expected a model with a description, found none; make it with export.py"
        )
    return read_description(path, text)
