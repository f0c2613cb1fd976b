"""Many digests asked at once are answered as each alone, whatever number stands for what is said of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.config import Settings
from hashmatch.digests import Algorithm
from hashmatch.hashlists.postings import Posting
from hashmatch.store import database, portable
from hashmatch.store import snapshot as snapshot_module
from hashmatch.store.portable import NUMBER_OTHER, number_of
from hashmatch.store.postings import decode_number, decode_statements
from hashmatch.store.snapshot import Snapshot
from tests.madeup import MD5, SHA1, SHA256, digests, snapshot, take_in, write_list

LISTED, ABSENT = digests(1_500), digests(1_500, "absent")


@pytest.fixture(scope="module")
def settings_of_three(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A store of three lists that share digests; one says several things of some of them, one gives sizes."""
    place = tmp_path_factory.mktemp("three")
    settings = Settings(place / "store", place / "sealing.key")
    take_in(settings, write_list(place / "plain", LISTED[:1_000]))
    chance = Random(1)
    rows = [
        f"{digest.hex()},{chance.randrange(3)}\n" for digest in LISTED[500:] for _ in range(chance.choice([1, 1, 4]))
    ]
    (place / "said.csv").write_text("md5,category\n" + "".join(rows))
    take_in(settings, place / "said.csv", list_id="said", algorithm=None, scheme="lab")
    rows = [f"{digest.hex()},{size}\n" for size, digest in enumerate(LISTED[::3], 1)]
    (place / "sized.csv").write_text("md5,size\n" + "".join(rows))
    take_in(settings, place / "sized.csv", list_id="sized", algorithm=None)
    take_in(settings, write_list(place / "sha1", digests(10, algorithm=SHA1)), list_id="sha1", algorithm=SHA1)
    return settings


@pytest.fixture
def three(settings_of_three: Settings) -> Iterator[Snapshot]:
    with snapshot(settings_of_three) as known:
        yield known


def alone(known: Snapshot, algorithm: Algorithm, digest: bytes) -> list[tuple[int, Posting]]:
    """Return what `find` gives, with ordinals anew from 0 in each list and without sizes."""
    said: list[tuple[int, Posting]] = []
    for number, posting in known.find(algorithm, digest):
        ordinal = sum(other == number for other, _ in said)
        said.append((number, posting._replace(ordinal=ordinal, size=None)))
    return said


def agree(known: Snapshot, algorithm: Algorithm, asked: list[bytes]) -> None:
    numbers, statements = known.find_all(algorithm, b"".join(asked))
    assert 0 not in statements
    for digest, number in zip(asked, numbers, strict=True):
        assert list(statements[number] if number else ()) == alone(known, algorithm, digest)


def test_several_lists_are_asked_as_each_alone(three: Snapshot) -> None:
    """Listed, absent and repeated digests in any order; nothing asked; an algorithm of one list, and of none."""
    asked = [*LISTED, *ABSENT, *LISTED[:700]]
    Random(2).shuffle(asked)
    agree(three, MD5, asked)
    agree(three, MD5, [])
    agree(three, SHA1, digests(20, algorithm=SHA1))
    agree(three, SHA256, digests(20, algorithm=SHA256))


def test_without_the_code_in_c_the_answers_are_the_same(three: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loops in Python sift and ask with the same results."""
    expected = three.find_all(MD5, b"".join(LISTED + ABSENT))
    monkeypatch.setattr(snapshot_module, "sift", lambda _state, *rest: portable.sift(three._sealer._key, *rest))
    monkeypatch.setattr(database, "ask", portable.ask)
    assert three.find_all(MD5, b"".join(LISTED + ABSENT)) == expected


@given(st.binary(min_size=7, max_size=7) | st.binary(min_size=15, max_size=15))
def test_a_number_stands_for_what_the_value_says(value: bytes) -> None:
    """It is decoded to the statement of every value that has it, and is damage where the value is."""
    expected = None
    with suppress(ValueError):
        expected = decode_statements(value)
    number = number_of(value)
    assert 0 < number < NUMBER_OTHER
    if expected is None:
        with pytest.raises(ValueError, match=r"cut|impossible|stand behind"):
            decode_number(number)
    else:
        assert decode_number(number) == expected
