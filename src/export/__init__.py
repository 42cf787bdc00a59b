"""Export of checkpoints to other formats."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A format of exports.

    runtime: one of `estimation.RUNTIMES`, which predicts with its files.
    precisions: in addition to float32.
    folder: whether an export is a folder.
    """

    runtime: str
    precisions: tuple[str, ...] = ()
    folder: bool = False


FORMATS = {
    "onnx": Format("onnx", ("fp16", "int8")),
    "litert": Format("litert", ("fp16", "int8")),
    "openvino": Format("openvino", folder=True),
    "saved_model": Format("saved_model", folder=True),
    "keras": Format("keras_archive"),
    "hdf5": Format("keras", ("fp16",)),
    "legacy": Format("keras"),
}
