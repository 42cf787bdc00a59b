"""The weights that ship with the toolkit, and how it is known that they are those."""

import hashlib
from pathlib import Path

from src.errors import UserError

SHIPPED = Path(__file__).parents[2] / "pretrained_models" / "age_gender.hdf5"
_AGAIN = "get it back with `git checkout pretrained_models`, or name another with --weight_file"


def shipped_weights() -> Path:
    """The path of the weights that ship.

    Raises `UserError` if their SHA-256 is not that in the file next to them, which `sha256sum`
    wrote, or one of the two is missing.
    """
    stored = SHIPPED.with_name(f"{SHIPPED.name}.sha256")
    for path in (SHIPPED, stored):
        if not path.is_file():
            raise UserError(f"{path}: expected a file of the toolkit's, found none; {_AGAIN}")
    expected = stored.read_text(encoding="utf-8", errors="replace").partition(" ")[0]
    found = hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
    if found != expected:
        raise UserError(
            f"{SHIPPED}: expected the weights that ship, of SHA-256 {expected}, found {found}; "
            f"{_AGAIN}"
        )
    return SHIPPED
