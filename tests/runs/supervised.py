"""A register with its supervisor, a store with a list, and evidence beneath a root: as the service has them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import orjson

from hashmatch.config import Settings
from hashmatch.custody.events import Event as TrailEvent
from hashmatch.custody.opening import open_trail
from hashmatch.runs import files
from hashmatch.runs.events import Event, EventReader
from hashmatch.runs.locks import holder
from hashmatch.runs.record import UNDER_WAY, ImportAsked, Run, ScanAsked
from hashmatch.runs.register import Register
from hashmatch.runs.supervisor import Supervisor
from tests.madeup import take_in, write_list

_Answer = TypeVar("_Answer")
LISTED, UNLISTED = b"made up: listed", b"made up: not listed"


@dataclass(frozen=True)
class Lab:
    """Where everything is; a supervisor comes and goes."""

    settings: Settings
    root: Path
    evidence: Path

    @property
    def uploads(self) -> Path:
        return self.root / "service" / "uploads"

    @property
    def places(self) -> files.Places:
        store, key = str(self.settings.store), str(self.settings.sealing_key)
        return files.Places(store, key, str(self.uploads), (str(self.evidence),))

    @property
    def record(self) -> Callable[[TrailEvent], None]:
        """Return what puts an event in the lab's audit trail."""

        def put(event: TrailEvent) -> None:
            with open_trail(self.settings) as trail:
                trail.record(event)

        return put

    def recorded(self, run: Run) -> list[tuple[str, str]]:
        """Return (action, outcome) of the events of a run, in order."""
        lines = (self.settings.store / "audit" / "trail.jsonl").read_bytes().splitlines()
        events = [orjson.loads(line) for line in lines]
        return [(event["action"], event["outcome"]) for event in events if event.get("run") == run.id]

    @property
    def register(self) -> Register:
        return Register(self.root / "service" / "runs")

    def source(self, name: str = "image", *, endless: bool = False) -> ScanAsked:
        """Make a source of two files, one of them listed; an endless one has a third that takes minutes to read."""
        directory = self.evidence / name
        directory.mkdir()
        (directory / "a-listed").write_bytes(LISTED)
        (directory / "b-not-listed").write_bytes(UNLISTED)
        if endless:
            with (directory / "c-large").open("wb") as file:
                file.truncate(1 << 40)
        return ScanAsked(str(directory), case="24-001", workers=1, allow_writable="made for a test")

    def scan(self, name: str = "image", *, endless: bool = False) -> Run:
        return self.register.create(
            self.source(name, endless=endless), owner="token-1", role="examiner", now=datetime.now(UTC)
        )

    def upload(self, digests: list[bytes], release: str = "2", **declared: Any) -> Run:
        """Stage a list as the service does and ask for its import."""
        self.uploads.mkdir(parents=True, exist_ok=True)
        path = write_list(self.uploads / f"upload-{release}", digests)
        asked = ImportAsked(
            **{
                "upload": str(path),
                "list_id": "uploaded",
                "list_type": "notable",
                "release": release,
                "authority": "nobody: made up",
                "algorithm": "md5",
                "unsigned": True,
                **declared,
            }
        )
        return self.register.create(asked, owner="token-2", role="examiner", now=datetime.now(UTC))

    @asynccontextmanager
    async def supervised(self, *, at_once: int = 2, patience: float = 30) -> AsyncIterator[Supervisor]:
        """Supervise, and stop at the end as a service that is told to stop does."""
        supervisor = Supervisor(self.register, self.places, now, self.record, at_once=at_once, patience=patience)
        task = asyncio.create_task(supervisor.run())
        try:
            yield supervisor
        finally:
            supervisor.stop()
            await task

    def report(self, run: Run) -> Any:
        return orjson.loads((self.register.directory(run.id) / files.REPORT / "report.json").read_bytes())

    def events(self, run: Run) -> list[Event]:
        return EventReader(self.register.directory(run.id) / files.EVENTS).read(1_000_000)

    async def ended(self, run: Run) -> Run:
        return await until(lambda: found if (found := self.register.get(run.id)).state not in UNDER_WAY else None)

    async def reading(self, run: Run) -> int:
        """Wait until a scan is amid its evidence, and return its process."""
        directory = self.register.directory(run.id)
        await until(lambda: self.events(run))
        return await until(lambda: holder(directory / files.LOCK))


def now() -> datetime:
    return datetime.now(UTC)


def make_lab(settings: Settings, tmp_path: Path) -> Lab:
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    take_in(settings, write_list(tmp_path / "list", [hashlib.md5(LISTED).digest()]))
    return Lab(settings, tmp_path, evidence)


async def until(question: Callable[[], _Answer | None], seconds: float = 120) -> _Answer:
    """Ask until the answer is not empty."""
    async with asyncio.timeout(seconds):
        while not (answer := question()):
            await asyncio.sleep(0.01)
    return answer
