"""The three forms in which a look-up is asked, read into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec

from hashmatch.api.bodies import decoded
from hashmatch.api.problems import RequestRefused
from hashmatch.digests import Algorithm, parse_hex
from hashmatch.hashlists.columns import whole_octets
from hashmatch.lookup_records import Record

_NAMED: Final = {algorithm.label: algorithm for algorithm in Algorithm}
_SETS: Final = {algorithm: frozenset({(algorithm,)}) for algorithm in Algorithm}
_LARGEST_SIZE: Final = (1 << 63) - 1  # bytes; of a file, on any file system


@dataclass(frozen=True, slots=True)
class Questions:
    """What one request asks.

    Attributes:
        case: which case it is for, where the request says.
        sets: each item has digests of one of these sets of algorithms.
        algorithm: of the digests; None where records are asked about.
        octets: the digests, end to end.
        records: empty where digests are asked about.
    """

    case: str | None
    sets: frozenset[tuple[Algorithm, ...]]
    algorithm: Algorithm | None = None
    octets: bytes = b""
    records: Sequence[Record] = ()

    def __len__(self) -> int:
        return len(self.records) if self.algorithm is None else len(self.octets) // self.algorithm.size


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    md5: str | None = None
    sha1: str | None = None
    sha256: str | None = None
    size: int | None = None


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    algorithm: str | None = None
    digests: list[str] | None = None
    records: list[_Item] | None = None
    case: str | None = None


_DECODER: Final = msgspec.json.Decoder(_Asked)


def from_json(body: bytes, case: str | None) -> Questions:
    """Read `{"algorithm": ..., "digests": [...]}` or `{"records": [{"md5": ..., "size": ...}]}`, either with a `case`.

    Args:
        body: of the request.
        case: where the body names none.

    Raises:
        RequestRefused: it is neither, or an item is no digest; says which item, never what stands in it.
    """
    asked = decoded(_DECODER, body)
    case = case if asked.case is None else asked.case
    if asked.records is not None and asked.digests is None and asked.algorithm is None:
        records = [_record(position, item) for position, item in enumerate(asked.records)]
        sets = frozenset(tuple(record.digests) for record in records)
        return Questions(case, sets, records=records)
    if asked.digests is not None and asked.algorithm is not None and asked.records is None:
        algorithm = algorithm_named(asked.algorithm)
        return Questions(case, _SETS[algorithm], algorithm, _octets(algorithm, asked.digests))
    raise RequestRefused(
        HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "expected algorithm and digests, or records, and not both"
    )


def from_octets(body: bytes, algorithm: Algorithm, case: str | None) -> Questions:
    """Read raw digests that stand one after the other.

    Raises:
        RequestRefused: their length is no multiple of a digest's.
    """
    if len(body) % algorithm.size:
        raise RequestRefused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "query.not_a_digest",
            f"expected digests of {algorithm.size} bytes, got {len(body) % algorithm.size} bytes behind the last",
            position=len(body) // algorithm.size,
        )
    return Questions(case, _SETS[algorithm], algorithm, body)


def algorithm_named(text: str) -> Algorithm:
    """Return the algorithm that a request names.

    Raises:
        RequestRefused: there is none of that name. What stands there is not repeated: it may be a digest.
    """
    algorithm = _NAMED.get(text)
    if algorithm is None:
        detail = f"algorithm: expected one of {', '.join(_NAMED)}"
        raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, "query.algorithm", detail)
    return algorithm


def _octets(algorithm: Algorithm, digests: Sequence[str]) -> bytes:
    if set(map(len, digests)) == {2 * algorithm.size}:
        octets = whole_octets(algorithm, "".join(digests))
        if octets is not None:
            return octets
    return b"".join([_parsed(algorithm, text, position) for position, text in enumerate(digests)])


def _record(position: int, item: _Item) -> Record:
    given = {Algorithm.MD5: item.md5, Algorithm.SHA1: item.sha1, Algorithm.SHA256: item.sha256}
    digests = {a: _parsed(a, text, position) for a, text in given.items() if text is not None}
    if not digests:
        raise _refused_item(position, "expected at least one digest")
    if item.size is not None and not 0 <= item.size <= _LARGEST_SIZE:
        raise _refused_item(position, "size: expected a number of bytes")
    return Record(digests, item.size)


def _parsed(algorithm: Algorithm, text: str, position: int) -> bytes:
    try:
        return parse_hex(algorithm, text.encode(errors="replace"))
    except ValueError as error:
        raise _refused_item(position, str(error)) from None


def _refused_item(position: int, detail: str) -> RequestRefused:
    return RequestRefused(
        HTTPStatus.UNPROCESSABLE_ENTITY, "query.not_a_digest", f"item {position}: {detail}", position=position
    )
