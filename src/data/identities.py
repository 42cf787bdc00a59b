"""Identities of faces: 64-bit hashes of their source files."""

import hashlib


def file_identity(content: bytes) -> int:
    """Identity of a source file, 0..2**64-1.

    Args:
        content: the bytes of the file.

    Returns:
        The first 8 bytes of their BLAKE2b, digest size 8, as a little-endian integer.
    """
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")
