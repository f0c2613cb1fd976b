"""The use case of asking about digests: parse, look up, flags in request order.

Digests are taken in batches, as they come: what is read at once is parsed at once and asked of the store at once.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar, overload

from hashmatch.digests import Algorithm, parse_hex
from hashmatch.errors import QueryError
from hashmatch.hashlists.columns import octets_in_lines
from hashmatch.hashlists.junk import empty_file
from hashmatch.hashlists.postings import Posting
from hashmatch.matching import Agreement, decide
from hashmatch.outcomes import Outcome

_BLANK: Final = b" \t\r\n"
_ABSENT: Final = 0  # number of digests that no list has

_Form = TypeVar("_Form")


class Found(Protocol):
    """What a store says of many digests: a number for each, 0 where it has none, and what each number stands for."""

    @property
    def numbers(self) -> array[int]: ...

    @property
    def statements(self) -> Mapping[int, tuple[tuple[int, Posting], ...]]: ...


class ManyKnownHashes(Protocol):
    """What a look-up asks of a store: many digests at once."""

    def find_all(self, algorithm: Algorithm, octets: bytes, /) -> Found:
        """Return what the lists say of each of the digests that stand in `octets`, end to end.

        A statement is (list number, posting) for every entry that has the digest, without sizes; ordinals tell the
        entries of one digest apart, not those of several.

        Raises:
            StoreDamaged: the store cannot answer; never an empty answer in its place.
        """
        ...


class Answer(NamedTuple):
    """What came of one digest; `agreements` is empty unless the outcome is a match."""

    outcome: Outcome
    agreements: tuple[Agreement, ...]


class Answers(Sequence[Answer]):
    """The answers to many digests, in order, kept as numbers: four bytes for a digest.

    Attributes:
        numbers: of the answers.
        distinct: the answers, by number.
    """

    __slots__ = ("distinct", "numbers")

    def __init__(self, numbers: array[int], distinct: Mapping[int, Answer]) -> None:
        self.numbers = numbers
        self.distinct = distinct

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> Answer: ...

    @overload
    def __getitem__(self, index: slice) -> Answers: ...

    def __getitem__(self, index: int | slice) -> Answer | Answers:
        if isinstance(index, slice):
            return Answers(self.numbers[index], self.distinct)
        return self.distinct[self.numbers[index]]

    def __iter__(self) -> Iterator[Answer]:
        return self.in_form(lambda answer: answer)

    def in_form(self, form: Callable[[Answer], _Form]) -> Iterator[_Form]:
        """Return the form of each answer, which equal ones share."""
        return map({number: form(answer) for number, answer in self.distinct.items()}.__getitem__, self.numbers)


_NO_MATCH: Final = Answer(Outcome.NO_MATCH, ())
_EXCLUDED: Final = Answer(Outcome.EXCLUDED, ())


def look_up(
    text: Iterable[bytes], algorithm: Algorithm, known: ManyKnownHashes, first_line: int = 1
) -> Generator[Answers, None, None]:
    """Yield an answer for each line of a text, in order: those for the lines that each stretch of it ends.

    Args:
        text: one digest a line, cut into stretches anywhere.
        algorithm: of all the digests.
        known: the lists.
        first_line: the number of the first line, for errors.

    Raises:
        QueryError: a line is no digest of that algorithm; names the line, never what stands in it. Those before
            it have been answered.
        StoreError: the store cannot answer.
    """
    line = first_line
    for lines in whole_lines(text):
        octets = octets_in_lines(algorithm, lines)
        if octets is None:
            octets, refused = _parse(lines, line, algorithm)
            if refused is not None:
                yield look_up_digests(algorithm, octets, known)
                raise refused
        yield look_up_digests(algorithm, octets, known)
        line += len(octets) // algorithm.size


def look_up_digests(algorithm: Algorithm, octets: bytes, known: ManyKnownHashes) -> Answers:
    """Answer digests that stand end to end; what is said of many of them is worked out once.

    Raises:
        StoreError: the store cannot answer.
    """
    found = known.find_all(algorithm, octets)
    numbers = found.numbers
    distinct = {number: _answer(algorithm, said) for number, said in found.statements.items()}
    excluded = max(distinct, default=_ABSENT) + 1
    for position in _empty_files(algorithm, octets):
        numbers[position] = excluded
    return Answers(numbers, {_ABSENT: _NO_MATCH, **distinct, excluded: _EXCLUDED})


def whole_lines(text: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a text in stretches that end where lines do; the last line gets the line break it may lack."""
    held: list[bytes] = []
    for stretch in text:
        end = stretch.rfind(b"\n") + 1
        if end:
            yield b"".join([*held, stretch[:end]])
            held.clear()
        held.append(stretch[end:])
    if rest := b"".join(held):
        yield rest + b"\n"


def _parse(lines: bytes, first_line: int, algorithm: Algorithm) -> tuple[bytes, QueryError | None]:
    digests: list[bytes] = []
    for number, line in enumerate(lines.split(b"\n")[:-1], first_line):
        try:
            digests.append(parse_hex(algorithm, line.strip(_BLANK)))
        except ValueError as error:
            return b"".join(digests), QueryError(f"line {number}: {error}")
    return b"".join(digests), None


class _AlreadyFound(NamedTuple):
    """The known hashes of one digest, for the match rule to ask for."""

    found: Sequence[tuple[int, Posting]]

    def find(self, _algorithm: Algorithm, _digest: bytes) -> Sequence[tuple[int, Posting]]:
        return self.found


def _answer(algorithm: Algorithm, said: Sequence[tuple[int, Posting]]) -> Answer:
    # The rule asks for no more than what was found, whichever digest of those that have it this stands for.
    agreements = decide({algorithm: b""}, None, _AlreadyFound(said))
    return Answer(Outcome.MATCH, agreements) if agreements else _NO_MATCH


def _empty_files(algorithm: Algorithm, octets: bytes) -> Iterator[int]:
    """Yield where the digest of the empty file stands; it identifies nothing, whatever a list says."""
    empty = empty_file(algorithm)
    at = octets.find(empty)
    while at >= 0:
        position, within = divmod(at, algorithm.size)
        if not within:
            yield position
        at = octets.find(empty, at + 1)
