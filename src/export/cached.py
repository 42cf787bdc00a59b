"""Cache of ONNX exports of weight files."""

import hashlib
from pathlib import Path

from ..errors import UserError
from ..estimation.runtimes import runtime_of
from ..estimation.shipped import shipped_weights
from ..files import check_input_file
from ..models.description import Original
from ..outputs import locked


def cached_onnx(weight_file: Path | None, cache: Path, original: Original) -> Path:
    """The ONNX export of `weight_file` in the folder `cache`, written at first use.

    weight_file: None for the shipped weights.
    The file name contains a SHA-256 of the weight file and of `original`. Neither Keras nor
    TensorFlow is loaded if the export exists.
    Raises `UserError` if `weight_file` is an export, or a package that exports need is missing.
    """
    weight_file = weight_file or shipped_weights()
    if runtime_of(weight_file) != "keras":
        raise UserError(
            f"--cache: expected a weight file of Keras, received {weight_file}; leave --cache out"
        )
    check_input_file(weight_file, "a weight file")
    digest = hashlib.sha256(repr(original).encode())
    digest.update(weight_file.read_bytes())
    path = cache / f"{weight_file.stem}-{digest.hexdigest()[:16]}.onnx"
    if not path.is_file():
        from .export import export

        cache.mkdir(parents=True, exist_ok=True)
        with locked(path):
            export(weight_file, "onnx", path, original=original, force=True)
    return path
