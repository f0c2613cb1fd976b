r"""The format of one record of the trail: a line of canonical JSON (docs/audit.md).

Canonical: keys sorted, no blanks, everything beyond ASCII escaped as `\uXXXX` in small letters, numbers whole, fields
that do not apply left out. So a record has exactly one form, and a line that parses to a record but is not that form
is refused. The lines are the leaves of an RFC 6962 tree; a line's own line break belongs to neither leaf nor chain.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

import msgspec

from hashmatch.custody.events import Action, EventOutcome

FORMAT: Final = 1
TRAIL: Final = "trail.jsonl"
CHECKPOINTS: Final = "checkpoints"
NO_PREVIOUS: Final = "0" * 64
MAX_LINE: Final = 16 << 10  # bytes; what `Event` lets through takes less, every character escaped

_FAST: Final = msgspec.json.Encoder(order="sorted")
_ESCAPING: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """An event in its place in the trail.

    Attributes:
        v: the version of this format.
        seq: its place, from 0.
        prev: SHA-256 of the line before, 64 hexadecimal digits; zeros in the first.
        t: microseconds since 1970, UTC, by the clock of the machine.
        mono: microseconds since the machine was started, which no clock setting changes.
        boot: the id of that start.
        host: the machine.
        pid: the process.

    The others are those of `Event`.
    """

    v: int
    seq: int
    prev: str
    t: int
    mono: int
    boot: str
    host: str
    pid: int
    action: Action
    outcome: EventOutcome
    actor: str
    role: str
    case: str | None = None
    subject: str | None = None
    counts: dict[str, int] = {}
    snapshot: str | None = None
    result_digest: str | None = None
    run: str | None = None
    reason: str | None = None
    origin: str | None = None
    set_aside: str | None = None


_TEXTS: Final = ("boot", "host", "actor", "role", "case", "subject", "reason", "origin")
_DECODER: Final = msgspec.json.Decoder(Record, strict=True)


def encode(record: Record) -> bytes:
    """Return the one form of a record, without a line break."""
    line = _FAST.encode(record)
    if line.isascii():  # nothing to escape, and the two encoders agree (tests/custody/test_record.py)
        return line
    return _ESCAPING.encode(msgspec.to_builtins(record)).encode("ascii")


def parse(line: bytes) -> Record:
    """Read a record from its line, given without the line break.

    Raises:
        ValueError: it is not the one form of a record of this version; says what is wrong without repeating it.
    """
    if len(line) > MAX_LINE:
        raise ValueError(f"expected at most {MAX_LINE} bytes, got {len(line)}")
    try:
        record = _DECODER.decode(line)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ValueError("not JSON") from None
    if record.v != FORMAT:
        raise ValueError(f"expected format {FORMAT}, got {record.v}")
    if encode(record) != line:
        raise ValueError("not in canonical form")
    # A line may have come from anybody, and its texts go to terminals.
    if not all(map(str.isprintable, filter(None, (getattr(record, name) for name in _TEXTS)))):
        raise ValueError("expected printable texts")
    return record


def chained(line: bytes) -> str:
    """Return what the next record's `prev` has to be."""
    return hashlib.sha256(line).hexdigest()


def leaf(line: bytes) -> bytes:
    """Return the hash of a line as a leaf: RFC 6962, section 2.1."""
    return hashlib.sha256(b"\x00" + line).digest()
