"""The writer's Merkle tree: RFC 6962's root over all records, without keeping more of them than a few hashes.

The roots of the complete subtrees into which the leaves fall, largest first, are all that later roots need. They are
kept in a file so that a checkpoint reads only the records since the last one. Nobody who verifies a trail reads it.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hashmatch.custody.places import open_file, write_all

_MAGIC: Final = b"hmtree01"
_HASH: Final = 32
_NUMBER: Final = 8


@dataclass(slots=True)
class Tree:
    """A tree that grows by a leaf at a time.

    Attributes:
        size: leaves so far.
        end: bytes of the trail that hold them.
        subtrees: the roots of the complete subtrees; their sizes are the bits of `size`, from the highest.
    """

    size: int = 0
    end: int = 0
    subtrees: list[bytes] = field(default_factory=list)

    def add(self, leaf: bytes, length: int) -> None:
        """Add the hash of a leaf, whose line takes `length` bytes of the trail."""
        root = leaf
        complete = self.size
        while complete & 1:
            root = _node(self.subtrees.pop(), root)
            complete >>= 1
        self.subtrees.append(root)
        self.size += 1
        self.end += length

    def root(self) -> bytes:
        """Return the root: RFC 6962, section 2.1."""
        if not self.subtrees:
            return hashlib.sha256().digest()
        root = self.subtrees[-1]
        for left in reversed(self.subtrees[:-1]):
            root = _node(left, root)
        return root


def load(path: Path) -> Tree:
    """Read a tree back, or return an empty one where there is none that is whole."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Tree()
    body, check = content[:-_HASH], content[-_HASH:]
    start = len(_MAGIC) + 2 * _NUMBER
    if len(body) < start or not body.startswith(_MAGIC) or hashlib.sha256(body).digest() != check:
        return Tree()
    size, end = (int.from_bytes(body[at : at + _NUMBER]) for at in (len(_MAGIC), len(_MAGIC) + _NUMBER))
    return Tree(size, end, [body[at : at + _HASH] for at in range(start, len(body), _HASH)])


def save(tree: Tree, path: Path) -> None:
    """Keep a tree. It is not flushed, and one that is cut short counts as none: it can be made from the trail."""
    numbers = tree.size.to_bytes(_NUMBER) + tree.end.to_bytes(_NUMBER)
    body = _MAGIC + numbers + b"".join(tree.subtrees)
    descriptor = open_file(path, os.O_TRUNC)
    try:
        write_all(descriptor, body + hashlib.sha256(body).digest(), 0)
    finally:
        os.close(descriptor)


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
