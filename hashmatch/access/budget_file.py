"""The file in which all processes of the service keep what was spent: a record for each token that has a budget.

    header   20 bytes, then zeros to 64; its first byte is locked while a record is given to a token
    record   id of the token (12 bytes, zeros where it is free), 4 zeros, number of the current slot,
             spent in the window, spent in the current slot (three numbers each), then the ring of the slots before

Numbers have 8 bytes, in the machine's order. A record is locked while it is used, by a lock that belongs to the open
file (fcntl(2), open file description locks): a process that dies leaves none behind. It is read and written, not
mapped: a full disk or a file cut short is an error then, and not the end of the process. What a write leaves half done
is done again by the next; what is damaged otherwise is gone with the hour.
"""

from __future__ import annotations

import fcntl
import os
import struct
from array import array
from pathlib import Path
from typing import Final

from hashmatch.access.files import changing, open_private, put
from hashmatch.access.window import BEHIND, CELLS, PAST, Hour
from hashmatch.errors import AccessDamaged

_HEADER: Final = b"hashmatch-budgets-1\n".ljust(64, b"\0")
_HEAD: Final = struct.Struct("=12s4xQ3Q3Q")
_RING_BYTES: Final = 8 * CELLS
_RECORD_BYTES: Final = _HEAD.size + _RING_BYTES
_FLOCK: Final = struct.Struct("hhqqi0q")  # struct flock of Linux on 64-bit machines


class Place:
    """Where a token's record is."""

    __slots__ = ("head", "lock", "ring", "unlock")

    def __init__(self, number: int) -> None:
        self.head = len(_HEADER) + number * _RECORD_BYTES
        self.ring = self.head + _HEAD.size
        self.lock = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, self.head, 1, 0)
        self.unlock = _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, self.head, 1, 0)


class BudgetFile:
    """Used by one thread at a time, and by any number of processes with an object each. Raises OSError as it comes."""

    def __init__(self, path: Path) -> None:
        """Open the file, which is made where it is missing.

        Raises:
            AccessDamaged: it is another kind of file, or open to others.
            StoreUnwritable: it cannot be made.
        """
        self._path = path
        with changing(path):
            if not os.path.lexists(path):
                put(path, _HEADER)
            self._descriptor = open_private(path, os.O_RDWR)
        if os.pread(self._descriptor, len(_HEADER), 0) != _HEADER:
            raise AccessDamaged(f"{path}: not a file of budgets")
        self._places: dict[str, Place] = {}

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def lock(self, token_id: str, slot: int) -> tuple[Place, Hour]:
        """Take a token's record for this process alone, and return what it says; one it does not have yet is made."""
        name = token_id.encode()
        while True:
            place = self._places.get(token_id)
            if place is None:
                place = self._places[token_id] = self._found(name, slot)
            fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLKW, place.lock)
            try:
                found, hour = self._head(place)
            except BaseException:
                self.unlock(place)
                raise
            if found == name:
                return place, hour
            # It had not been used for an hour, and another process gave it to another token.
            self.unlock(place)
            del self._places[token_id]

    def unlock(self, place: Place) -> None:
        """Leave a record to others."""
        fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, place.unlock)

    def write(self, place: Place, token_id: str, hour: Hour) -> None:
        """Keep what was spent; of a record that is locked."""
        try:
            head = _HEAD.pack(token_id.encode(), hour.slot, *hour.spent, *hour.current)
        except struct.error:
            raise self._damaged() from None
        _write_all(self._descriptor, head, place.head)

    def ring(self, place: Place) -> array[int]:
        """Return the slots before the current one; of a record that is locked."""
        octets = os.pread(self._descriptor, _RING_BYTES, place.ring)
        if len(octets) != _RING_BYTES:
            raise self._damaged()
        return array("Q", octets)

    def write_ring(self, place: Place, ring: array[int]) -> None:
        """Keep the slots before the current one; of a record that is locked, and before its head is written."""
        _write_all(self._descriptor, ring.tobytes(), place.ring)

    def _head(self, place: Place) -> tuple[bytes, Hour]:
        try:
            name, slot, a, b, c, d, e, f = _HEAD.unpack(os.pread(self._descriptor, _HEAD.size, place.head))
        except struct.error:
            raise self._damaged() from None
        return name, Hour(slot, (a, b, c), (d, e, f))

    def _found(self, name: bytes, slot: int) -> Place:
        """Return a token's record: the one it has, else one that nobody used for an hour, else one more."""
        fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLKW, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0))
        try:
            count = (os.fstat(self._descriptor).st_size - len(_HEADER)) // _RECORD_BYTES
            heads = [(place, *self._head(place)) for place in map(Place, range(count))]
            own = next((place for place, found, _ in heads if found == name), None)
            if own is not None:
                return own
            for place, _, hour in heads:
                if _unused(hour, slot) and self._given(place, name, slot):
                    return place
            place = Place(count)
            self._give(place, name, slot)
            return place
        finally:
            fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, 0, 1, 0))

    def _given(self, place: Place, name: bytes, slot: int) -> bool:
        """Give a record to a token unless somebody has used it in the meantime."""
        fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLKW, place.lock)
        try:
            if not _unused(self._head(place)[1], slot):
                return False
            self._give(place, name, slot)
            return True
        finally:
            self.unlock(place)

    def _give(self, place: Place, name: bytes, slot: int) -> None:
        # The ring first: a token must not inherit what another one spent, should this process die in between.
        _write_all(self._descriptor, bytes(_RING_BYTES), place.ring)
        _write_all(self._descriptor, _HEAD.pack(name, slot, *(0,) * 6), place.head)

    def _damaged(self) -> AccessDamaged:
        return AccessDamaged(f"{self._path}: not what was written; stop the service and remove it")


def _unused(hour: Hour, slot: int) -> bool:
    return slot - hour.slot > PAST + BEHIND


def _write_all(descriptor: int, octets: bytes, offset: int) -> None:
    written = os.pwrite(descriptor, octets, offset)
    if written != len(octets):
        # A disk that has no room for the rest says so when it is asked once more.
        _write_all(descriptor, octets[written:], offset + written)
