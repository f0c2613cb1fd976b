"""A finding as a byte string of the journal. Sorting these strings sorts the findings by path.

    line of the result digest, without flags | inode (8) | errno (4) | offset (8)
        | { list number (4) | category (4) | strength (1) } ... | `+`

The line begins with the path and the NUL behind it, which being less than any byte of a path sorts `a` before `a/b`.
Integers are big-endian. Strengths are numbered in the order of their declaration: a journal is read by the run that
wrote it, never by a later release. Of most files there is no more to say than the line does: then the record ends with
it, and the report takes such records as they are.
"""

from __future__ import annotations

import struct
from operator import methodcaller
from typing import Final

from hashmatch.matching import Agreement
from hashmatch.outcomes import ExclusionReason, FailureReason, Outcome, Strength
from hashmatch.reports.findings import Finding, Reason
from hashmatch.reports.result_digest import line

_REST: Final = struct.Struct(">Qiq")
_AGREEMENT: Final = struct.Struct(">IIB")
_MORE: Final = b"+"  # so that a record with more than its line does not end like one without

_OUTCOMES: Final = {outcome.encode(): outcome for outcome in Outcome}
_REASONS: Final[dict[bytes, Reason | None]] = {
    b"-": None,
    **{reason.encode(): reason for reason in (*ExclusionReason, *FailureReason)},
}
_STRENGTHS: Final = tuple(Strength)
_STRENGTH_NUMBERS: Final = {strength: number for number, strength in enumerate(_STRENGTHS)}
_NO_REST: Final = (0, -1, -1)

# Tells whether a record is no more than the line of a file that matches nothing.
is_plain_no_match: Final = methodcaller("endswith", b"\n")


def encode(finding: Finding) -> bytes:
    """Return the record of a finding."""
    said = line(finding, ())
    errno, offset = finding.errno, finding.offset
    rest = finding.inode, -1 if errno is None else errno, -1 if offset is None else offset
    if finding.outcome is Outcome.NO_MATCH and finding.reason is None and rest == _NO_REST and not finding.agreements:
        return said
    packed = [_AGREEMENT.pack(a.list_number, a.category, _STRENGTH_NUMBERS[a.strength]) for a in finding.agreements]
    return b"".join((said, _REST.pack(*rest), *packed, _MORE))


def decode(record: bytes) -> Finding:
    """Return the finding that `encode` wrote."""
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
        tuple(_agreements(record[said + _REST.size : -1])),
    )


def _agreements(packed: bytes) -> list[Agreement]:
    unpacked = _AGREEMENT.iter_unpack(packed)
    return [Agreement(list_number, category, _STRENGTHS[strength]) for list_number, category, strength in unpacked]
