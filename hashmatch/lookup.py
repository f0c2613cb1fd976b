"""The use case of asking about digests: parse, look up, flags in request order.

Digests are taken in batches, as they come: what is read at once is parsed at once, asked of the filters at once, and
what may be listed is asked of the store at once.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from hashmatch.digests import Algorithm, parse_hex
from hashmatch.errors import QueryError
from hashmatch.hashlists.columns import digests_in_lines
from hashmatch.hashlists.junk import empty_file
from hashmatch.hashlists.postings import Posting
from hashmatch.matching import Agreement, decide
from hashmatch.outcomes import Outcome

_BLANK: Final = b" \t\r\n"
_REMEMBERED: Final = 10_000  # different answers; lists with more categories than that are rare


class ManyKnownHashes(Protocol):
    """What a look-up asks of a store: many digests at once."""

    def candidates(self, algorithms: Sequence[Algorithm], digests: Sequence[tuple[bytes, ...]], /) -> Sequence[int]:
        """Return the positions of the digests that may be listed; no other is.

        Raises:
            StoreDamaged: the store cannot answer.
        """
        ...

    def find_statements(
        self, algorithm: Algorithm, digests: Sequence[bytes], /
    ) -> Sequence[tuple[tuple[int, Posting], ...]]:
        """Return for each digest (list number, posting) for every entry that has it, without sizes.

        Ordinals tell the entries of one digest apart, not those of several.

        Raises:
            StoreDamaged: the store cannot answer; never an empty answer in its place.
        """
        ...


class Answer(NamedTuple):
    """What came of one digest; `agreements` is empty unless the outcome is a match."""

    outcome: Outcome
    agreements: tuple[Agreement, ...]


_NO_MATCH: Final = Answer(Outcome.NO_MATCH, ())
_EXCLUDED: Final = Answer(Outcome.EXCLUDED, ())


def look_up(
    text: Iterable[bytes], algorithm: Algorithm, known: ManyKnownHashes, first_line: int = 1
) -> Generator[list[Answer], None, None]:
    """Yield an answer for each line of a text, in order: a list for the lines that each stretch of it ends.

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
    answering = _Answering(algorithm, known)
    line = first_line
    for lines in whole_lines(text):
        digests = digests_in_lines(algorithm, lines)
        if digests is None:
            digests, refused = _parse(lines, line, algorithm)
            if refused is not None:
                yield answering.answers(digests)
                raise refused
        yield answering.answers(digests)
        line += len(digests)


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


def _parse(lines: bytes, first_line: int, algorithm: Algorithm) -> tuple[list[bytes], QueryError | None]:
    digests: list[bytes] = []
    for number, line in enumerate(lines.split(b"\n")[:-1], first_line):
        try:
            digests.append(parse_hex(algorithm, line.strip(_BLANK)))
        except ValueError as error:
            return digests, QueryError(f"line {number}: {error}")
    return digests, None


class _AlreadyFound(NamedTuple):
    """The known hashes of one digest, for the match rule to ask for."""

    found: Sequence[tuple[int, Posting]]

    def find(self, _algorithm: Algorithm, _digest: bytes) -> Sequence[tuple[int, Posting]]:
        return self.found


class _Answering:
    """Answers batch after batch; equal answers are worked out once and are one object."""

    def __init__(self, algorithm: Algorithm, known: ManyKnownHashes) -> None:
        self._algorithm = algorithm
        self._known = known
        self._remembered: dict[tuple[tuple[int, Posting], ...], Answer] = {}

    def answers(self, digests: Sequence[bytes]) -> list[Answer]:
        answers = [_NO_MATCH] * len(digests)
        positions = self._known.candidates((self._algorithm,), list(zip(digests, strict=True)))
        asked = [digests[position] for position in positions]
        statements = self._known.find_statements(self._algorithm, asked)
        # Most are one object, and an object is told from another in less time than a value from another.
        numbers = list(map(id, statements))
        distinct = dict(zip(numbers, zip(asked, statements, strict=True), strict=True))
        said = {number: self._answer(*of_one) for number, of_one in distinct.items()}
        for position, number in zip(positions, numbers, strict=True):
            answers[position] = said[number]
        for position in self._empty_files(digests):
            answers[position] = _EXCLUDED
        return answers

    def _answer(self, digest: bytes, found: tuple[tuple[int, Posting], ...]) -> Answer:
        if not found:
            return _NO_MATCH
        answer = self._remembered.get(found)
        if answer is None:
            agreements = decide({self._algorithm: digest}, None, _AlreadyFound(found))
            answer = Answer(Outcome.MATCH, agreements) if agreements else _NO_MATCH
            if len(self._remembered) < _REMEMBERED:
                self._remembered[found] = answer
        return answer

    def _empty_files(self, digests: Sequence[bytes]) -> Iterator[int]:
        """Yield where the digest of the empty file stands; it identifies nothing, whatever a list says."""
        empty = empty_file(self._algorithm)
        if empty in digests:
            yield from (position for position, digest in enumerate(digests) if digest == empty)
