"""Optional libraries and face models."""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

from src.errors import UserError
from src.quiet import quiet_import

_FACE_MODELS = "face_recognition_models"
_FACE_MODELS_VERSION = "0.3.0"


def library(module: str, package: str | None = None) -> ModuleType:
    """Import an optional library; raises `UserError` with its `pip install` if it is missing."""
    package = package or module
    try:
        with quiet_import():
            return importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"this needs {package}: pip install {package} ({error})") from error


def face_model(file: str) -> Path:
    """Path of one of dlib's models, from the PyPI package face_recognition_models.

    The package is not imported, as it needs pkg_resources. Raises `UserError` if it is not
    installed.
    """
    package = importlib.util.find_spec(_FACE_MODELS)
    if package is None:
        raise UserError(
            f"this needs the model {file}: pip install {_FACE_MODELS}=={_FACE_MODELS_VERSION}"
        )
    return Path(package.submodule_search_locations[0], "models", file)
