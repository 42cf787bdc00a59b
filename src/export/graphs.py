"""Writers of ONNX, LiteRT, OpenVINO, SavedModel and Keras files.

Networks contain their scaling: files take faces, float32 (N, S, S, 3), BGR, 0..255, any N, and
return `pred_gender` (N, 2) and `pred_age` (N, 101), always float32.

Keras's own exporter writes OpenVINO only: its SavedModels store every weight twice, its ONNX files
take a network's constants as further inputs, and its LiteRT files cannot keep the softmax float32.
In int8 it must be: in steps of 1/256 the 101 ages would not add up to 1.
"""

import json
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..errors import UserError
from ..estimation.runtimes import DESCRIPTION, DESCRIPTION_FILE, INPUT, OPENVINO_FILE, SIGNATURE
from ..extras import library
from ..models.description import OUTPUTS
from ..quiet import quiet_stderr

_OPSET = 17  # ONNX 1.12, 2022
_CALIBRATION_BATCH = 32  # faces
_LARGE = 4096  # number of values; smaller weights stay float32


def save_saved_model(path: Path, model: keras.Model, config: dict, faces: np.ndarray) -> None:
    """Write a folder for `tf.saved_model.load`; `faces` is unused."""
    tensorflow = library("tensorflow")
    with _quietly():
        serve = _serving(model)
        module = tensorflow.Module()
        module.weights = [weight.value for weight in model.weights]
        tensorflow.saved_model.save(module, str(path), signatures={SIGNATURE: serve})
    _describe_folder(path, config)


def save_openvino(path: Path, model: keras.Model, config: dict, faces: np.ndarray) -> None:
    """Write a folder for OpenVINO; `faces` is unused."""
    library("openvino")
    path.mkdir()
    named = keras.Model(model.inputs, dict(zip(OUTPUTS, model.outputs, strict=True)))
    with _quietly():
        named.export(str(path / OPENVINO_FILE), format="openvino", verbose=False)
    _describe_folder(path, config)


def _describe_folder(path: Path, config: dict) -> None:
    text = path / DESCRIPTION_FILE
    text.parent.mkdir()
    text.write_text(json.dumps(config))


def save_keras(path: Path, model: keras.Model, config: dict, faces: np.ndarray) -> None:
    """Write a file for `keras.models.load_model`; `faces` is unused."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.keras")
        model.save(file)
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(DESCRIPTION_FILE.as_posix(), json.dumps(config))
        path.write_bytes(file.read_bytes())


def save_onnx(path: Path, model: keras.Model, config: dict, faces: np.ndarray) -> None:
    """Write an ONNX file; int8 is calibrated on `faces`, uint8 (N, S, S, 3)."""
    onnx, tf2onnx = library("onnx"), library("tf2onnx")
    freezing = library("tensorflow.python.framework.convert_to_constants", "tensorflow")
    with _quietly():
        serve = _serving(model).get_concrete_function()
        # from_function would make inputs of a network's constants.
        renamed = {serve.structured_outputs[name].name: name for name in OUTPUTS}
        graph, _ = tf2onnx.convert.from_graph_def(
            freezing.convert_variables_to_constants_v2(serve).graph.as_graph_def(),
            input_names=[f"{INPUT}:0"],
            output_names=list(renamed),
            tensors_to_rename={f"{INPUT}:0": INPUT, **renamed},
            opset=_OPSET,
        )
        for value in (*graph.graph.input, *graph.graph.output):
            value.type.tensor_type.shape.dim[0].dim_param = "batch"
        if config["precision"] == "fp16":
            _halve(graph.graph)
        if config["precision"] == "int8":
            graph = _quantize_onnx(graph, faces)
    onnx.helper.set_model_props(graph, {DESCRIPTION: json.dumps(config)})
    path.write_bytes(graph.SerializeToString())


def _halve(graph: Any) -> None:
    """Store large weights as float16; runtimes cast them to float32 when they load the file."""
    onnx = library("onnx")
    for weight in list(graph.initializer):
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.size >= _LARGE:
            name, stored = weight.name, f"{weight.name}_float16"
            weight.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), stored))
            cast = onnx.helper.make_node("Cast", [stored], [name], to=onnx.TensorProto.FLOAT)
            graph.node.insert(0, cast)


def _quantize_onnx(graph: Any, faces: np.ndarray) -> Any:
    onnx = library("onnx")
    quantization = library("onnxruntime.quantization", "onnxruntime")

    class Faces(quantization.CalibrationDataReader):
        def __init__(self):
            self._batches = ({INPUT: batch} for batch in _batches(faces))

        def get_next(self) -> dict | None:
            return next(self._batches, None)

    with tempfile.TemporaryDirectory() as folder:
        plain, path = Path(folder, "plain.onnx"), Path(folder, "quantized.onnx")
        onnx.save(graph, plain)  # onnxruntime 1.20 loses the weights of a graph in memory
        quantization.quantize_static(
            plain,
            path,
            Faces(),
            per_channel=True,
            nodes_to_exclude=[node.name for node in graph.graph.node if node.op_type == "Softmax"],
        )
        return onnx.load(path)


def save_litert(path: Path, model: keras.Model, config: dict, faces: np.ndarray) -> None:
    """Write a LiteRT (.tflite) file; int8 is calibrated on `faces`, uint8 (N, S, S, 3)."""
    tensorflow = library("tensorflow")
    with _quietly(), tempfile.TemporaryDirectory() as folder:
        save_saved_model(Path(folder, "model"), model, config, faces)
        converter = tensorflow.lite.TFLiteConverter.from_saved_model(
            str(Path(folder, "model")), signature_keys=[SIGNATURE]
        )
        if config["precision"] != "float32":
            converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        if config["precision"] == "fp16":
            converter.target_spec.supported_types = [tensorflow.float16]
        if config["precision"] == "int8":
            content = _quantize_litert(converter, faces)
        else:
            content = converter.convert()
        path.write_bytes(_with_metadata(content, json.dumps(config)))


def _quantize_litert(converter: Any, faces: np.ndarray) -> bytes:
    lite = library("tensorflow").lite
    converter.representative_dataset = lambda: ({INPUT: batch} for batch in _batches(faces, 1))
    sets = lite.OpsSet
    converter.target_spec.supported_ops = [sets.TFLITE_BUILTINS_INT8, sets.TFLITE_BUILTINS]
    # TensorFlow's only way to exclude operations from quantization.
    debugger = lite.experimental.QuantizationDebugger(
        converter=converter,
        debug_dataset=converter.representative_dataset,
        debug_options=lite.experimental.QuantizationDebugOptions(denylisted_ops=["SOFTMAX"]),
    )
    return debugger.get_nondebug_quantized_model()


def _with_metadata(content: bytes, text: str) -> bytes:
    """A copy of a LiteRT model with `text` in its metadata."""
    schema = library("ai_edge_litert.schema_py_generated", "ai-edge-litert")
    flatbuffers = library("flatbuffers")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(text.encode(), np.uint8)
    entry.name, entry.buffer = DESCRIPTION, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or ()), entry]
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _serving(model: keras.Model) -> Callable:
    """TensorFlow function of the network, from float32 faces to outputs by name."""
    tensorflow = library("tensorflow")
    if keras.backend.backend() != "tensorflow":
        raise UserError(
            "export: expected Keras on TensorFlow, it runs on "
            f"{keras.backend.backend()}; set KERAS_BACKEND=tensorflow"
        )
    shape = (None, *model.input_shape[1:])
    signature = [tensorflow.TensorSpec(shape, tensorflow.float32, name=INPUT)]

    def serve(faces):
        return dict(zip(OUTPUTS, model(faces, training=False), strict=True))

    return tensorflow.function(serve, input_signature=signature)


def _batches(faces: np.ndarray, size: int = _CALIBRATION_BATCH) -> Iterator[np.ndarray]:
    for start in range(0, len(faces), size):
        yield faces[start : start + size].astype(np.float32)


@contextmanager
def _quietly() -> Iterator[None]:
    """Hide the converters' notes and warnings; their output is checked afterwards."""
    with quiet_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


WRITERS = {
    "onnx": save_onnx,
    "litert": save_litert,
    "openvino": save_openvino,
    "saved_model": save_saved_model,
    "keras": save_keras,
}
