"""The journal that earlier parts of a scan have left: read and checked before anything is changed.

What stands behind its last checkpoint, or behind the head of a part that came to none, is cut off: a process that was
killed, or a power cut, leaves any kind of end there. What stands before is known to have been on the disk, so that
anything wrong with it is damage, and the scan cannot be gone on with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from hashmatch.errors import ResumeRefused
from hashmatch.scan.frames import HEAD_BYTES, Frame, Frames, Kind
from hashmatch.scan.journal import FORMAT, MARK, NAME
from hashmatch.scan.parts import Part
from hashmatch.scan.sorting import items_of

_SEARCHED: Final = 1 << 20  # bytes looked through at a time


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is left of a scan.

    Attributes:
        frames: the journal's file, locked.
        parts: the heads of its parts, the first one first.
        first_flag: when the scan first found a match.
        end: where what is believed ends.
        lost: bytes behind it.
    """

    frames: Frames
    parts: tuple[Part, ...]
    first_flag: datetime | None
    end: int
    lost: int

    def records(self) -> Iterator[list[bytes]]:
        """Yield the records of all findings, in no order; of a file there may be several.

        Raises:
            OutputUnusable: what is read is not what was read before.
        """
        place = 0
        while place < self.end:
            frame = self.frames.written(place)
            place = frame.end
            if frame.kind == Kind.BLOCK:
                yield items_of(frame.payload)


def open_earlier(directory: Path) -> Earlier:
    """Read the journal in an output directory.

    Raises:
        ResumeRefused: there is none, it is damaged, another release has written it, or another process is at it.
        OutputUnusable: the disk fails.
    """
    if not (directory / NAME).is_file():
        raise ResumeRefused(f"{directory}: expected the journal of a scan that was not finished, got none")
    frames = Frames.existing(directory / NAME)
    try:
        _lock(frames)
        return _read(frames)
    except BaseException:
        frames.close()
        raise


def _lock(frames: Frames) -> None:
    try:
        frames.lock()
    except BlockingIOError:
        raise ResumeRefused(f"{frames.path}: another process is at this scan") from None
    except OSError as error:
        raise ResumeRefused(f"{frames.path}: cannot be locked: {error.strerror}") from error


def _read(frames: Frames) -> Earlier:
    parts: list[Part] = []
    first_flag: str | None = None
    place = end = 0
    while frame := frames.frame(place):
        place = frame.end
        if frame.kind == Kind.PART:
            parts.append(_part(frames, frame))
            end = place
        elif frame.kind == Kind.CHECKPOINT:
            first_flag = orjson.loads(frame.payload)["first_flag"] or first_flag
            end = place
    if _whole_after(frames, place):
        raise ResumeRefused(f"{frames.path}: damaged at byte {place}, which had been on the disk; begin the scan anew")
    if not parts:
        raise ResumeRefused(f"{frames.path}: nothing of the scan had come to the disk; begin it anew")
    moment = None if first_flag is None else datetime.fromisoformat(first_flag)
    return Earlier(frames, tuple(parts), moment, end, frames.end - end)


def _part(frames: Frames, frame: Frame) -> Part:
    head: dict[str, Any] = orjson.loads(frame.payload)
    if head.get("format") != FORMAT:
        raise ResumeRefused(f"{frames.path}: expected a journal of format {FORMAT}, got {head.get('format')}")
    return Part.from_head(head)


def _whole_after(frames: Frames, place: int) -> bool:
    """Tell whether a head or a checkpoint stands anywhere behind a place: all before it was on the disk once."""
    while octets := frames.octets(place, _SEARCHED):
        found = octets.find(MARK)
        while found >= 0:
            frame = frames.frame(place + found - HEAD_BYTES)
            if frame is not None and frame.kind in (Kind.PART, Kind.CHECKPOINT):
                return True
            found = octets.find(MARK, found + 1)
        if len(octets) < _SEARCHED:
            return False
        place += len(octets) - len(MARK)
    return False
