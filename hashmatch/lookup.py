"""The use case of asking about digests: parse, look up, flags in request order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from hashmatch.digests import Algorithm, Digest
from hashmatch.errors import QueryError
from hashmatch.hashlists.junk import EMPTY_FILE, junk_reason
from hashmatch.matching import Agreement, KnownHashes, decide
from hashmatch.outcomes import Outcome

_BLANK: Final = b" \t\r\n"


class Answer(NamedTuple):
    """What came of one digest; `agreements` is empty unless the outcome is a match."""

    outcome: Outcome
    agreements: tuple[Agreement, ...]


_NO_MATCH: Final = Answer(Outcome.NO_MATCH, ())
_EXCLUDED: Final = Answer(Outcome.EXCLUDED, ())


def look_up(lines: Iterable[bytes], algorithm: Algorithm, known: KnownHashes) -> Iterator[Answer]:
    """Yield one answer for each line, in order.

    Raises:
        QueryError: a line is no digest of that algorithm; names the line, never what stands in it.
        StoreError: the store cannot answer.
    """
    for number, line in enumerate(lines, 1):
        try:
            digest = Digest.parse(algorithm, line.strip(_BLANK))
        except ValueError as error:
            raise QueryError(f"line {number}: {error}") from None
        yield _answer(digest, known)


def _answer(digest: Digest, known: KnownHashes) -> Answer:
    if junk_reason(digest.algorithm, digest.octets) == EMPTY_FILE:
        return _EXCLUDED
    agreements = decide({digest.algorithm: digest.octets}, None, known)
    return Answer(Outcome.MATCH, agreements) if agreements else _NO_MATCH
