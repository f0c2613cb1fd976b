"""Trails for tests, and what is in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hashmatch.custody.events import Action, Event, EventOutcome
from hashmatch.custody.record import NO_PREVIOUS, TRAIL, Record, chained, parse
from hashmatch.custody.trail import Trail


def asked(number: int = 1, case: str = "17") -> Event:
    """Return an event of a look-up of so many digests."""
    return Event(Action.LOOK_UP, EventOutcome.DONE, "token-1", "examiner", case, counts={"asked": number, "hits": 0})


def opened(place: Path, **how: Any) -> Trail:
    """Open the trail of a place, whose key lies beside it."""
    return Trail(place / "audit", signing_key=place / "keys" / "trail.key", **how)


def records(directory: Path) -> list[Record]:
    """Return the records of a trail, after making sure that they are whole and chained."""
    content = (directory / TRAIL).read_bytes()
    assert content.endswith(b"\n")
    found, chain = [], NO_PREVIOUS
    for seq, line in enumerate(content.split(b"\n")[:-1]):
        record = parse(line)
        assert (record.seq, record.prev) == (seq, chain)
        found.append(record)
        chain = chained(line)
    return found


def actions(directory: Path) -> list[str]:
    return [str(record.action) for record in records(directory)]


def rechained(lines: list[bytes], start: int = 0) -> list[bytes]:
    """Return records with their places and chain made right again from one on, as a forger without the key can."""
    forged = lines[:start]
    for seq, line in enumerate(lines[start:], start):
        fields = {**json.loads(line), "seq": seq, "prev": chained(forged[-1]) if forged else NO_PREVIOUS}
        forged.append(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode())
    return forged
