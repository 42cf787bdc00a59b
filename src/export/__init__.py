"""Export of checkpoints to other formats."""

FORMATS = {  # name -> its runtime, one of `estimation.RUNTIMES`, and precisions besides float32
    "onnx": ("onnx", ("fp16", "int8")),
    "litert": ("litert", ("fp16", "int8")),
    "openvino": ("openvino", ()),
    "saved_model": ("saved_model", ()),
    "keras": ("keras_archive", ()),
    "hdf5": ("keras", ("fp16",)),
    "legacy": ("keras", ()),
}
