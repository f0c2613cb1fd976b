"""Made-up hash lists and digests to ask for; the same each time. No digest in them is of anything that exists."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

_AT_ONCE: Final = 10_000
_DIGITS: Final = 32  # of an MD5
_FULL: Final = 1_000  # entries of a list that is there for its algorithms


def md5_list(path: Path, entries: int, planted: Sequence[str] = ()) -> Path:
    """Write an md5sum file, unless it is there already: the planted digests, then made-up ones."""
    if path.exists():
        return path
    draft = path.with_suffix(".new")
    with draft.open("w") as file:
        file.writelines(f"{digest}  planted/{n}\n" for n, digest in enumerate(planted))
        for piece in _made_up("listed", entries - len(planted)):
            file.write("".join(f"{digest}  made/up/{n}\n" for n, digest in enumerate(piece)))
    draft.rename(path)
    return path


def full_list(path: Path, planted: Sequence[tuple[str, ...]]) -> Path:
    """Write a short list whose entries have MD5, SHA-1 and SHA-256: with it, a scan can compute any of them."""
    made_up = ((f"{n:032x}", f"{n:040x}", f"{n:064x}") for n in range(1, _FULL + 1))
    rows = [",".join(digests) for digests in (*planted, *made_up)]
    path.write_text("md5,sha1,sha256\n" + "\n".join(rows) + "\n")
    return path


def present(entries: int, count: int) -> list[str]:
    """Return `count` digests that an unplanted list of so many entries has, spread over it, in random order."""
    step = entries / count
    wanted = iter([int(n * step) for n in range(count)])
    found, following, start = [], next(wanted, None), 0
    for piece in _made_up("listed", entries):
        while following is not None and following < start + len(piece):
            found.append(piece[following - start])
            following = next(wanted, None)
        start += len(piece)
    random.Random("order").shuffle(found)
    return found


def absent(count: int) -> list[str]:
    """Return digests that no list made here has."""
    return [digest for piece in _made_up("not listed", count) for digest in piece]


def _made_up(seed: str, count: int) -> Iterator[list[str]]:
    chance = random.Random(seed)
    while count > 0:
        size = min(count, _AT_ONCE)
        digits = chance.randbytes(size * _DIGITS // 2).hex()
        yield [digits[n : n + _DIGITS] for n in range(0, len(digits), _DIGITS)]
        count -= size
