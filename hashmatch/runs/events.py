"""`events.jsonl`: what happens in a run, a line an event, with ids that rise.

Whoever reads need not be told of anything by whoever writes: a reader takes the whole lines that are there, and comes
again. Where a machine goes down in the middle of a line, the rest of it is missing; the next writer cuts it off.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import msgspec
import orjson

from hashmatch.errors import RunDamaged
from hashmatch.store.catalogue import writing

_BLOCK: Final = 1 << 16
# A power cut may take events that a client has already seen. Ids of a writer that comes later are past them all: it
# begins at the next multiple of this, more than can be written between two times the file is flushed.
_GAP: Final = 1_000_000


class Event(msgspec.Struct, frozen=True):
    """One event; `data` is a JSON object as it stands in the file."""

    id: int
    event: str
    data: msgspec.Raw


_decoder: Final = msgspec.json.Decoder(Event)


class EventWriter:
    """Appends events. A run has one at a time."""

    def __init__(self, path: Path) -> None:
        """Open the file, make it where it is missing, and cut off a torn last line.

        Raises:
            StoreUnwritable: the disk refuses.
            RunDamaged: its last line is no event.
        """
        self._path = path
        with writing(path.parent):
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._file, _whole(self._file))
        last = _last_id(path)
        self._id = last - last % _GAP + _GAP if last else 0

    def write(self, event: str, data: object) -> None:
        """Append an event, which readers see at once. `data` is what orjson can write, an object.

        Raises:
            StoreUnwritable: the disk refuses.
        """
        self._id += 1
        line = orjson.dumps({"id": self._id, "event": event, "data": data}, option=orjson.OPT_APPEND_NEWLINE)
        with writing(self._path.parent):
            view = memoryview(line)
            while view:
                view = view[os.write(self._file, view) :]

    def flush(self) -> None:
        """See on the disk what has been written.

        Raises:
            StoreUnwritable: the disk refuses.
        """
        with writing(self._path.parent):
            os.fdatasync(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


class EventReader:
    """Follows a file of events from any id on."""

    def __init__(self, path: Path, after: int = 0) -> None:
        """Begin behind the event with the id `after`."""
        self._path = path
        self._after = after
        self._at = 0

    def read(self, limit: int) -> list[Event]:
        """Return up to `limit` events that were not returned before; none where there are none yet.

        Raises:
            RunDamaged: a whole line is no event.
        """
        events: list[Event] = []
        for line in self._lines():
            event = _event(line, self._path)
            if event.id > self._after:
                self._after = event.id
                events.append(event)
            self._at += len(line)
            if len(events) == limit:
                break
        return events

    def _lines(self) -> Iterator[bytes]:
        """Yield the whole lines behind the place that was reached."""
        try:
            file = open(self._path, "rb")  # noqa: SIM115 - a missing file is no error, what follows is
        except FileNotFoundError:
            return
        with file:
            file.seek(self._at)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                yield line


def _event(line: bytes, path: Path) -> Event:
    try:
        return _decoder.decode(line)
    except msgspec.DecodeError:
        raise RunDamaged(f"{path}: expected an event on each line") from None


def _whole(file: int) -> int:
    """Return where the last whole line ends."""
    end = os.fstat(file).st_size
    while end:
        start = max(0, end - _BLOCK)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _last_id(path: Path) -> int:
    """Return the id of the last event of a file of whole lines; 0 where there is none."""
    size = path.stat().st_size
    reach = _BLOCK
    with path.open("rb") as file:
        while True:
            file.seek(max(0, size - reach))
            lines = file.read().splitlines()
            # The first line of a block may have begun before it.
            if len(lines) > 1 or reach >= size:
                return _event(lines[-1], path).id if lines else 0
            reach *= 2
