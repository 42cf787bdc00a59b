"""Export of checkpoints to other formats."""

FORMATS = {  # name -> its runtime, one of `estimation.RUNTIMES`
    "onnx": "onnx",
    "litert": "litert",
    "openvino": "openvino",
    "saved_model": "saved_model",
    "keras": "keras_archive",
    "hdf5": "keras",
    "legacy": "keras",
}
