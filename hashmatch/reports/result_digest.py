"""The result digest: one value that is equal when the same evidence meets the same snapshot.

It is the SHA-256 of lines of JSON: a head that names the form and the snapshot, then for each finding in the order
of the report `[path, is_stream, outcome, reason, size, flags]`, the path in base64 and the flags sorted, each
`[list, release, type, scheme, category, strength]`. Inodes, error numbers and offsets are left out: they are facts
of one mount, and a second mount of the same image may number them differently.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Final

import orjson

from hashmatch.reports.findings import Finding, Flag

_FORM: Final = "hashmatch result 1"
_BATCH: Final = 1000  # lines hashed together: a call for each would cost more than the hashing


class ResultDigest:
    """Takes the findings in order, gives their digest once."""

    def __init__(self, snapshot_id: str) -> None:
        self._hash = hashlib.sha256(orjson.dumps([_FORM, snapshot_id]) + b"\n")
        self._lines: list[bytes] = []

    def add(self, finding: Finding, flags: Sequence[Flag]) -> None:
        line = (
            base64.b64encode(finding.path).decode("ascii"),
            finding.is_stream,
            finding.outcome,
            finding.reason,
            finding.size,
            [tuple(flag) for flag in sorted(flags, key=_order)],
        )
        self._lines.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        if len(self._lines) >= _BATCH:
            self._take_in()

    def hexdigest(self) -> str:
        self._take_in()
        return self._hash.hexdigest()

    def _take_in(self) -> None:
        self._hash.update(b"".join(self._lines))
        self._lines.clear()


def _order(flag: Flag) -> tuple[str, ...]:
    """None sorts as the empty text, which no scheme or category is."""
    return tuple(part or "" for part in flag)
