"""The shipped weights, by name."""

from pathlib import Path

from ..shipped import check_shipped, shipped_path

SHIPPED = {"accurate": "age_gender", "small": "age_gender_small"}  # files without suffix


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
    onnx, hdf5 = (shipped_path(SHIPPED[name] + suffix) for suffix in (".onnx", ".hdf5"))
    return check_shipped(hdf5 if for_keras or not onnx.is_file() else onnx)
