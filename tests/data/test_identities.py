"""Identities of faces."""

import hashlib

import numpy as np

from src.data.identities import file_identity


def test_identity_is_the_digest_in_little_endian():
    digest = hashlib.new("blake2b", b"a photo", digest_size=8).digest()
    assert file_identity(b"a photo") == np.frombuffer(digest, "<u8")[0]
    assert file_identity(b"a photo") != file_identity(b"another")
