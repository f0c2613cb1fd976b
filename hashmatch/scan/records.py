"""A finding as a byte string of the journal. Sorting these strings sorts the findings by path.

    path | NUL | is_stream (1) | outcome (1) | reason (1) | size (8) | inode (8) | errno (4) | offset (8)
        | number of agreements (4) | { list number (4) | category (4) | strength (1) } ...

A path holds no NUL, so the first one ends it, and being less than any byte of a path it sorts `a` before `a/b`.
Integers are big-endian. Outcomes, reasons and strengths are numbered in the order of their declarations: a journal
is read by the run that wrote it, never by a later release.
"""

from __future__ import annotations

import struct
from typing import Final

from hashmatch.matching import Agreement
from hashmatch.outcomes import ExclusionReason, FailureReason, Outcome, Strength
from hashmatch.reports.findings import Finding, Reason

_FIXED: Final = struct.Struct(">BBBQQiqI")
_AGREEMENT: Final = struct.Struct(">IIB")

_OUTCOMES: Final = tuple(Outcome)
_REASONS: Final[tuple[Reason | None, ...]] = (None, *ExclusionReason, *FailureReason)
_STRENGTHS: Final = tuple(Strength)
_OUTCOME_NUMBERS: Final = {outcome: number for number, outcome in enumerate(_OUTCOMES)}
_REASON_NUMBERS: Final = {reason: number for number, reason in enumerate(_REASONS)}
_STRENGTH_NUMBERS: Final = {strength: number for number, strength in enumerate(_STRENGTHS)}


def encode(finding: Finding) -> bytes:
    """Return the record of a finding."""
    path, is_stream, outcome, reason, errno, offset, size, inode, agreements = finding
    fixed = _FIXED.pack(
        is_stream,
        _OUTCOME_NUMBERS[outcome],
        _REASON_NUMBERS[reason],
        size,
        inode,
        -1 if errno is None else errno,
        -1 if offset is None else offset,
        len(agreements),
    )
    if not agreements:
        return b"%b\0%b" % (path, fixed)
    packed = b"".join(_AGREEMENT.pack(a.list_number, a.category, _STRENGTH_NUMBERS[a.strength]) for a in agreements)
    return b"%b\0%b%b" % (path, fixed, packed)


def decode(record: bytes) -> Finding:
    """Return the finding that `encode` wrote."""
    end = record.index(0)
    is_stream, outcome, reason, size, inode, errno, offset, number = _FIXED.unpack_from(record, end + 1)
    agreements = tuple(_agreements(record, end + 1 + _FIXED.size)) if number else ()
    return Finding(
        record[:end],
        is_stream == 1,
        _OUTCOMES[outcome],
        _REASONS[reason],
        None if errno < 0 else errno,
        None if offset < 0 else offset,
        size,
        inode,
        agreements,
    )


def _agreements(record: bytes, start: int) -> list[Agreement]:
    packed = _AGREEMENT.iter_unpack(record[start:])
    return [Agreement(list_number, category, _STRENGTHS[strength]) for list_number, category, strength in packed]
