"""The journal of a scan: every finding as it is made, and all of them in the order of their paths at the end.

It lies in the output directory while the scan runs and is removed once the report is whole. Every few seconds what was
found is put to disk and a checkpoint behind it, so that a scan that ends before its report is whole, whatever ends it,
can be gone on with (`scan.earlier` reads what is there, `scan.resuming` says what of it still holds). A checkpoint
says that the lists answered as they should when it was made, and that all before it was on the disk: what lies behind
the last one is not believed.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Final, Self

import orjson

from hashmatch.errors import OutputUnusable
from hashmatch.reports.findings import Finding, NoMatches
from hashmatch.scan.frames import Frames, Kind
from hashmatch.scan.reading import UNREAD
from hashmatch.scan.records import decode, encode, is_plain_no_match, plain_lines
from hashmatch.scan.sorting import RUN_BYTES, SortedRuns, merge

FORMAT: Final = 3
NAME: Final = "journal"
SETTLED_NAME: Final = "journal.settled"
CHECKPOINT_EVERY: float = 4.0  # seconds: so much work is lost with the process, and twice as much with the power

# All that is no block begins with these words; no name of a file in a block can, as it would hold a NUL.
MARK: Final = b'{"hashmatch":"'


def _sound() -> None:
    pass


class Journal:
    """Memory does not grow with the number of findings: they are written in sorted runs and merged when read.

    Attributes:
        first_flag: when the scan first found a match; kept with each checkpoint.
    """

    def __init__(
        self, frames: Frames, head: Mapping[str, object], sound: Callable[[], None], *, run_bytes: int = RUN_BYTES
    ) -> None:
        self._frames = frames
        self._sound = sound
        self._runs = SortedRuns(frames, run_bytes=run_bytes)
        self._settled: SortedRuns | None = None
        self.first_flag: datetime | None = None
        frames.append(Kind.PART, orjson.dumps({"hashmatch": "journal", "format": FORMAT, **head}))
        self._checked = time.monotonic()
        self._whole = frames.end

    @classmethod
    def begin(
        cls,
        directory: Path,
        head: Mapping[str, object],
        *,
        sound: Callable[[], None] = _sound,
        run_bytes: int = RUN_BYTES,
    ) -> Self:
        """Create the journal of a scan in its output directory.

        Args:
            directory: where there is none yet.
            head: says of which scan it is.
            sound: asked before each checkpoint; raises where what was found since the last one is in doubt.
            run_bytes: of findings that are gathered before they are written.

        Raises:
            OutputUnusable: it cannot be created or written.
        """
        frames = Frames.create(directory / NAME)
        with contextlib.suppress(OSError):  # where files cannot be locked, going on with the scan will be refused
            frames.lock()
        try:
            return cls(frames, head, sound, run_bytes=run_bytes)
        except OutputUnusable:
            frames.close()
            raise

    @classmethod
    def go_on(
        cls, frames: Frames, directory: Path, head: Mapping[str, object], *, sound: Callable[[], None] = _sound
    ) -> Self:
        """Append another part to the journal of a scan; its findings alone are those that are given back.

        Raises:
            OutputUnusable: it cannot be written.
        """
        settled = SortedRuns(Frames.scratch(directory / SETTLED_NAME))
        frames.sync()  # so that whatever stands before a head that is whole must be whole as well
        journal = cls(frames, head, sound)
        frames.sync()
        journal._settled = settled
        return journal

    def add(self, finding: Finding, reading: bytes = UNREAD) -> None:
        """Take one finding.

        Raises:
            OutputUnusable: the disk does not take it.
            StoreDamaged: what was found since the last checkpoint is in doubt.
        """
        self._runs.add(encode(finding, reading))
        self._check_now_and_then()

    def extend(self, records: list[bytes]) -> None:
        """Take findings in the form of records.

        Raises:
            OutputUnusable: the disk does not take them.
            StoreDamaged: what was found since the last checkpoint is in doubt.
        """
        self._runs.extend(records)
        self._check_now_and_then()

    def settle(self, record: bytes) -> None:
        """Take the record of a finding that a later part of the scan has no use for, or has elsewhere.

        Raises:
            OutputUnusable: the disk does not take it.
        """
        (self._settled or self._runs).add(record)

    def checkpoint(self) -> None:
        """Have everything that was found until now outlive this process, and the power.

        Raises:
            OutputUnusable: the disk does not take it.
            StoreDamaged: what was found since the last checkpoint is in doubt.
        """
        self._sound()
        self._runs.flush()
        self._frames.sync()
        first_flag = self.first_flag and self.first_flag.isoformat()
        self._frames.append(Kind.CHECKPOINT, orjson.dumps({"hashmatch": "checkpoint", "first_flag": first_flag}))
        self._whole = self._frames.end
        self._checked = time.monotonic()

    def findings(self) -> Iterator[Finding | NoMatches]:
        """Yield all findings by path; those that match nothing as many together as there are.

        Raises:
            OutputUnusable: what is read is not what was written.
        """
        stretches = self._runs.stretches()
        if self._settled:
            stretches = merge((stretches, self._settled.stretches()))
        for records in stretches:
            for plain, same in groupby(records, is_plain_no_match):
                if plain:
                    yield NoMatches(plain_lines(same))
                else:
                    yield from map(decode, same)

    def __len__(self) -> int:
        return self._runs.count + (self._settled.count if self._settled else 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runs.close()
        if self._settled:
            self._settled.close()

    def keep(self) -> None:
        """Leave it on the disk as it was at the last checkpoint, for a later part.

        Raises:
            OutputUnusable: the disk refuses.
        """
        self._frames.cut(self._whole)
        self._frames.sync()

    def remove(self) -> None:
        """Delete it: the report is whole.

        Raises:
            OutputUnusable: it cannot be deleted.
        """
        self._frames.remove()

    def _check_now_and_then(self) -> None:
        if time.monotonic() - self._checked >= CHECKPOINT_EVERY:
            self.checkpoint()
