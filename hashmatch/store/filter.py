"""The filter ahead of LevelDB: whether a key may be in a list, at a tenth of a look-up's cost.

It may say "perhaps" of an absent key and never "no" of a present one, not even when it is damaged: every block carries
a check value that every question verifies. What is listed is said by LevelDB alone. Format: docs/store-format.md.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from hashmatch.digests import ALL_ALGORITHMS, Algorithm
from hashmatch.errors import StoreDamaged
from hashmatch.store.layout import FILTER
from hashmatch.store.manifest import Manifest, PinnedFile
from hashmatch.store.portable import BLOCK_BYTES, WORDS, Section, check_value

KEYS_A_BLOCK: Final = 32  # so that one absent key in some hundreds is let through, at 16 bits a key


class Blocks(NamedTuple):
    """Where the blocks of one algorithm lie: the number of the first, and how many there are."""

    first: int
    number: int

    def place_of(self, leading: int) -> int:
        """Return which of these blocks keys with these first 32 bits lie in, from 0; it ascends with the key."""
        return leading * self.number >> 32


def blocks_for(digests: Mapping[str, int]) -> dict[Algorithm, Blocks]:
    """Return the blocks of a filter over so many keys of each algorithm, by its label."""
    blocks: dict[Algorithm, Blocks] = {}
    first = 0
    for algorithm in ALL_ALGORITHMS:
        keys = digests.get(algorithm.label, 0)
        if keys:
            blocks[algorithm] = Blocks(first, -(-keys // KEYS_A_BLOCK))
            first += blocks[algorithm].number
    return blocks


def salt_for(content_root: str) -> int:
    """Return what a generation adds to the numbers of its blocks: the first eight bytes of its content root."""
    return int(content_root[:16], 16)


class Filter:
    """An open filter, mapped and shared with every process that has it open. Threads may share it."""

    def __init__(self, manifest: Manifest, content: mmap.mmap) -> None:
        name = f"list {manifest.list}: {FILTER}"
        salt = salt_for(manifest.content_root)
        self._content = content
        self._sections = {
            algorithm: Section(name, content, blocks.first, blocks.number, salt)
            for algorithm, blocks in blocks_for(manifest.digests).items()
        }

    def __len__(self) -> int:
        """Return its size in bytes."""
        return len(self._content)

    def section(self, algorithm: Algorithm) -> Section:
        """Return what `inner_loops.probe` wants of an algorithm that the list has digests of."""
        return self._sections[algorithm]

    def may_hold(self, key: bytes) -> bool:
        """Answer one sealed key, step by step as the format is described; `inner_loops.probe` is the quick form.

        Raises:
            StoreDamaged: the key's block is not what was written.
        """
        section = self._sections[Algorithm(key[0])]
        number = Blocks(section.first, section.blocks).place_of(int.from_bytes(key[1:5], "big"))
        at = (section.first + number) * BLOCK_BYTES
        block = self._content[at : at + BLOCK_BYTES]
        check = check_value(block[: 8 * WORDS], section.first + number, section.salt)
        if check.to_bytes(8, "little") != block[8 * WORDS :]:
            raise StoreDamaged(f"{section.name}: block {section.first + number} is not what was written")
        choice = int.from_bytes(key[9:17], "big")
        words = (int.from_bytes(block[8 * word : 8 * word + 8], "little") for word in range(WORDS))
        return all(bits >> (choice >> 6 * word & 63) & 1 for word, bits in enumerate(words))

    def give_back(self) -> None:
        """Drop this process's hold on the mapped pages; they come back when they are looked at (madvise(2))."""
        self._content.madvise(mmap.MADV_DONTNEED)


@contextmanager
def open_filter(generation: Path, manifest: Manifest) -> Iterator[Filter | None]:
    """Map the filter of a generation where it lies, since reading it writes nothing; None where it was built without.

    Raises:
        StoreDamaged: it is missing, or not of the size that was pinned; touching a short one would kill the process.
    """
    if manifest.filter is None:
        yield None
        return
    expected = sum(blocks.number for blocks in blocks_for(manifest.digests).values()) * BLOCK_BYTES
    with _mapped(generation / FILTER, manifest.filter, expected) as content:
        yield Filter(manifest, content)


@contextmanager
def _mapped(path: Path, pinned: PinnedFile, expected: int) -> Iterator[mmap.mmap]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(descriptor).st_size
            if not size == pinned.size == expected:
                raise StoreDamaged(f"{path}: expected {expected} bytes, got {size}")
            content = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StoreDamaged(f"{path}: {error.strerror}") from error
    with content:
        yield content
