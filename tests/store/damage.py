"""Damaging a sealed generation at places that matter, and what plain LevelDB then says."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import plyvel

from hashmatch.config import Settings
from hashmatch.digests import Algorithm
from hashmatch.errors import HashmatchError
from hashmatch.lists import verify
from hashmatch.store.opening import sealer_for_use
from tests.madeup import MD5, snapshot

_FOOTER = 48  # bytes of a table's end: two block handles, padding, magic


class Block(NamedTuple):
    """A stretch of a table, without the five bytes of type and checksum behind it."""

    offset: int
    size: int


@dataclass(frozen=True)
class Table:
    """Where the blocks of a table lie (LevelDB, doc/table_format.md)."""

    path: Path
    content: bytes

    @classmethod
    def of(cls, settings: Settings) -> Table:
        """Return the only table of a store of one small list."""
        (path,) = settings.store.glob("lists/*/*/db/*.ldb")
        return cls(path, path.read_bytes())

    @property
    def filter(self) -> Block:
        ((name, block),) = self._entries(_handle(self.content, len(self.content) - _FOOTER)[0])
        assert name == b"filter.leveldb.BuiltinBloomFilter2"
        return block

    @property
    def data(self) -> list[Block]:
        _, at = _handle(self.content, len(self.content) - _FOOTER)
        return [block for _, block in self._entries(_handle(self.content, at)[0])]

    def keys(self, block: Block) -> list[bytes]:
        """Return the sealed keys of a data block; LevelDB adds eight bytes of its own to each."""
        return [key[:-8] for key, _ in self._records(block)]

    def _entries(self, block: Block) -> Iterator[tuple[bytes, Block]]:
        for key, at in self._records(block):
            yield key, _handle(self.content, at)[0]

    def _records(self, block: Block) -> Iterator[tuple[bytes, int]]:
        """Yield the keys of a block, and where their values begin."""
        restarts = int.from_bytes(self.content[block.offset + block.size - 4 :][:4], "little")
        at, end = block.offset, block.offset + block.size - 4 - 4 * restarts
        key = b""
        while at < end:
            shared, at = _varint(self.content, at)
            unshared, at = _varint(self.content, at)
            length, at = _varint(self.content, at)
            key = key[:shared] + self.content[at : at + unshared]
            yield key, at + unshared
            at += unshared + length

    def damage(self, at: int, change: Callable[[int], int], count: int = 1) -> None:
        content = bytearray(self.content)
        for place in range(at, at + count):
            content[place] = change(content[place]) & 0xFF
        assert bytes(content) != self.content
        self.path.write_bytes(content)

    def restore(self) -> None:
        self.path.write_bytes(self.content)


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _handle(content: bytes, at: int) -> tuple[Block, int]:
    offset, at = _varint(content, at)
    size, at = _varint(content, at)
    return Block(offset, size), at


def plain_copy(settings: Settings, where: Path) -> Path:
    """Copy the database of a store's only generation, for LevelDB to open as it likes."""
    (database,) = settings.store.glob("lists/*/*/db")
    shutil.rmtree(where, ignore_errors=True)
    return shutil.copytree(database, where)


def missed_by_plain_leveldb(settings: Settings, where: Path, listed: Sequence[bytes], **options: Any) -> int:
    """Return how many listed digests LevelDB calls absent, without any error, when it is opened without our measures.

    Raises:
        plyvel.Error: it noticed.
    """
    sealer = sealer_for_use(settings)
    read = {"verify_checksums": options.pop("verify_checksums", False)}
    with closing(plyvel.DB(str(plain_copy(settings, where)), bloom_filter_bits=12, **options)) as database:
        return sum(database.get(sealer.seal(MD5, digest), **read) is None for digest in listed)


def silently_missed(settings: Settings, listed: Sequence[bytes], algorithm: Algorithm = MD5) -> int | None:
    """Return how many listed digests our own look-up calls absent; None where it raised instead of answering.

    Every digest is asked for, also after another one's look-up has raised: of the filter, all together, and each alone.
    """
    misses, raised = 0, False
    try:
        with snapshot(settings) as known:
            try:
                misses += len(listed) - len(known.candidates((algorithm,), [(digest,) for digest in listed]))
            except HashmatchError:
                raised = True
            try:
                misses += known.find_all(algorithm, b"".join(listed)).numbers.count(0)
            except HashmatchError:
                raised = True
            for digest in listed:
                try:
                    misses += not known.find(algorithm, digest)
                except HashmatchError:
                    raised = True
    except HashmatchError:
        raised = True
    return None if raised and not misses else misses


def verification_fails(settings: Settings) -> bool:
    """Tell whether `lists verify` finds something wrong."""
    try:
        verify(settings, None, processes=0)
    except HashmatchError:
        return True
    return False
