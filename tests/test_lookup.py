"""Asking about digests: one answer for each, in order, or an error; never a digest in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashmatch.config import Settings
from hashmatch.digests import Algorithm
from hashmatch.errors import QueryError
from hashmatch.lookup import look_up
from hashmatch.outcomes import Outcome, Strength
from tests.madeup import MD5, SHA1, SHA256, digests, snapshot, take_in, write_list

LISTED, ABSENT = digests(50), digests(50, "absent")


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Settings:
    """A store of one MD5 list."""
    take_in(settings, write_list(tmp_path / "list", LISTED))
    return settings


def outcomes(settings: Settings, lines: list[bytes], algorithm: Algorithm = MD5) -> list[Outcome]:
    with snapshot(settings) as known:
        return [answer.outcome for answer in look_up(lines, algorithm, known)]


def test_answers_come_in_the_order_of_the_questions(store: Settings) -> None:
    """Listed and absent digests in turn, repeated ones too."""
    asked = [octets for pair in zip(LISTED, ABSENT, strict=True) for octets in pair] + LISTED[:1]
    lines = [octets.hex().encode() + b"\n" for octets in asked]
    assert outcomes(store, lines) == [Outcome.MATCH, Outcome.NO_MATCH] * 50 + [Outcome.MATCH]


def test_a_match_says_list_and_strength(store: Settings) -> None:
    """An MD5 alone is a weak match with the list it stands in."""
    with snapshot(store) as known:
        (answer,) = look_up([LISTED[0].hex().encode()], MD5, known)
        (agreement,) = answer.agreements
        assert known.lists[agreement.list_number].list_id == "made-up"
    assert agreement.strength is Strength.WEAK_ONLY


@pytest.mark.parametrize("form", ["{}\r\n", "  {}\t\n", "{}"])
def test_blanks_and_case_do_not_matter(store: Settings, form: str) -> None:
    """Hexadecimal digits are read in either case, whatever the line break."""
    for text in (LISTED[0].hex(), LISTED[0].hex().upper()):
        assert outcomes(store, [form.format(text).encode()]) == [Outcome.MATCH]


def test_the_empty_file_is_excluded(store: Settings) -> None:
    """Its digest identifies nothing, so it is neither a match nor a no-match."""
    empty = {MD5: "d41d8cd98f00b204e9800998ecf8427e", SHA1: "da39a3ee5e6b4b0d3255bfef95601890afd80709"}
    for algorithm, text in empty.items():
        assert outcomes(store, [text.encode()], algorithm) == [Outcome.EXCLUDED]


@pytest.mark.parametrize(
    "wrong",
    ["", "\n", "abc\n", "{}0\n", "{}{}\n", "0x{}\n", "{:.30}g0\n", "{:.16} {:.15}\n", "{:.31}_\n", "{:.31}\u0661\n"],
)
def test_what_is_no_digest_is_named_by_its_line_alone(store: Settings, wrong: str) -> None:
    """The error counts lines and characters; of the line itself it shows nothing."""
    text = LISTED[1].hex()
    lines = [ABSENT[0].hex().encode(), wrong.format(text, text).encode(), LISTED[0].hex().encode()]
    with pytest.raises(QueryError, match=r"^line 2: expected 32 hexadecimal digits for md5") as caught:
        outcomes(store, lines)
    assert not any(text[at : at + 6] in str(caught.value) for at in range(26))


def test_a_digest_of_another_algorithm_is_refused(store: Settings) -> None:
    """A SHA-256 asked for as MD5 is an error, not a no-match."""
    with pytest.raises(QueryError, match="got 64 characters"):
        outcomes(store, [digests(1, algorithm=SHA256)[0].hex().encode()])


def test_answers_before_a_wrong_line_are_given(store: Settings) -> None:
    """A stream is answered as it comes."""
    with snapshot(store) as known:
        answers = look_up([LISTED[0].hex().encode(), b"?"], MD5, known)
        assert next(answers).outcome is Outcome.MATCH
        with pytest.raises(QueryError):
            next(answers)
