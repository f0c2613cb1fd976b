"""Reading a trail for people: the records that they ask for, in order. This verifies nothing; `verify.py` does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hashmatch.custody.events import Action
from hashmatch.custody.record import TRAIL, Record, parse
from hashmatch.errors import AuditDamaged


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records to show; None is no condition. `since` is within, `until` is not."""

    action: Action | None = None
    case: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, record: Record) -> bool:
        """Tell whether a record is asked for."""
        return (
            self.action in (None, record.action)
            and self.case in (None, record.case)
            and self.actor in (None, record.actor)
            and (self.since is None or record.t >= self.since.timestamp() * 1_000_000)
            and (self.until is None or record.t < self.until.timestamp() * 1_000_000)
        )


def chosen(directory: Path, asked: Filter) -> Iterator[tuple[bytes, Record]]:
    """Yield each record that is asked for, as its line and as what it says; a last line that is torn is passed over.

    Raises:
        AuditDamaged: there is no trail, or a line of it is no record.
    """
    path = directory / TRAIL
    try:
        with path.open("rb") as trail:
            for number, line in enumerate(trail, 1):
                if not line.endswith(b"\n"):
                    return
                record = _record(path, number, line[:-1])
                if asked.takes(record):
                    yield line[:-1], record
    except FileNotFoundError:
        raise AuditDamaged(f"{path}: there is no trail") from None
    except OSError as error:
        raise AuditDamaged(f"{path}: {error.strerror}") from error


def _record(path: Path, number: int, line: bytes) -> Record:
    try:
        return parse(line)
    except ValueError as error:
        raise AuditDamaged(f"{path}, line {number}: {error}; 'hashmatch audit verify' says more") from None
