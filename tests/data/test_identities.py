"""Identities of faces."""

import hashlib
import json

import numpy as np

from src.data.identities import Identities, file_identity


def test_identity_is_the_digest_in_little_endian():
    digest = hashlib.new("blake2b", b"a photo", digest_size=8).digest()
    assert file_identity(b"a photo") == np.frombuffer(digest, "<u8")[0]
    assert file_identity(b"a photo") != file_identity(b"another")


def made(count, seed=0):
    return np.random.default_rng(seed).integers(0, 2**64, count, np.uint64)


def test_faces_belong_to_the_first_part():
    ids = made(30)
    faces = [("bytes", "validation", ids[10:20]), ("bytes", "training", ids[:12])]
    lists = Identities.of([*faces, ("bytes", "test", ids[18:25]), ("pixels", "test", ids[:1])])
    parts = lists.parts_of("bytes", ids).tolist()
    assert parts == ["training"] * 12 + ["validation"] * 8 + ["test"] * 5 + [""] * 5
    assert lists.parts_of("pixels", ids).tolist() == ["test"] + [""] * 29


def test_identities_as_text():
    ends = np.array([0, 2**64 - 1], np.uint64)
    faces = [("bytes", "training", made(10_000)), ("bytes", "test", ends)]
    faces.append(("pixels 8", "training", np.empty(0, np.uint64)))
    lists = Identities.of(faces)
    text = json.dumps(lists.as_json())
    assert len(text) < 9.1 * 10_000
    read = Identities.from_json(json.loads(text))
    assert read == lists
    for kind, part, ids in lists.items():
        assert read.lists[kind][part].tolist() == sorted(ids.tolist())
