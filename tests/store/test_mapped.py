"""Mapped tables do not fill the memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashmatch.config import Settings
from hashmatch.digests import Algorithm
from hashmatch.hashlists.entries import ListType
from hashmatch.lists import verify
from hashmatch.store import mapped
from hashmatch.store.opening import open_lists
from tests.madeup import digests, take_in, write_list

ENTRIES = 60_000


def test_pages_are_given_back_and_every_answer_stays_right(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no mapped page to spare, every digest is found all the same, and the tables are not resident."""
    listed = digests(ENTRIES)
    take_in(settings, write_list(tmp_path / "list", listed))
    monkeypatch.setattr(mapped, "RESIDENT_LIMIT", 0)
    with open_lists(settings) as snapshot:
        for digest in listed:
            assert len(snapshot.find(Algorithm.MD5, digest)) == 1
        resident = mapped.resident_files()
        assert mapped.give_back(settings.store / "views")
        assert mapped.resident_files() < resident


def test_a_process_that_may_keep_more_keeps_it(settings: Settings, tmp_path: Path) -> None:
    """Pages stay where the limit is far away, and go where it is near; the view of known lists has the same limit."""
    listed = digests(ENTRIES)
    take_in(settings, write_list(tmp_path / "list", listed), list_type=ListType.KNOWN)
    octets = b"".join(listed)
    resident = {}
    for limit in (0, 1 << 40):
        with open_lists(settings, limit) as snapshot:
            for view in (snapshot, snapshot.known):
                assert all(view.find_all(Algorithm.MD5, octets).numbers)
            resident[limit] = mapped.resident_files()
    assert resident[0] < resident[1 << 40]


def test_verifying_gives_pages_back_and_reads_every_record(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list is read whole, by an import and by `verify`, without a page of it staying resident."""
    monkeypatch.setattr(mapped, "RESIDENT_LIMIT", 0)
    take_in(settings, write_list(tmp_path / "list", digests(ENTRIES)))
    assert [each.records for each in verify(settings, None, processes=0)] == [ENTRIES]


def test_nothing_is_done_below_the_limit(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that holds little is left alone."""
    monkeypatch.setattr(mapped, "RESIDENT_LIMIT", 1 << 40)
    assert not mapped.give_back(settings.store / "views")
