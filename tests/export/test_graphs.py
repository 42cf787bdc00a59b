"""src/export/graphs.py: networks with constants."""

import keras
import numpy as np
import onnxruntime

from src.export.graphs import save_onnx
from src.models.heads import twin_heads
from tests.models.reference import made_faces


def test_constants_are_not_inputs(tmp_path):
    """keras.applications' EfficientNets normalise by constants, which tf2onnx left open."""
    inputs = keras.Input((32, 32, 3))
    net = keras.layers.Normalization(mean=[90.0, 110.0, 130.0], variance=[70.0, 60.0, 50.0])(inputs)
    model = keras.Model(inputs, twin_heads(keras.layers.GlobalAveragePooling2D()(net)))
    faces = made_faces(3, 32).astype(np.float32)
    save_onnx(tmp_path / "m.onnx", model, "float32", faces)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    assert [value.name for value in session.get_inputs()] == ["faces"]
    outputs = session.run(None, {"faces": faces})
    for ours, theirs in zip(outputs, model.predict_on_batch(faces), strict=True):
        assert theirs.std() > 1e-3
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
