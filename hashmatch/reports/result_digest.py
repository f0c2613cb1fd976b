"""The result digest: one value that is equal when the same evidence meets the same snapshot.

It is the SHA-256 of a line of JSON that names the form and the snapshot, then for each finding, in the order of the
report:

    path | NUL | `entry` or `stream` | outcome | reason, `-` for none | size | flags, `-` for none | LF

with a blank between the parts behind the NUL. The flags are an array in JSON, sorted, each of them
`[list, release, type, scheme, category, strength]`. A path holds no NUL, no other part but the last holds a blank, and
JSON holds no LF, so two results never are one sequence of bytes. Inodes, error numbers and offsets are left out: they
are facts of one mount, and a second mount of the same image may number them differently.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import orjson

from hashmatch.outcomes import Outcome
from hashmatch.reports.findings import REMEMBERED, Finding, Flag

_FORM: Final = "hashmatch result 2"
_BATCH: Final = 1000  # lines hashed together: a call for each would cost more than the hashing

_KINDS: Final = {False: b"entry", True: b"stream"}
# A path holds no NUL, so where one stands, what became of the file follows.
_SAY_NO_MATCH: Final = tuple(b"\0%b no_match - " % kind for kind in _KINDS.values())
# The lines of files that match nothing: put in the path and the size.
NO_MATCH_FORMS: Final = {is_stream: b"%%b\0%b no_match - %%d -\n" % kind for is_stream, kind in _KINDS.items()}


class ResultDigest:
    """Takes the findings in order, gives their digest once."""

    def __init__(self, snapshot_id: str) -> None:
        self._hash = hashlib.sha256(orjson.dumps([_FORM, snapshot_id]) + b"\n")
        self._lines: list[bytes] = []
        self._no_matches = 0

    def add(self, finding: Finding, flags: tuple[Flag, ...]) -> None:
        self._no_matches += finding.outcome is Outcome.NO_MATCH
        self._take((line(finding, flags),))

    def add_no_matches(self, lines: Sequence[bytes]) -> None:
        """Take lines of `NO_MATCH_FORMS`. Should one say something else, there is an error by the end."""
        self._no_matches += len(lines)
        self._take(lines)

    def hexdigest(self) -> str:
        """Return the digest.

        Raises:
            AssertionError: a finding of another outcome was given as a `no_match`.
        """
        self._take_in()
        return self._hash.hexdigest()

    def _take(self, lines: Sequence[bytes]) -> None:
        self._lines.extend(lines)
        if len(self._lines) >= _BATCH:
            self._take_in()

    def _take_in(self) -> None:
        octets = b"".join(self._lines)
        if sum(map(octets.count, _SAY_NO_MATCH)) != self._no_matches:
            raise AssertionError("a finding of another outcome was given as one that matches nothing")
        self._hash.update(octets)
        self._lines.clear()
        self._no_matches = 0


def line(finding: Finding, flags: tuple[Flag, ...]) -> bytes:
    """Return what the digest takes in of one finding."""
    path, is_stream, outcome, reason, _, _, size, _, _ = finding
    said = _KINDS[is_stream], outcome.encode(), (reason or "-").encode(), size, _written(flags) if flags else b"-"
    return b"%b\0%b %b %b %d %b\n" % (path, *said)


@lru_cache(REMEMBERED)
def _written(flags: tuple[Flag, ...]) -> bytes:
    return orjson.dumps([tuple(flag) for flag in sorted(flags, key=_order)])


def _order(flag: Flag) -> tuple[str, ...]:
    """None sorts as the empty text, which no scheme or category is."""
    return tuple(part or "" for part in flag)
