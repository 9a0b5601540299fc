"""A Merkle tree over many digests: one root for all, and a short proof for one.  Pure.

    root(leaves)                          the digest of them all, in their order
    path(leaves, index)                   the proof that one of them is included
    climb(leaf, index, size, path)        the root that such a proof implies, or None

The shape is that of RFC 9162: a tree over n leaves splits at the largest power of two below n.
Leaves and inner nodes are hashed with different prefixes, so neither can pass for the other.
"""

import hashlib
from collections.abc import Sequence

EMPTY = hashlib.sha256(b"").digest()


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def _join(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Level by level; a node without a sibling moves up unchanged, which gives the same tree."""
    level = list(leaves)
    while len(level) > 1:
        paired = [_join(*level[i : i + 2]) for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
    return level[0] if level else EMPTY


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The siblings on the way up; a level without one contributes none."""
    found, level = [], list(leaves)
    while len(level) > 1:
        if (partner := index ^ 1) < len(level):
            found.append(level[partner])
        paired = [_join(*level[i : i + 2]) for i in range(0, len(level) - 1, 2)]
        level, index = paired + level[len(paired) * 2 :], index // 2
    return found


def climb(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """None for a proof whose shape does not fit this position in a tree of this size."""
    if not 0 <= index < size:
        return None
    partners = iter(path)
    node = leaf
    while size > 1:
        if index ^ 1 < size:
            partner = next(partners, None)
            if partner is None:
                return None
            node = _join(partner, node) if index & 1 else _join(node, partner)
        index, size = index // 2, (size + 1) // 2
    return node if next(partners, None) is None else None
