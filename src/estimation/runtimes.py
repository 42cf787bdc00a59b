"""Runtimes of networks: Keras, ONNX Runtime, LiteRT, SavedModel.

A runtime is a function from a file to its `Predict` function and its description, and imports its
library at first use. `Predict` takes faces, uint8 (N, S, S, 3), BGR, N >= 1, and returns the
distributions of gender, float32 (N, 2), and of age, float32 (N, 101).
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..extras import import_keras, library, resolve
from ..files import check_folder, check_input_file, size_of, wrap_read_errors
from ..labels import AGES, GENDERS
from ..models.description import OUTPUTS, Description, Original, read_description
from ..quiet import quiet_stderr
from ..workers import available_cores
from . import RUNTIMES

Predict = Callable[[np.ndarray], list[np.ndarray]]

DESCRIPTION = "description"  # key in the metadata of exported files
EXTRA_ASSET = Path("assets.extra", f"{DESCRIPTION}.json")  # in a SavedModel's folder
INPUT, SIGNATURE = "faces", "serving_default"
# Memory to load a graph, or to predict one face with it: a few bytes can describe any tensor.
_MEMORY, _MEMORY_PER_CORE, _MEMORY_PER_BYTE = 3 * 2**28, 2**26, 8
# Operators that repeat others, which may take forever and which exports do not have: protobuf's tag
# of their name, its length, the name.
_ONNX_LOOPS = re.compile(rb'"(?:\x04Loop|\x04Scan|\x0bSequenceMap)')
_TENSORFLOW_LOOPS = re.compile(rb"\x12(?:\x03For|\x05While|\x0eStatelessWhile|\x0dNextIteration)")
_STATUS, _GPU_DRIVER = Path("/proc/self/status"), Path("/proc/driver/nvidia")


def runtime_of(path: Path) -> str:
    """The runtime of a file, by its suffix; folders are SavedModels."""
    if path.is_dir():
        return "saved_model"
    named = {suffix: name for name, (_, suffix) in RUNTIMES.items() if suffix}
    return named.get(path.suffix.lower(), "keras")


def load(path: Path, runtime: str, original: Original = Original()) -> tuple[Predict, Description]:
    """The `Predict` function and the description of the network in `path`.

    runtime: one of `RUNTIMES`.
    Raises `UserError` if the runtime is unknown, the file does not fit it, or its library is not
    installed.
    """
    if runtime not in RUNTIMES:
        raise UserError(f"runtime: expected {', '.join(RUNTIMES)}, received {runtime!r}")
    if runtime == "saved_model":
        check_folder(path)
    else:  # before its library is imported, which takes seconds
        expected = "a weight file" if runtime == "keras" else "an exported model"
        check_input_file(path, expected)
    loader = resolve(RUNTIMES[runtime][0])
    if runtime == "keras":
        return loader(path, original)
    with wrap_read_errors(path, "an exported model"):
        predict, description = loader(path)
    _check_predicts(path, predict, description.crop.size)
    return predict, description


def _check_predicts(path: Path, predict: Predict, size: int) -> None:
    """Raise `UserError` unless a network predicts a face of `size` pixels in limited memory."""
    with _bounded(path, f"a network of faces of {size} pixels"):
        outputs = predict(np.zeros((1, size, size, 3), np.uint8))
    expected = [(1, len(GENDERS)), (1, len(AGES))]
    shapes = [output.shape for output in outputs]
    if shapes != expected or not all(np.isfinite(output).all() for output in outputs):
        raise UserError(
            f"{path}: expected finite outputs of the shapes {expected}, received {shapes}"
        )


def load_keras(path: Path, original: Original) -> tuple[Predict, Description]:
    """A checkpoint; see `load_checkpoint`."""
    import_keras()
    from ..models.checkpoints import load_checkpoint

    model, description = load_checkpoint(path, original)

    def predict(faces: np.ndarray) -> list[np.ndarray]:
        # Padded to a power of two, so that few batch sizes are compiled.
        padded = np.zeros((1 << (len(faces) - 1).bit_length(), *faces.shape[1:]), np.uint8)
        padded[: len(faces)] = faces
        return [output[: len(faces)] for output in model.predict_on_batch(padded)]

    return predict, description


def load_onnx(path: Path) -> tuple[Predict, Description]:
    """An ONNX file, on a GPU if ONNX Runtime has one."""
    onnxruntime = library("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised as well
    # Waiting threads that spin cost 40 % more processor time, and other threads wait for it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    preferred = ("CUDAExecutionProvider", "CPUExecutionProvider")
    providers = [name for name in preferred if name in onnxruntime.get_available_providers()]
    content = path.read_bytes()
    _check_has_no_loop(path, bool(_ONNX_LOOPS.search(content)))
    with _bounded(path, "an ONNX file"):
        session = onnxruntime.InferenceSession(content, options, providers=providers)
    description = _describe(path, session.get_modelmeta().custom_metadata_map.get(DESCRIPTION))

    def predict(faces: np.ndarray) -> list[np.ndarray]:
        return session.run(list(OUTPUTS), {INPUT: faces.astype(np.float32)})

    return predict, description


def load_litert(path: Path) -> tuple[Predict, Description]:
    """A LiteRT (.tflite) file."""
    interpreter = library("ai_edge_litert.interpreter", "ai-edge-litert")
    content = path.read_bytes()
    graph = library("ai_edge_litert.schema_py_generated", "ai-edge-litert").Model.GetRootAs(content)
    _check_has_no_loop(path, graph.SubgraphsLength() > 1)  # as loops and calls need
    with _bounded(path, "a LiteRT file"):
        model = interpreter.Interpreter(model_content=content)
        model.allocate_tensors()
        runner = model.get_signature_runner(SIGNATURE)
    description = _describe(path, _litert_metadata(graph))

    def predict(faces: np.ndarray) -> list[np.ndarray]:
        outputs = runner(**{INPUT: faces.astype(np.float32)})
        return [outputs[name] for name in OUTPUTS]

    return predict, description


def _litert_metadata(model: Any) -> str | None:
    for entry in map(model.Metadata, range(model.MetadataLength())):
        if entry.Name() == DESCRIPTION.encode():
            return model.Buffers(entry.Buffer()).DataAsNumpy().tobytes().decode()
    return None


def load_saved_model(path: Path) -> tuple[Predict, Description]:
    """A SavedModel's folder."""
    if not (path / "saved_model.pb").exists():
        raise UserError(f"{path}: expected a SavedModel's folder, found no saved_model.pb in it")
    for file in path.rglob("*"):
        if not file.is_dir():
            check_input_file(file, "a file of a SavedModel")
    graph = (path / "saved_model.pb").read_bytes()
    _check_has_no_loop(path, bool(_TENSORFLOW_LOOPS.search(graph)))
    tensorflow = library("tensorflow")
    with _bounded(path, "a SavedModel's folder"):
        serve = tensorflow.saved_model.load(path).signatures[SIGNATURE]
    text = path / EXTRA_ASSET
    description = _describe(path, text.read_text() if text.is_file() else None)

    def predict(faces: np.ndarray) -> list[np.ndarray]:
        outputs = serve(**{INPUT: tensorflow.constant(faces, tensorflow.float32)})
        return [outputs[name].numpy() for name in OUTPUTS]

    return predict, description


def _check_has_no_loop(path: Path, has_loop: bool) -> None:
    if has_loop:
        raise UserError(f"{path}: expected a network without loops; make it with export.py")


@contextmanager
def _bounded(path: Path, expected: str) -> Iterator[None]:
    """Raise `UserError`, in one line, if a library fails on a file or needs too much memory."""
    limit = _MEMORY + _MEMORY_PER_CORE * available_cores() + _MEMORY_PER_BYTE * size_of(path)
    expected = f"{expected}, in {limit / 2**30:.1f} GiB of memory"
    with quiet_stderr(), wrap_read_errors(path, expected), _limited_memory(limit):
        yield


@contextmanager
def _limited_memory(limit: int) -> Iterator[None]:
    """Let allocations of more than `limit` further bytes fail, on Linux without a GPU, whose driver
    maps more memory than it uses."""
    if not _STATUS.exists() or _GPU_DRIVER.exists():
        yield
        return
    import resource

    used = 1024 * int(re.search(r"VmData:\s+(\d+)", _STATUS.read_text())[1])
    before = resource.getrlimit(resource.RLIMIT_DATA)
    if before[0] != resource.RLIM_INFINITY:  # of the user, or of a thread that resets it itself
        yield
        return
    resource.setrlimit(resource.RLIMIT_DATA, (used + limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _describe(path: Path, text: str | None) -> Description:
    if text is None:
        raise UserError(
            f"{path}: expected a model with a description, found none; make it with export.py"
        )
    return read_description(path, text)
