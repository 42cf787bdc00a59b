"""Age and gender estimation, and the registry of runtimes."""

from importlib import import_module

__all__ = ["Estimates", "Estimator", "FaceEstimate"]

RUNTIMES = {  # name -> "module:function", imported at first use, and the suffix of its files
    "keras": (".estimation.runtimes:load_keras", ""),  # files of no other runtime
    "onnx": (".estimation.runtimes:load_onnx", ".onnx"),
    "litert": (".estimation.runtimes:load_litert", ".tflite"),
    "saved_model": (".estimation.runtimes:load_saved_model", ""),  # folders
}


def __getattr__(name: str) -> type:
    """Import the classes at first use, as flags are parsed without them."""
    if name in __all__:
        return getattr(import_module(".estimator", __name__), name)
    raise AttributeError(name)
