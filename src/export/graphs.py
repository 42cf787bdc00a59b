"""Writers of ONNX, LiteRT, OpenVINO, SavedModel and Keras files.

Networks contain their scaling: files take faces, float32 (N, S, S, 3), BGR, 0..255, any N, and
return `pred_gender` (N, 2) and `pred_age` (N, 101), always float32. A writer takes a path, the
network, one of its precisions, and faces for the calibration of int8, uint8 (N, S, S, 3).

Keras's own exporter writes OpenVINO only: its SavedModels store every weight twice, and its ONNX
files take a network's constants as further inputs.
"""

import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np

from ..errors import UserError
from ..estimation.runtimes import DESCRIPTION, DESCRIPTION_FILE, INPUT, OPENVINO_FILE, SIGNATURE
from ..extras import library
from ..models.description import OUTPUTS

_OPSET = 17  # ONNX 1.12, 2022
_LARGE = 4096  # number of values; smaller weights stay float32


def save_saved_model(path: Path, model: keras.Model, precision: str, faces: np.ndarray) -> None:
    """Write a folder for `tf.saved_model.load`."""
    module = _module(model)
    library("tensorflow").saved_model.save(module, str(path), {SIGNATURE: module.serve})


def save_openvino(path: Path, model: keras.Model, precision: str, faces: np.ndarray) -> None:
    """Write a folder for OpenVINO."""
    library("openvino")
    path.mkdir()
    named = keras.Model(model.inputs, dict(zip(OUTPUTS, model.outputs, strict=True)))
    named.export(str(path / OPENVINO_FILE), format="openvino", verbose=False)


def save_litert(path: Path, model: keras.Model, precision: str, faces: np.ndarray) -> None:
    """Write a LiteRT (.tflite) file; int8 is for weights."""
    tensorflow, module = library("tensorflow"), _module(model)
    converter = tensorflow.lite.TFLiteConverter.from_concrete_functions(
        [module.serve.get_concrete_function()], module
    )
    if precision != "float32":
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
    if precision == "fp16":
        converter.target_spec.supported_types = [tensorflow.float16]
    path.write_bytes(converter.convert())


def save_onnx(path: Path, model: keras.Model, precision: str, faces: np.ndarray) -> None:
    """Write an ONNX file; int8 is for weights and activations except the softmax: in steps of 1/256
    the 101 ages would not add up to 1."""
    onnx, tf2onnx = library("onnx"), library("tf2onnx")
    freezing = library("tensorflow.python.framework.convert_to_constants", "tensorflow")
    serve = _module(model).serve.get_concrete_function()
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
    if precision == "fp16":
        _halve(graph.graph)
    onnx.save(graph, path)
    if precision == "int8":
        batches = (np.float32(faces[start : start + 32]) for start in range(0, len(faces), 32))
        reader = SimpleNamespace(get_next=lambda: next(({INPUT: batch} for batch in batches), None))
        softmax = [node.name for node in graph.graph.node if node.op_type == "Softmax"]
        library("onnxruntime.quantization", "onnxruntime").quantize_static(
            path, path, reader, per_channel=True, nodes_to_exclude=softmax
        )


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


def _module(model: keras.Model) -> Any:
    """TensorFlow module of the network's weights and of `serve`, a function from float32 faces to
    outputs by name."""
    tensorflow = library("tensorflow")
    if keras.backend.backend() != "tensorflow":
        raise UserError("--format needs Keras on TensorFlow; set KERAS_BACKEND=tensorflow")
    faces = tensorflow.TensorSpec((None, *model.input_shape[1:]), tensorflow.float32, name=INPUT)

    @tensorflow.function(input_signature=[faces])
    def serve(faces):
        return dict(zip(OUTPUTS, model(faces, training=False), strict=True))

    module = tensorflow.Module()
    module.weights, module.serve = [weight.value for weight in model.weights], serve
    return module


def store_description(path: Path, format: str, config: dict) -> None:
    """Add a description as `estimation.runtimes` reads it: in ONNX's metadata, in a zip archive,
    which LiteRT files have at their end, or in a file of a folder."""
    text = json.dumps(config)
    if format == "onnx":
        onnx = library("onnx")
        graph = onnx.load(path)
        onnx.helper.set_model_props(graph, {DESCRIPTION: text})
        onnx.save(graph, path)
    elif path.is_dir():
        (path / DESCRIPTION_FILE).write_text(text)
    else:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(DESCRIPTION_FILE, text)


WRITERS = {
    "onnx": save_onnx,
    "litert": save_litert,
    "openvino": save_openvino,
    "saved_model": save_saved_model,
    "keras": lambda path, model, precision, faces: model.save(path),
}
