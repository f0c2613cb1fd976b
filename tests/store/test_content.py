"""What goes into a store comes out of it: ties, categories, sizes, repetitions, whatever the entries are."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hashmatch.config import Settings
from hashmatch.digests import ALL_ALGORITHMS, Algorithm, mask_of
from hashmatch.errors import ListFormatError
from hashmatch.hashlists.entries import Category, EntryBlock, ParsedPiece, Piece
from hashmatch.lists import Imported
from hashmatch.store.build import Built, CategoryTable, build_generation
from hashmatch.store.pool import Pool
from hashmatch.store.postings import MAX_CATEGORY
from hashmatch.store.sealing import Sealer
from tests.madeup import digests, snapshot, take_in

POOL = {algorithm: digests(6, "pool", algorithm) for algorithm in ALL_ALGORITHMS}
SEALER = Sealer(bytes(32))


class Row(NamedTuple):
    """A row of a table: which digest of the pool for each algorithm, if any; size; category."""

    digests: tuple[int | None, int | None, int | None]
    size: int | None
    category: str | None

    def text(self) -> str:
        chosen = zip(ALL_ALGORITHMS, self.digests, strict=True)
        cells = ["" if number is None else POOL[algorithm][number].hex() for algorithm, number in chosen]
        return ",".join([*cells, "" if self.size is None else str(self.size), self.category or ""])

    def octets(self) -> dict[Algorithm, bytes]:
        chosen = zip(ALL_ALGORITHMS, self.digests, strict=True)
        return {algorithm: POOL[algorithm][number] for algorithm, number in chosen if number is not None}


number = st.none() | st.integers(0, 4)  # the sixth digest of each pool is never listed
rows = st.lists(
    st.builds(
        Row,
        digests=st.tuples(number, number, number).filter(lambda numbers: any(n is not None for n in numbers)),
        size=st.none() | st.sampled_from([0, 1, 2**40]),
        category=st.none() | st.sampled_from(["1", "2", "A"]),
    ),
    min_size=1,
    max_size=30,
)


def import_rows(settings: Settings, directory: Path, table: list[Row]) -> Imported:
    path = directory / "table.csv"
    path.write_text("md5,sha1,sha256,size,category\n" + "".join(row.text() + "\n" for row in table))
    return take_in(settings, path, algorithm=None, scheme="lab")


def expected(table: list[Row], algorithm: Algorithm, octets: bytes) -> list[tuple[int, int, str | None, int | None]]:
    """Return (line, algorithms, category, size) of each row that has this digest and says something new."""
    found = []
    for at, row in enumerate(table):
        if row.octets().get(algorithm) == octets and row not in table[:at]:
            found.append((at + 2, mask_of(row.octets()), row.category, row.size))
    return found


@hypothesis_settings(max_examples=20, deadline=None)
@given(rows)
def test_every_listed_digest_is_found_with_all_that_was_said_of_it(table: list[Row]) -> None:
    """Each digest has a posting for each different entry, tied by its line; other digests have none."""
    with TemporaryDirectory() as temporary:
        directory = Path(temporary)
        settings = Settings(directory / "store", directory / "sealing.key")
        manifest = import_rows(settings, directory, table).stored.manifest
        with snapshot(settings) as known:
            categories = known.lists[0].categories
            for algorithm, pool in POOL.items():
                for octets in pool:
                    postings = known.find(algorithm, octets)
                    assert [
                        (p.ordinal, p.algorithms, getattr(categories[p.category], "name", None), p.size)
                        for _, p in postings
                    ] == expected(table, algorithm, octets)
                asked = [*pool, *reversed(pool)]
                numbers, statements = known.find_all(algorithm, b"".join(asked))
                for octets, number in zip(asked, numbers, strict=True):
                    said = statements[number] if number else ()
                    assert said == tuple(
                        (0, posting._replace(ordinal=ordinal, size=None))
                        for ordinal, (_, posting) in enumerate(known.find(algorithm, octets))
                    )
    assert manifest.entries == len(table)
    assert manifest.duplicates == len(table) - len(set(table))
    assert manifest.sized_entries == sum(row.size is not None for row in table)
    assert manifest.records == len({item for row in table for item in row.octets().items()})
    assert manifest.entry_masks.keys() == {str(mask_of(row.octets())) for row in table}


def pieces(seed: int = 1) -> Iterator[Piece]:
    """Yield a list in forty pieces, of entries with one to three digests, some of them said again."""
    chance = random.Random(seed)
    pools = {algorithm: digests(3_000, "pieces", algorithm) for algorithm in ALL_ALGORITHMS}
    for first in range(1, 4_000, 100):
        columns: dict[Algorithm, list[bytes | None]] = {a: [] for a in ALL_ALGORITHMS}
        for _ in range(100):
            at = chance.randrange(3_000)
            for algorithm, column in columns.items():
                column.append(pools[algorithm][at] if algorithm is Algorithm.MD5 or at % 3 else None)
        categories = [Category("lab", str(chance.randrange(5))) for _ in range(100)]
        yield ParsedPiece(EntryBlock(range(first, first + 100), columns, None, categories))


def build(directory: Path, processes: int) -> Built:
    directory.mkdir()
    with Pool(processes) as pool:
        views = directory.with_name("views")
        return build_generation(directory, views, pieces(), CategoryTable(None), SEALER, pool, lambda *_: None)


def test_worker_processes_build_the_same(tmp_path: Path) -> None:
    """Content root, counts and canaries do not depend on how many processes built them."""
    alone, two = build(tmp_path / "alone", 0), build(tmp_path / "two", 2)
    assert two.content_root == alone.content_root
    assert (two.tally, two.records, two.canaries) == (alone.tally, alone.records, alone.canaries)
    assert alone.tally.duplicates > 100
    assert sum(alone.tally.masks.values()) == 4_000


def test_a_list_large_enough_for_workers_gives_the_same_content(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same file imported with and without worker processes has one content root."""
    path = tmp_path / "table.csv"
    path.write_text("md5,sha1\n" + "".join(
        f"{md5.hex()},{sha1.hex()}\n"
        for md5, sha1 in zip(digests(50_000), digests(50_000, algorithm=Algorithm.SHA1), strict=True)
    ))  # fmt: skip
    inline = take_in(settings, path, algorithm=None)
    monkeypatch.setattr("hashmatch.lists.SMALL_LIST", 0)
    spread = take_in(settings, path, list_id="spread", algorithm=None, processes=2)
    assert spread.stored.manifest.content_root == inline.stored.manifest.content_root
    assert spread.stored.manifest.records == 100_000


def test_an_error_in_a_worker_names_its_line(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a worker process finds wrong reaches the person with its place."""
    monkeypatch.setattr("hashmatch.lists.SMALL_LIST", 0)
    path = tmp_path / "list"
    path.write_text("".join(f"{digest.hex()}\n" for digest in digests(5_000)) + "abc\n")
    with pytest.raises(ListFormatError, match="line 5001"):
        take_in(settings, path, processes=2)


def test_more_categories_than_can_be_counted_are_refused(settings: Settings, tmp_path: Path) -> None:
    """The last category that can be counted is kept; one more is an error and not another category."""
    path = tmp_path / "table.csv"
    listed = digests(MAX_CATEGORY + 1)
    lines = [f"{digest.hex()},c{n}\n" for n, digest in enumerate(listed, 1)]
    path.write_text("md5,category\n" + "".join(lines[:-1]))
    take_in(settings, path, algorithm=None, scheme="lab")
    with snapshot(settings) as known:
        ((_, posting),) = known.find(Algorithm.MD5, listed[-2])
        assert known.lists[0].categories[posting.category] == Category("lab", f"c{MAX_CATEGORY}")
    path.write_text("md5,category\n" + "".join(lines))
    with pytest.raises(ListFormatError, match="different categories"):
        take_in(settings, path, release="2", algorithm=None, scheme="lab")
