"""The files in a run's directory, and who writes each.

    request.json    what was asked; written once, when the run is made
    state.json      how far it is; written when the run is made, from then on by the supervisor alone
    start.json      what the supervisor tells the process: where things are, which attempt this is
    outcome.json    what came of it; the process's last word
    events.jsonl    what happens; by the process, and after its end by the supervisor (`events`)
    errors.txt      what the process wrote on its standard error
    lock            held by the process for as long as it lives
    report/         what a scan found

Each has one writer at a time and is replaced by rename, so that readers in other processes need no lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from hashmatch.config import Settings
from hashmatch.errors import RunDamaged
from hashmatch.runs.record import Asked, State
from hashmatch.store.catalogue import writing
from hashmatch.store.durable import replace

REQUEST: Final = "request.json"
STATE: Final = "state.json"
START: Final = "start.json"
OUTCOME: Final = "outcome.json"
EVENTS: Final = "events.jsonl"
ERRORS: Final = "errors.txt"
LOCK: Final = "lock"
REPORT: Final = "report"

FORMAT: Final = 1

_Content = TypeVar("_Content", bound=msgspec.Struct)


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was asked, by which token in which role, and from where as far as the service knows."""

    format: int
    owner: str
    role: str
    origin: str | None
    created: datetime
    asked: Asked


class Status(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `state.json` says."""

    state: State
    attempts: int = 0
    started: datetime | None = None
    ended: datetime | None = None
    reason: str | None = None
    code: str | None = None
    resumable: bool = False
    counts: Mapping[str, int] = {}
    result: Mapping[str, str | None] = {}


class Places(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the service's things are; absolute paths.

    Attributes:
        evidence_roots: directories beneath which the source of a scan must lie.
        uploads: where uploaded lists are staged; nothing elsewhere is ever removed after an import.
    """

    store: str
    sealing_key: str
    uploads: str
    evidence_roots: tuple[str, ...] = ()
    trail_key: str | None = None
    checkpoint_copies: str | None = None

    @property
    def settings(self) -> Settings:
        """Where the store and its keys are."""
        return Settings(
            Path(self.store), Path(self.sealing_key), _optional(self.trail_key), _optional(self.checkpoint_copies)
        )


def _optional(path: str | None) -> Path | None:
    return None if path is None else Path(path)


class Start(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the supervisor tells a process it starts; `supervisor` is the id of its own."""

    places: Places
    attempt: int
    supervisor: int


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a process says of its run at the end of it."""

    state: State
    reason: str | None = None
    code: str | None = None
    resumable: bool = False
    counts: Mapping[str, int] = {}
    result: Mapping[str, str | None] = {}


def read(path: Path, kind: type[_Content]) -> _Content:
    """Read one of the files.

    Raises:
        FileNotFoundError: it is not there.
        RunDamaged: it is not what was written.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        raise
    except (OSError, msgspec.DecodeError) as error:
        raise RunDamaged(f"{path}: {error}") from None


def write(path: Path, content: msgspec.Struct) -> None:
    """Put a file in its place, on disk when this returns.

    Raises:
        StoreUnwritable: the disk refuses.
    """
    with writing(path.parent):
        replace(path, msgspec.json.encode(content))
