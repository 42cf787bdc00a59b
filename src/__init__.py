"""Age and gender estimation from face pictures: see README.md."""

import os

__version__ = "0.1.0"

# TensorFlow's start-up notes would bury a script's own lines; what goes wrong it raises.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# OpenCV reports undecodable pictures on stderr; read_image reports them itself.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
