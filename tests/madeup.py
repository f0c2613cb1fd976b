"""Made-up lists: digests that belong to no file, written as lists and taken into a store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import shake_128
from pathlib import Path
from typing import Any

from hashmatch.config import Settings
from hashmatch.digests import Algorithm
from hashmatch.hashlists.entries import ListType
from hashmatch.lists import Imported, ImportRequest, import_list
from hashmatch.store.layout import Layout
from hashmatch.store.opening import sealer_for_use
from hashmatch.store.snapshot import Snapshot, open_snapshot

MD5, SHA1, SHA256 = Algorithm
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
HASHMATCH = Path(sys.executable).with_name("hashmatch")


def digests(count: int, name: str = "listed", algorithm: Algorithm = MD5) -> list[bytes]:
    """Return `count` different digests that are the same in every run, and others for another name."""
    octets = shake_128(f"{algorithm.label} {name}".encode()).digest(count * algorithm.size)
    return [octets[at : at + algorithm.size] for at in range(0, len(octets), algorithm.size)]


def write_list(path: Path, listed: Iterable[bytes]) -> Path:
    """Write a plain list, one digest a line."""
    path.write_text("".join(f"{digest.hex()}\n" for digest in listed))
    return path


def take_in(settings: Settings, path: Path, list_id: str = "made-up", release: str = "1", **declared: Any) -> Imported:
    """Import a list and activate it, in this process unless `processes` says otherwise."""
    processes = declared.pop("processes", 0)
    request: dict[str, Any] = {
        "list_type": ListType.NOTABLE,
        "authority": "nobody: made up",
        "algorithm": MD5,
        "unsigned": True,
    }
    request |= declared
    return import_list(
        settings,
        ImportRequest(path=path, list_id=list_id, release=release, **request),
        now=NOW,
        processes=processes,
        progress=_silent,
    )


def _silent(step: str, done: int) -> None:
    """Show no progress."""


@contextmanager
def snapshot(settings: Settings) -> Iterator[Snapshot]:
    with open_snapshot(Layout(settings.store), sealer_for_use(settings)) as opened:
        yield opened


def missed(settings: Settings, listed: Iterable[bytes], algorithm: Algorithm = MD5) -> int:
    """Return how many listed digests a fresh snapshot does not find."""
    with snapshot(settings) as known:
        return sum(not known.find(algorithm, digest) for digest in listed)


def figures(line: str) -> None:
    """Show what a test has counted; pytest shows it with -s."""
    sys.stdout.write(f"\n{line}\n")


def tree(root: Path) -> dict[str, bytes | None]:
    """Return every path beneath `root` with its content, to compare a store with what it was.

    The lock, and the places of things under way, may come into being; what matters is that nothing is left in them.
    The audit trail is not compared: it says what was tried.
    """
    found: dict[str, bytes | None] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name not in ("lock", "staging", "views", "views/lock") and name.split("/")[0] != "audit":
            found[name] = path.read_bytes() if path.is_file() else None
    return found


def hashmatch(settings: Settings, *arguments: str | Path, **how: Any) -> subprocess.CompletedProcess[str]:
    """Run the installed command."""
    return subprocess.run(command(settings, *arguments), capture_output=True, text=True, check=False, **how)


def command(settings: Settings, *arguments: str | Path) -> list[str]:
    words = (HASHMATCH, "--store", settings.store, "--sealing-key", settings.sealing_key, *arguments)
    return [os.fspath(word) for word in words]


def import_words(path: Path, list_id: str = "made-up", release: str = "1", *more: str) -> list[str | Path]:
    """Return the words of an import on the command line."""
    return [
        *("lists", "import", path, "--id", list_id, "--release", release, "--type", "notable"),
        *("--authority", "nobody: made up", "--algorithm", "md5", "--unsigned", *more),
    ]
