"""Files that ship with the toolkit: weights, by name, and the detector."""

import hashlib
from pathlib import Path

from .errors import UserError

SHIPPED = {"accurate": "age_gender", "small": "age_gender_small"}  # weights: files without suffix
_PACKAGE = Path(__file__).parent


def resolve_weights(weight_file: Path | str | None = None, for_keras: bool = False) -> Path:
    """The path of a weight file, which may be one of the shipped ones.

    Args:
        weight_file: path, one of `SHIPPED`, or None for "accurate". A file of that name in the
            current folder comes first.
        for_keras: whether training or export needs the HDF5 file, instead of ONNX.

    Raises:
        UserError: The shipped file is missing or damaged.
    """
    name = str(weight_file or "accurate")
    if name not in SHIPPED or Path(name).exists():
        return Path(name)
    return shipped_file(SHIPPED[name] + (".hdf5" if for_keras else ".onnx"))


def shipped_path(name: str) -> Path:
    """Path of a file of `pretrained_models`: within an installed package, next to it in a
    checkout."""
    inside = _PACKAGE / "pretrained_models" / name
    return inside if inside.is_file() else _PACKAGE.parent / "pretrained_models" / name


def shipped_file(name: str) -> Path:
    """`shipped_path` of a file whose SHA-256 is the one next to it, as written by `sha256sum`.

    Raises:
        UserError: It differs, or one of the files is missing.
    """
    path = shipped_path(name)
    stored = path.with_name(f"{name}.sha256")
    if path.is_file() and stored.is_file():
        expected = stored.read_text(encoding="utf-8", errors="replace").partition(" ")[0]
        if hashlib.sha256(path.read_bytes()).hexdigest() == expected:
            return path
    raise UserError(
        f"{path}: missing, or not the file whose SHA-256 is in {stored.name}; get both back with "
        "`git checkout pretrained_models` or install the toolkit again"
    )
