"""Files that ship with the toolkit: weights, by name, and the detector."""

from pathlib import Path

from .files import check_input_file

SHIPPED = {"accurate": "age_gender", "small": "age_gender_small"}  # weights: files without suffix
_PACKAGE = Path(__file__).parent


def resolve_weights(weight_file: Path | str | None = None, for_keras: bool = False) -> Path:
    """The path of a weight file, which may be one of the shipped ones.

    Args:
        weight_file: path, one of `SHIPPED`, or None for "accurate". A file of that name in the
            current folder comes first.
        for_keras: whether training or export needs the HDF5 file, instead of ONNX.

    Raises:
        UserError: The shipped file is missing.
    """
    name = str(weight_file or "accurate")
    if name not in SHIPPED or Path(name).exists():
        return Path(name)
    path = shipped_path(SHIPPED[name] + (".hdf5" if for_keras else ".onnx"))
    check_input_file(path, "shipped weights (get them by `git checkout pretrained_models`)")
    return path


def shipped_path(name: str) -> Path:
    """Path of a file of `pretrained_models`: within an installed package, next to it in a
    checkout."""
    inside = _PACKAGE / "pretrained_models" / name
    return inside if inside.is_file() else _PACKAGE.parent / "pretrained_models" / name
