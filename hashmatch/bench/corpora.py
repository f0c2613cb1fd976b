"""Made-up trees of files to measure with; the same each time."""

from __future__ import annotations

import hashlib
import os
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from hashmatch.digests import ALL_ALGORITHMS

_A_FOLDER: Final = 200  # files
_BLOCK: Final = 8 << 20  # bytes of random content that files are cut from
_READ: Final = 1 << 20  # bytes at a time
_NUMBER: Final = 16  # bytes at the head of a file that no other file has


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files with log-normally distributed sizes; `median` and `largest` in bytes."""

    name: str
    files: int
    median: int
    spread: float
    largest: int

    def scaled(self, scale: float) -> Corpus:
        """Return one with that part of the files."""
        return replace(self, files=max(1, round(self.files * scale)))

    def make(self, place: Path) -> Tree:
        """Write the tree, unless it is there already in full."""
        root = place / f"{self.name}-{self.files}-{self.median}"
        mark = root / "complete"
        if not mark.exists():
            _write(self, root / "files")
            mark.write_text(str(sum(path.stat().st_size for path in _paths(root / "files"))))
            # What is still to be written to the device would slow down whoever is measured first.
            os.sync()
        return Tree(root / "files", self.files, int(mark.read_text()))


@dataclass(frozen=True, slots=True)
class Tree:
    """A corpus on disk; `size` in bytes."""

    root: Path
    files: int
    size: int

    def read(self) -> None:
        """Read every file once, so that all who come after find the page cache alike."""
        buffer = bytearray(_READ)
        for path in _paths(self.root):
            with path.open("rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass

    def digests(self, every: int) -> list[tuple[str, ...]]:
        """Return MD5, SHA-1 and SHA-256 of every n-th file, in hexadecimal digits."""
        return [_digests(path) for path in _paths(self.root)[::every]]


SMALL: Final = Corpus("small", 100_000, 9 << 10, 0.9, 1 << 20)
MIXED: Final = Corpus("mixed", 20_000, 40 << 10, 1.75, 50 << 20)
LARGE: Final = Corpus("large", 3, 1 << 30, 0, 1 << 30)


def large(scale: float) -> Corpus:
    """Return three large files: scaled, they are smaller and not fewer."""
    size = max(1, round(LARGE.median * scale))
    return replace(LARGE, median=size, largest=size)


def growth(files: int) -> Corpus:
    """Return many short files: what grows with their number shows, what grows with their size does not."""
    return Corpus("growth", files, 1 << 10, 0.5, 64 << 10)


def _write(corpus: Corpus, root: Path) -> None:
    chance = random.Random(corpus.name)
    block = chance.randbytes(_BLOCK)
    for number in range(corpus.files):
        folder = root / f"{number // _A_FOLDER:05d}"
        if number % _A_FOLDER == 0:
            folder.mkdir(parents=True, exist_ok=True)
        size = max(_NUMBER, min(int(corpus.median * chance.lognormvariate(0, corpus.spread)), corpus.largest))
        with (folder / f"{number:07d}.bin").open("wb") as file:
            file.write(number.to_bytes(_NUMBER, "big"))
            start, left = number * 4099 % _BLOCK, size - _NUMBER
            while left:
                left -= file.write(block[start : start + left])
                start = 0


def _paths(root: Path) -> list[Path]:
    return sorted(Path(folder) / name for folder, _, names in os.walk(root) for name in names)


def _digests(path: Path) -> tuple[str, ...]:
    states = [hashlib.new(algorithm.label) for algorithm in ALL_ALGORITHMS]
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_READ):
            for state in states:
                state.update(piece)
    return tuple(state.hexdigest() for state in states)
