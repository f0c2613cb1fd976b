"""nsrlsvr's protocol, octets in and steps out: whatever comes, each line is understood as nsrlsvr understands it."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.api.nsrl_protocol import LINE_LIMIT, Query, Reply, Session, Step
from hashmatch.digests import ALL_ALGORITHMS, Algorithm
from tests.madeup import MD5, SHA1, SHA256, digests

POOL = {algorithm: digests(4, "pool", algorithm) for algorithm in ALL_ALGORITHMS}

algorithms = st.sampled_from(ALL_ALGORITHMS)
chosen = st.tuples(algorithms, st.integers(0, 3), st.booleans())  # which digest, and whether in capitals
digest_lists = st.lists(chosen, max_size=12)


def session(octets: bytes, *, closed: bool = True) -> tuple[list[Step], bool]:
    """Return the steps of a session in which the client sends this, and then closes its side."""
    begun = Session()
    steps = begun.take(octets)
    if closed:
        steps += begun.end()
    return steps, begun.ended


def replies(octets: bytes) -> bytes:
    """Return what the server sends, where digest 0 of each pool is listed and no other."""
    return b"".join(step.octets if isinstance(step, Reply) else answered(step) for step in session(octets)[0])


def answered(query: Query) -> bytes:
    return query.reply({a: marks_of(a, some) for a, some in query.digests.items()})


def marks_of(algorithm: Algorithm, octets: bytes) -> bytes:
    some = [octets[at : at + algorithm.size] for at in range(0, len(octets), algorithm.size)]
    return b"".join(b"1" if digest == POOL[algorithm][0] else b"0" for digest in some)


def words(asked: Iterable[tuple[Algorithm, int, bool]]) -> list[str]:
    texts = ((POOL[algorithm][number].hex(), capitals) for algorithm, number, capitals in asked)
    return [text.upper() if capitals else text for text, capitals in texts]


@given(
    digest_lists, st.sampled_from(["query", "QUERY", "QuErY"]), st.sampled_from(["\n", "\r\n", " \r\n"]), st.randoms()
)
def test_a_query_has_one_digit_for_each_digest_in_order(
    asked: list[tuple[Algorithm, int, bool]], verb: str, ending: str, chance: Random
) -> None:
    """Whatever algorithms are mixed in a line, in either case, with one space between two or more."""
    line = "".join([verb, *(" " * chance.choice([1, 1, 1, 3]) + word for word in words(asked))]) + ending
    expected = "".join("1" if number == 0 else "0" for _, number, _ in asked)
    assert replies(line.encode()) == f"OK {expected}\r\n".encode()


@given(st.lists(digest_lists, max_size=8), st.booleans(), st.randoms())
def test_steps_do_not_depend_on_how_octets_were_cut(
    lines: list[list[tuple[Algorithm, int, bool]]], closed: bool, chance: Random
) -> None:
    """Octets come in pieces of any size; every line is a step, and what has no line break yet is none."""
    verbs = ["version: 2.0", "status", "upshift", "junk", "", *(" ".join(["query", *words(line)]) for line in lines)]
    text = "".join(chance.choice(verbs) + chance.choice(["\n", "\r\n"]) for _ in range(6)).encode()
    text += chance.choice([b"", b"query " + POOL[MD5][0].hex().encode()])
    pieces = Session()
    steps: list[Step] = []
    rest = text
    while rest and not pieces.ended:
        size = chance.randint(1, 60)
        steps += pieces.take(rest[:size])
        rest = rest[size:]
    if closed:
        steps += pieces.end()
    assert (steps, pieces.ended) == session(text, closed=closed)


@given(st.binary(max_size=200) | st.text("queryQUERY 0123456789abcdefg\r\n\t", max_size=400).map(str.encode))
def test_no_octets_break_a_session(octets: bytes) -> None:
    """Whatever is sent, there are replies or an end, and no line is answered twice."""
    steps, _ = session(octets)
    assert len(steps) <= octets.count(b"\n") + 1
    for step in steps:
        assert isinstance(step, Reply) or answered(step).startswith(b"OK ")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("Version: 2.0\r\n", "OK\r\n"),
        ("VERSION: 9.9 and more\n", "OK\r\n"),
        ("status\r\n", "NOT SUPPORTED\r\n"),
        ("upshift\r\nDOWNSHIFT\r\nstatus\r\n", "NOT OK\r\nNOT OK\r\nNOT SUPPORTED\r\n"),
        ("query\r\nstatus\r\n", "OK \r\nNOT SUPPORTED\r\n"),
        ("status\r\nBYE\r\nstatus\r\n", "NOT SUPPORTED\r\n"),
        ("bye for now\nstatus\r\n", ""),
        ("hello\r\nstatus\r\n", "NOT OK\r\n"),
        ("Version:2.0\r\nstatus\r\n", "NOT OK\r\n"),
        ("query\t{}\r\nstatus\r\n", "NOT OK\r\n"),
        ("\r\nstatus\r\n", ""),
        (" \t\r\nstatus\r\n", ""),
        ("  query  {}  \r\n", "OK 1\r\n"),
        ("query {}", "OK 1\r\n"),
        ("status", "NOT SUPPORTED\r\n"),
    ],
)
def test_lines_are_answered_as_nsrlsvr_does(sent: str, expected: str) -> None:
    """Verbs in either case, blanks around a line, what ends a session and with which words."""
    assert replies(sent.format(POOL[MD5][0].hex()).encode()) == expected.encode()


@pytest.mark.parametrize("wrong", ["{:.31}", "{}0", "{:.31}g", "0x{:.30}", "{:.31}\u0661", "{0:.16}\t{0:.15}", "{}\0"])
@pytest.mark.parametrize("before", [0, 1, 500])
def test_a_malformed_digest_ends_the_session_without_an_answer(wrong: str, before: int) -> None:
    """The lines before it have their answers, its own line has none, and nothing after it is read."""
    good = POOL[MD5][1].hex()
    line = " ".join(["query", *[good] * before, wrong.format(good), *[good] * before])
    steps, ended = session(f"query {good}\r\n{line}\r\nstatus\r\n".encode(), closed=False)
    assert [answered(step) for step in steps if isinstance(step, Query)] == [b"OK 0\r\n"]
    assert len(steps) == 1
    assert ended


@pytest.mark.parametrize("algorithm", [MD5, SHA1, SHA256])
def test_a_line_may_be_as_long_as_the_limit_and_no_longer(algorithm: Algorithm) -> None:
    """More than nsrllookup ever sends is answered; one digest too many ends the session."""
    most = (LINE_LIMIT - len("query\r")) // (2 * algorithm.size + 1)
    assert most > 4_000
    for count, answers in ((most, 1), (most + 1, 0)):
        line = " ".join(["query", *[POOL[algorithm][0].hex()] * count]) + "\r\n"
        steps, ended = session(line.encode(), closed=False)
        assert [answered(step) for step in steps if isinstance(step, Query)] == [
            b"OK %b\r\n" % (b"1" * count)
        ] * answers
        assert ended is (not answers)


def test_a_line_without_an_end_ends_the_session() -> None:
    """What is held of a line is bounded, whatever pieces it comes in."""
    begun = Session()
    sent = 0
    while not begun.ended:
        assert begun.take(b"a" * 10_000) == []
        sent += 10_000
    assert LINE_LIMIT < sent <= LINE_LIMIT + 10_000
    assert begun.end() == []


def test_no_digest_shows_in_a_query() -> None:
    """What is logged of a step, if anything ever is, holds no digest."""
    (query,), _ = session(b"query " + POOL[MD5][0].hex().encode())
    assert POOL[MD5][0].hex() not in repr(query)
    assert repr(POOL[MD5][0])[2:-1] not in repr(query)
