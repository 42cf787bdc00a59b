"""The shipped weights and their checksum."""

import hashlib
from pathlib import Path

from ..errors import UserError

SHIPPED = Path(__file__).parents[2] / "pretrained_models" / "age_gender.hdf5"
_AGAIN = "get it back with `git checkout pretrained_models`, or name another with --weight_file"


def shipped_weights() -> Path:
    """The path of the shipped weights.

    Raises `UserError` if their SHA-256 differs from the one in the file next to them, as written by
    `sha256sum`, or if either file is missing.
    """
    stored = SHIPPED.with_name(f"{SHIPPED.name}.sha256")
    for path in (SHIPPED, stored):
        if not path.is_file():
            raise UserError(f"{path}: expected a file of the toolkit, found none; {_AGAIN}")
    expected = stored.read_text(encoding="utf-8", errors="replace").partition(" ")[0]
    found = hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
    if found != expected:
        raise UserError(
            f"{SHIPPED}: expected the shipped weights, SHA-256 {expected}, found {found}; {_AGAIN}"
        )
    return SHIPPED
