"""The only module that speaks to plyvel; it knows how LevelDB fails and never lets that pass for an absence.

Reasons for each measure are in docs/store-format.md. In short: without `paranoid_checks` a damaged filter block makes
present keys absent; without `verify_checksums` a damaged data block does; `iterator` ends early without an error
where `raw_iterator` raises; `create_if_missing` turns a lost CURRENT into an empty list; closing under readers
crashes the process.
"""

from __future__ import annotations

import errno
import os
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice, starmap
from pathlib import Path
from typing import Final

import plyvel

from hashmatch.errors import StoreDamaged, StoreError, StoreUnwritable
from hashmatch.store.inner_loops import ask
from hashmatch.store.postings import KEY_SIZE

SMALLEST_BUFFER: Final = 4 << 20  # bytes; a buffer that fits the processor's cache fills at twice the speed of 64 MiB
LARGEST_BUFFER: Final = 64 << 20  # bytes
_TABLES: Final = 256  # at most about so many tables a generation, for they all may be open at once
_BUFFERED: Final = 60  # bytes that one record takes in the buffer
TABLE_SIZE: Final = 32 << 20  # bytes; 10 million keys stay below a dozen descriptors
BLOCK_SIZE: Final = 1 << 10  # bytes; a look-up checks the sum of a whole block, which at 4 KiB is a quarter of its time
BLOOM_BITS: Final = 12  # bits a key; one absent digest in about 300 costs a block read
BATCH: Final = 1_000  # records

LEVELDB_VERSION: Final[str] = plyvel.__leveldb_version__
PLYVEL_VERSION: Final[str] = plyvel.__version__


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn LevelDB's errors into ours, at the border and nowhere else."""
    try:
        yield
    except plyvel.CorruptionError as error:
        raise StoreDamaged(f"{path}: LevelDB found damage: {error}") from error
    except plyvel.IOError as error:
        # LevelDB passes the system's words on, not its number.
        kind = StoreUnwritable if os.strerror(errno.ENOSPC) in str(error) else StoreError
        raise kind(f"{path}: LevelDB could not read or write: {error}") from error
    except plyvel.Error as error:
        raise StoreDamaged(f"{path}: LevelDB refused: {error}") from error


def build(path: Path, partitions: Iterable[Iterable[tuple[bytes, bytes]]], expected: int) -> int:
    """Write a new database from records that ascend by key; return their number, which is at most `expected`.

    Raises:
        StoreUnwritable: the disk is full or refused a write; the directory is to be thrown away.
    """
    count = 0
    try:
        database = plyvel.DB(
            str(path),
            create_if_missing=True,
            error_if_exists=True,
            paranoid_checks=True,
            write_buffer_size=min(max(SMALLEST_BUFFER, expected * _BUFFERED // _TABLES), LARGEST_BUFFER),
            max_file_size=TABLE_SIZE,
            block_size=BLOCK_SIZE,
            compression=None,
            bloom_filter_bits=BLOOM_BITS,
        )
        try:
            for partition in partitions:
                count += _write(database, partition)
            database.compact_range()
        finally:
            database.close()
    except plyvel.Error as error:
        raise StoreUnwritable(f"{path.parent}: the database could not be written: {error}") from error
    return count


def _write(database: plyvel.DB, records: Iterable[tuple[bytes, bytes]]) -> int:
    count = 0
    remaining = iter(records)
    batch = database.write_batch()
    while some := list(islice(remaining, BATCH)):
        deque(starmap(batch.put, some), maxlen=0)  # a loop without a step of the interpreter for each record
        batch.write()
        batch.clear()
        count += len(some)
    return count


class Database:
    """An open view of a sealed generation. Threads may share it; `close` only when nobody reads."""

    def __init__(self, path: Path) -> None:
        """Open `path`, which must be a private view.

        Raises:
            StoreDamaged: LevelDB found damage.
            StoreError: it could not be read at all.
        """
        self._path = path
        with translated(path):
            self._db = plyvel.DB(
                str(path),
                create_if_missing=False,
                paranoid_checks=True,
                bloom_filter_bits=BLOOM_BITS,
                max_file_size=TABLE_SIZE,
                compression=None,
            )

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key; None only where LevelDB has proved that it is absent."""
        try:
            value: bytes | None = self._db.get(key, verify_checksums=True)
        except plyvel.Error:
            with translated(self._path):
                raise
        return value

    def number(self, keys: bytes, positions: bytes, numbers: array[int]) -> list[tuple[int, bytes]]:
        """Ask for each key what `get` gives, and number it; see `inner_loops.ask`.

        Keys in order are the quickest, for neighbours share a block.
        """
        with translated(self._path):
            return ask(self._db.get, "verify_checksums", keys, KEY_SIZE, positions, numbers)

    def scan(self, start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        """Yield the records from `start` up to and without `stop`, in order of their keys.

        Raises:
            StoreDamaged: a block is damaged; what was yielded until then may not be all there was.
        """
        with translated(self._path), self._db.raw_iterator(verify_checksums=True, fill_cache=False) as records:
            records.seek(start)
            while records.valid() and (stop is None or records.key() < stop):
                yield records.item()
                records.next()

    def read_into(self, keys: list[bytes], values: list[bytes], start: bytes, stop: bytes | None) -> None:
        """Do as `scan` does, at twice its speed: verification reads every record there is.

        Raises:
            StoreDamaged: a block is damaged.
        """
        with translated(self._path), self._db.raw_iterator(verify_checksums=True, fill_cache=False) as records:
            records.seek(start)
            valid, key_of, value_of, step = records.valid, records.key, records.value, records.next
            take_key, take_value = keys.append, values.append
            end = b"\xff" * 18 if stop is None else stop
            while valid():
                key = key_of()
                if key >= end:
                    return
                take_key(key)
                take_value(value_of())
                step()

    def close(self) -> None:
        """Close it; no other thread may be reading."""
        self._db.close()
