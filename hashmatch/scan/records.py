"""A finding as a byte string of the journal. Sorting these strings sorts the findings by path.

    line of the result digest, without flags
        | inode (8) | errno (4) | offset (8) | { list number (4) | category (4) | strength (1) } ...   where `+` follows
        | how the file was read (17) | `+` or `-`

The line begins with the path and the NUL behind it, which being less than any byte of a path sorts `a` before `a/b`.
Integers are big-endian. Strengths are numbered in the order of their declaration: a journal is read by the release
that wrote it, never by another. Of most files there is no more to say than the line does: their records end with `-`,
and the report takes the lines of such records as they are. How a file was read is for a later part of the scan
(`scan.reading`), and no report's business.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from operator import itemgetter, methodcaller
from typing import Final

from hashmatch.matching import Agreement
from hashmatch.outcomes import ExclusionReason, FailureReason, Outcome, Strength
from hashmatch.reports.findings import Finding, Reason
from hashmatch.reports.result_digest import NO_MATCH_FORMS, line
from hashmatch.scan.reading import READING_BYTES, UNREAD

_REST: Final = struct.Struct(">Qiq")
_AGREEMENT: Final = struct.Struct(">IIB")
_STREAM: Final = b"stream "
_MORE: Final = b"+"
_PLAIN: Final = b"-"
_TAIL: Final = READING_BYTES + 1
_WITHOUT_TAIL: Final = itemgetter(slice(-_TAIL))

_OUTCOMES: Final = {outcome.encode(): outcome for outcome in Outcome}
_REASONS: Final[dict[bytes, Reason | None]] = {
    b"-": None,
    **{reason.encode(): reason for reason in (*ExclusionReason, *FailureReason)},
}
_STRENGTHS: Final = tuple(Strength)
_STRENGTH_NUMBERS: Final = {strength: number for number, strength in enumerate(_STRENGTHS)}
_NO_REST: Final = (0, -1, -1)

# Tells whether a record has no more to say than the line of a file that matches nothing.
is_plain_no_match: Final = methodcaller("endswith", _PLAIN)


def encode(finding: Finding, reading: bytes = UNREAD) -> bytes:
    """Return the record of a finding."""
    said = line(finding, ())
    errno, offset = finding.errno, finding.offset
    rest = finding.inode, -1 if errno is None else errno, -1 if offset is None else offset
    if finding.outcome is Outcome.NO_MATCH and finding.reason is None and rest == _NO_REST and not finding.agreements:
        return said + reading + _PLAIN
    packed = [_AGREEMENT.pack(a.list_number, a.category, _STRENGTH_NUMBERS[a.strength]) for a in finding.agreements]
    return b"".join((said, _REST.pack(*rest), *packed, reading, _MORE))


def encode_no_matches(
    prefix: bytes, files: Iterable[tuple[bytes, int, bytes]], mark: bytes, *, is_stream: bool
) -> list[bytes]:
    """Return the records of files that match nothing, and were read alike but for their stamps.

    Args:
        prefix: of their paths.
        files: of each the rest of its path, its size and its stamp.
        mark: the last byte of their `reading`.
        is_stream: they are alternate streams.
    """
    form = prefix.replace(b"%", b"%%") + NO_MATCH_FORMS[is_stream] + b"%b" + mark + _PLAIN
    return list(map(form.__mod__, files))


def plain_lines(records: Iterable[bytes]) -> list[bytes]:
    """Return the lines of the result digest of records that have no more to say."""
    return list(map(_WITHOUT_TAIL, records))


def decode(record: bytes) -> Finding:
    """Return the finding that `encode` wrote."""
    return decode_line(record[:-_TAIL])


def decode_line(record: bytes) -> Finding:
    """Return the finding of a record without its tail; for one that has no more to say that is its line."""
    end = record.index(0)
    said = record.index(b"\n", end) + 1
    kind, outcome, reason, size, _ = record[end + 1 : said - 1].split(b" ")
    inode, errno, offset = _REST.unpack_from(record, said) if said < len(record) else _NO_REST
    return Finding(
        record[:end],
        kind == b"stream",
        _OUTCOMES[outcome],
        _REASONS[reason],
        None if errno < 0 else errno,
        None if offset < 0 else offset,
        int(size),
        inode,
        tuple(_agreements(record[said + _REST.size :])),
    )


def path_and_kind(record: bytes) -> tuple[bytes, bool]:
    """Return the path, and whether it is one of a stream."""
    path, _, said = record.partition(b"\0")
    return path, said.startswith(_STREAM)


def reading_in(record: bytes) -> bytes:
    """Return how the file was read."""
    return record[-_TAIL:-1]


def _agreements(packed: bytes) -> list[Agreement]:
    unpacked = _AGREEMENT.iter_unpack(packed)
    return [Agreement(list_number, category, _STRENGTHS[strength]) for list_number, category, strength in unpacked]
