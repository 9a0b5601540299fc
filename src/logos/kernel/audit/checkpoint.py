"""Checkpoints: a signed statement of where all journals end at one moment.  Pure.

    Mark                        where one journal ends: number and hash of its last event
    Checkpoint                  all marks, as the root of a Merkle tree, and the checkpoint before
    sign(checkpoint, key)       its bytes with an Ed25519 signature
    opened(signed, trusted)     the checkpoint, or BadCheckpoint
    places(before, ids)         the feed positions of one journal, hashed into 32 bytes

A journal's rows are chained, so the hash of its last event stands for all of it.  The number a row
has in the feed is not in its hash (the database assigns it later); a mark keeps a rolling hash of
those numbers beside it.
"""

import hashlib
import struct
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from logos.abi.ids import Pid, Seq
from logos.kernel.audit import merkle

_LEAF = struct.Struct(">qq32s32s")
_PLACE = struct.Struct(">32sq")
_DOMAIN = b"logos checkpoint 1\n"
"""Prefixed to what is signed, so that a signature cannot be mistaken for one of anything else."""

NOWHERE = bytes(32)
"""The value before the first feed position, and before the first checkpoint."""


class Mark(NamedTuple):
    """`places` is a rolling hash of the feed positions of its events."""

    pid: Pid
    seq: Seq
    hash: bytes
    places: bytes

    def leaf(self) -> bytes:
        return merkle.leaf(_LEAF.pack(*self))


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """`root` covers the marks of all `processes`, ordered by pid; `events` is their number; `at` is
    microseconds; `before` is the SHA-256 of the previous checkpoint's signed bytes."""

    number: int
    at: int
    processes: int
    events: int
    root: bytes
    before: bytes


class Signed(NamedTuple):
    """`body` is what was signed, `key` the public half of the signing key."""

    body: bytes
    key: bytes
    signature: bytes

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.body).digest()


class BadCheckpoint(Exception):  # noqa: N818 - a finding, not a mistake
    """It was not signed by a trusted key."""


def places(before: bytes, ids: Iterable[int]) -> bytes:
    for id_ in ids:
        before = hashlib.sha256(_PLACE.pack(before, id_)).digest()
    return before


def root_of(marks: Sequence[Mark]) -> bytes:
    return merkle.root([mark.leaf() for mark in marks])


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> Signed:
    body = msgspec.json.encode(checkpoint)
    return Signed(body, key.public_key().public_bytes_raw(), key.sign(_DOMAIN + body))


def opened(signed: Signed, trusted: Collection[bytes]) -> Checkpoint:
    if signed.key not in trusted:
        raise BadCheckpoint(f"signed with a key nobody here trusts: {signed.key.hex()}")
    try:
        Ed25519PublicKey.from_public_bytes(signed.key).verify(
            signed.signature, _DOMAIN + signed.body
        )
        return msgspec.json.decode(signed.body, type=Checkpoint)
    except (InvalidSignature, ValueError):  # msgspec's errors are ValueErrors
        raise BadCheckpoint("its signature is not of what it says") from None
