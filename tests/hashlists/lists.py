"""Writing lists to disk and reading them whole: what the tests of this room share."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hashmatch.digests import Algorithm
from hashmatch.hashlists.entries import Category, EntryBlock, ListType
from hashmatch.hashlists.formats import AUTO, open_list
from hashmatch.hashlists.listfile import ListFile
from hashmatch.hashlists.reading import ListOptions

FIXTURES = Path(__file__).parent / "fixtures"
EXPECTED: list[dict[str, Any]] = json.loads((FIXTURES / "EXPECTED.json").read_text())

MD5, SHA1, SHA256 = Algorithm


@dataclass(frozen=True)
class Entry:
    place: int
    digests: dict[Algorithm, bytes]
    size: int | None = None
    category: Category | None = None


@dataclass
class Whole:
    """A list read to its end."""

    format_name: str
    algorithms: tuple[Algorithm, ...] | None
    source_digest: str
    entries: list[Entry] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)


def entries_of(block: EntryBlock) -> list[Entry]:
    count = len(block.places)
    assert all(len(column) == count for column in block.digests.values())
    sizes = block.sizes or [None] * count
    categories = block.categories or [None] * count
    assert len(sizes) == len(categories) == count
    return [
        Entry(
            place,
            {algorithm: octets for algorithm, column in block.digests.items() if (octets := column[i]) is not None},
            sizes[i],
            categories[i],
        )
        for i, place in enumerate(block.places)
    ]


def options(**said: Any) -> ListOptions:
    return ListOptions(**{"list_type": ListType.NOTABLE, **said})


def read(path: Path | str, format_name: str = AUTO, **said: Any) -> Whole:
    with ListFile(str(path)) as list_file:
        reading = open_list(list_file, format_name, options(**said))
        whole = Whole(reading.format_name, reading.algorithms, "")
        for piece in reading.pieces():
            block = piece.entries()
            found = entries_of(block)
            assert all(entry.digests for entry in found)
            assert reading.has_categories or block.categories is None
            whole.entries += found
            for total, part in ((whole.dropped, block.dropped), (whole.notes, block.notes)):
                for name, number in part.items():
                    total[name] = total.get(name, 0) + number
        whole.source_digest = list_file.source_digest()
    places = [entry.place for entry in whole.entries]
    assert places == sorted(set(places))
    return whole


def read_text(tmp_path: Path, text: bytes | str, format_name: str = AUTO, **said: Any) -> Whole:
    path = tmp_path / "list"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path, format_name, **said)


def expected(*algorithms: Algorithm, count: int = 5) -> list[dict[Algorithm, bytes]]:
    return [{a: bytes.fromhex(record[a.label]) for a in algorithms} for record in EXPECTED[:count]]


def samples() -> Path:
    """Return the folder of third-party samples, or skip the test."""
    root = Path(__file__).parents[2]
    folder = Path(os.environ.get("HASHMATCH_SAMPLES", root.parent / "shared" / "samples"))
    if not folder.is_dir():
        pytest.skip("the third-party samples are not on this machine (HASHMATCH_SAMPLES)")
    return folder
