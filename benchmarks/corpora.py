"""Made-up trees and lists to measure with; the same each time."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_A_FOLDER = 200  # files


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files with log-normally distributed sizes; `median` and `largest` in bytes."""

    name: str
    files: int
    median: int
    spread: float
    largest: int

    def make(self, root: Path) -> Path:
        """Write the tree unless it is there already; return its path."""
        tree = root / f"{self.name}-{self.files}"
        if (tree / ".complete").exists():
            return tree / "files"
        chance = random.Random(self.name)
        block = chance.randbytes(8 << 20)
        for number in range(self.files):
            folder = tree / "files" / f"{number // _A_FOLDER:04d}"
            if number % _A_FOLDER == 0:
                folder.mkdir(parents=True, exist_ok=True)
            size = min(int(self.median * chance.lognormvariate(0, self.spread)), self.largest)
            (folder / f"{number:06d}.bin").write_bytes(_content(number, size, block))
        (tree / ".complete").touch()
        return tree / "files"


SMALL = Corpus("small", 100_000, 9 << 10, 0.9, 1 << 20)
MIXED = Corpus("mixed", 20_000, 40 << 10, 1.75, 50 << 20)


def _content(number: int, size: int, block: bytes) -> bytes:
    head = number.to_bytes(8, "big") * 2
    start = number * 4099 % len(block)
    tail = block[start : start + size]
    while len(tail) < size:
        tail += block[: size - len(tail)]
    return (head + tail)[:size]


def digests_of(tree: Path, every: int) -> Iterator[str]:
    """Yield the MD5 of every n-th file of a tree, in hexadecimal digits."""
    number = 0
    for folder, folders, files in os.walk(tree):
        folders.sort()
        for name in sorted(files):
            if number % every == 0:
                yield hashlib.md5((Path(folder) / name).read_bytes()).hexdigest()
            number += 1


def make_list(path: Path, entries: int, planted: Iterator[str]) -> Path:
    """Write an md5sum file of made-up digests with the planted ones among them, unless it is there already."""
    if path.exists():
        return path
    chance = random.Random("list")
    present = list(planted)
    draft = path.with_suffix(".new")
    with draft.open("w") as file:
        file.writelines(f"{digest}  planted/{n}\n" for n, digest in enumerate(present))
        remaining = entries - len(present)
        while remaining:
            count = min(remaining, 10_000)
            digits = chance.randbytes(16 * count).hex()
            file.write("".join(f"{digits[i * 32 : i * 32 + 32]}  made/up/{i}\n" for i in range(count)))
            remaining -= count
    draft.rename(path)
    return path
