"""Optional libraries, models inside PyPI packages, and objects named in registries."""

import importlib
import importlib.util
import pkgutil
import sys
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import UserError
from .quiet import quiet_import


def resolve(name: str) -> Any:
    """The object that a registry names as "module:object"; ".module" is one of this package."""
    return pkgutil.resolve_name(f"{__package__}{name}" if name.startswith(".") else name)


def library(module: str, package: str | None = None) -> ModuleType:
    """Import an optional library. Raises `UserError` with the install command if it is missing."""
    package = package or module
    try:
        # Later calls are of several threads: none may hide what another writes to stderr.
        with nullcontext() if module in sys.modules else quiet_import():
            return importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"this needs {package}: pip install {package} ({error})") from error


def package_file(package: str, file: str, requirement: str) -> Path:
    """A file of an installed PyPI package, found without importing the package.

    Raises `UserError` if it is not installed.
    """
    spec = importlib.util.find_spec(package)
    path = spec and Path(spec.submodule_search_locations[0], file)
    if not path or not path.is_file():
        raise UserError(f"this needs the model {file}: pip install {requirement}")
    return path
