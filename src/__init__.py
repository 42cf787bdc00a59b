"""Age and gender estimation from face images: see README.md."""

import os
from importlib import import_module

__version__ = "0.3.0"
__all__ = ["Estimates", "Estimator", "FaceEstimate", "ImageFaces", "to_frame"]

# TensorFlow's start-up notes would bury a script's own lines; it raises its errors.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# OpenCV reports undecodable images on stderr; read_image reports them itself.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
# FFmpeg prints a line per broken packet; the demo counts the frames that were lost.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


def __getattr__(name: str) -> object:
    """Import the interface at first use, as `--help` does without it."""
    if name in __all__:
        return getattr(import_module(".estimation.estimator", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
