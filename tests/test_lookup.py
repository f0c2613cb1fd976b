"""Asking about digests: one answer for each, in order, or an error; never a digest in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hashmatch.config import Settings
from hashmatch.digests import Algorithm
from hashmatch.errors import QueryError
from hashmatch.lookup import look_up
from hashmatch.outcomes import Outcome, Strength
from hashmatch.store.snapshot import Snapshot
from tests.madeup import MD5, SHA1, SHA256, digests, snapshot, take_in, write_list

LISTED, ABSENT = digests(50), digests(50, "absent")


@pytest.fixture(scope="module")
def store_of_eight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    """An open store of a few digests, for many questions."""
    place = tmp_path_factory.mktemp("eight")
    settings = Settings(place / "store", place / "sealing.key")
    take_in(settings, write_list(place / "list", LISTED[:8]))
    with snapshot(settings) as known:
        yield known


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Settings:
    """A store of one MD5 list."""
    take_in(settings, write_list(tmp_path / "list", LISTED))
    return settings


def outcomes(settings: Settings, lines: list[bytes], algorithm: Algorithm = MD5) -> list[Outcome]:
    with snapshot(settings) as known:
        return [answer.outcome for answers in look_up([b"".join(lines)], algorithm, known) for answer in answers]


def test_answers_come_in_the_order_of_the_questions(store: Settings) -> None:
    """Listed and absent digests in turn, repeated ones too."""
    asked = [octets for pair in zip(LISTED, ABSENT, strict=True) for octets in pair] + LISTED[:1]
    lines = [octets.hex().encode() + b"\n" for octets in asked]
    assert outcomes(store, lines) == [Outcome.MATCH, Outcome.NO_MATCH] * 50 + [Outcome.MATCH]


def test_a_match_says_list_and_strength(store: Settings) -> None:
    """An MD5 alone is a weak match with the list it stands in."""
    with snapshot(store) as known:
        ((answer,),) = look_up([LISTED[0].hex().encode()], MD5, known)
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
    ["\n", "abc\n", "{}0\n", "{}{}\n", "0x{}\n", "{:.30}g0\n", "{:.16} {:.15}\n", "{:.31}_\n", "{:.31}\u0661\n"],
)
def test_what_is_no_digest_is_named_by_its_line_alone(store: Settings, wrong: str) -> None:
    """The error counts lines and characters; of the line itself it shows nothing."""
    text = LISTED[1].hex()
    lines = [ABSENT[0].hex().encode() + b"\n", wrong.format(text, text).encode(), LISTED[0].hex().encode()]
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
        answers = look_up([LISTED[0].hex().encode() + b"\n", b"?\n"], MD5, known)
        assert [answer.outcome for answer in next(answers)] == [Outcome.MATCH]
        assert list(next(answers)) == []
        with pytest.raises(QueryError, match=r"^line 2: "):
            next(answers)


@hypothesis_settings(deadline=None)
@given(st.lists(st.sampled_from([*range(8), None]), max_size=40), st.integers(1, 60), st.randoms())
def test_answers_do_not_depend_on_how_the_text_was_cut(
    store_of_eight: Snapshot, asked: list[int | None], longest: int, chance: Random
) -> None:
    """Lines in any form, cut into stretches anywhere: each digest is answered as if it had been asked alone."""
    forms = ["{}\n", "{}\r\n", " {}\t\n"]
    texts = [(LISTED[n] if n is not None else ABSENT[0]).hex() for n in asked]
    text = "".join(chance.choice(forms).format(chance.choice([t, t.upper()])) for t in texts).encode()
    if chance.random() < 0.5:
        text = text.removesuffix(b"\n")
    stretches = []
    while text:
        end = chance.randint(1, longest)
        stretches.append(text[:end])
        text = text[end:]
    answers = [answer for batch in look_up(stretches, MD5, store_of_eight) for answer in batch]
    assert [answer.outcome for answer in answers] == [Outcome.NO_MATCH if n is None else Outcome.MATCH for n in asked]
