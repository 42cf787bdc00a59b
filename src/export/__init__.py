"""Export of checkpoints to other formats."""

FORMATS = {  # name -> precisions in addition to float32
    "onnx": ("fp16", "int8"),
    "litert": ("fp16", "int8"),
    "saved_model": (),
    "hdf5": ("fp16",),
    "legacy": (),
}
