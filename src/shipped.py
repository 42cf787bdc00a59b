"""Files that ship with the toolkit."""

import hashlib
from pathlib import Path

from .errors import UserError

_PACKAGE = Path(__file__).parent


def shipped_path(name: str) -> Path:
    """Path of a file of `pretrained_models`: within an installed package, next to it in a
    checkout."""
    inside = _PACKAGE / "pretrained_models" / name
    return inside if inside.is_file() else _PACKAGE.parent / "pretrained_models" / name


def check_shipped(path: Path) -> Path:
    """Return `path` if its SHA-256 is the one in the file next to it, as written by `sha256sum`.

    Raises:
        UserError: It differs, or one of the files is missing.
    """
    stored, again = path.with_name(f"{path.name}.sha256"), "get it back with `git checkout"
    again = f"{again} pretrained_models` or install the toolkit again"
    for file in (path, stored):
        if not file.is_file():
            raise UserError(f"{file}: expected a file of the toolkit, found none; {again}")
    expected = stored.read_text(encoding="utf-8", errors="replace").partition(" ")[0]
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        raise UserError(f"{path}: expected the SHA-256 {expected}, found {found}; {again}")
    return path
