"""Age and gender estimation, and the registry of runtimes."""

from importlib import import_module

__all__ = ["Estimates", "Estimator", "FaceEstimate", "ImageFaces", "to_frame"]

RUNTIMES = {  # name -> "module:function", imported at first use, and the suffix of its files
    "keras": (".estimation.runtimes:load_keras", ""),  # files of no other runtime
    "keras_archive": (".estimation.runtimes:load_keras_archive", ".keras"),
    "onnx": (".estimation.runtimes:load_onnx", ".onnx"),
    "litert": (".estimation.runtimes:load_litert", ".tflite"),
    "saved_model": (".estimation.runtimes:load_saved_model", ""),  # folders
    "openvino": (".estimation.runtimes:load_openvino", ""),  # folders
}


def __getattr__(name: str) -> object:
    """Import the interface at first use, as flags are parsed without it."""
    if name in __all__:
        return getattr(import_module(".estimator", __name__), name)
    raise AttributeError(name)
