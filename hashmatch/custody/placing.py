"""Events become records: each gets its place in the chain, and what is known of where and when it was written."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from hashmatch.custody.events import Event
from hashmatch.custody.record import FORMAT, Record, chained, encode
from hashmatch.custody.trailfile import Last

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Moment(NamedTuple):
    """Microseconds since 1970 as the machine's clock has it, and since the machine started, as nobody can set it."""

    t: int
    mono: int


def now() -> Moment:
    """Read both clocks."""
    return Moment(time.time_ns() // 1000, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000)


class Placer:
    """Makes the records of one process."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._host = os.uname().nodename
        self._boot = _BOOT_ID.read_text().strip()

    def lines(self, events: Sequence[Event], last: Last, moment: Moment) -> bytes:
        """Return the lines of the records that come after the last one, with their line breaks."""
        lines, chain = [], last.chain
        for seq, event in enumerate(events, last.seq + 1):
            line = encode(self._placed(event, seq, chain, moment))
            chain = chained(line)
            lines += [line, b"\n"]
        return b"".join(lines)

    def _placed(self, event: Event, seq: int, chain: str, moment: Moment) -> Record:
        return Record(
            v=FORMAT,
            seq=seq,
            prev=chain,
            t=moment.t,
            mono=moment.mono,
            boot=self._boot,
            host=self._host,
            pid=self.pid,
            action=event.action,
            outcome=event.outcome,
            actor=event.actor,
            role=event.role,
            case=event.case,
            subject=event.subject,
            counts=dict(event.counts),
            snapshot=event.snapshot,
            result_digest=event.result_digest,
            run=event.run,
            reason=event.reason,
            origin=event.origin,
            set_aside=event.set_aside,
        )
