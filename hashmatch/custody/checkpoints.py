"""Making checkpoints: the root over all records, signed, kept beside the trail and in a second place."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hashmatch.custody import tree
from hashmatch.custody.events import Action
from hashmatch.custody.note import Checkpoint, Note, parse_note, split
from hashmatch.custody.places import make_directory, open_file, sync_directory, write_all
from hashmatch.custody.record import CHECKPOINTS, TRAIL, leaf
from hashmatch.custody.show import Filter, chosen
from hashmatch.custody.signing import load_key
from hashmatch.errors import AuditDamaged, AuditUnwritable

_TREE: Final = "tree"
_TAIL: Final = 8 << 10  # bytes; many times a checkpoint
_BLANK: Final = b"\n\n"
_SIGNED: Final = b"\n\n\xe2\x80\x94 "


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Where the checkpoints of one trail go.

    Attributes:
        directory: of the trail.
        copies: a second directory, on another disk or machine; None for none.
        origin: the name of the trail.
        key: the file of the key. It is read each time: whoever replaces it need not start every process again.
    """

    directory: Path
    copies: Path | None
    origin: str
    key: Path

    def check_key(self) -> None:
        """Make sure that the key is the one that was signed with so far, or one that the trail has introduced.

        Raises:
            OSError: checkpoints or trail cannot be read.
            AuditUnwritable: it is another one, with which nobody who verifies the trail would reckon.
        """
        key = load_key(self.key).public(self.origin)
        last = _last_note(self.directory / CHECKPOINTS)
        if last is None or any((s.name, s.key_id) == (key.name, key.key_id) for s in last.signatures):
            return
        changes = chosen(self.directory, Filter(action=Action.KEY_CHANGE))
        if all(record.subject != str(key) for _, record in changes):
            raise AuditUnwritable(
                f"trail key {self.key}: checkpoints so far were signed with another; restore that one"
            )

    def make(self, size: int, end: int) -> bytes:
        """Sign the first `size` records, which take `end` bytes and are on the disk, and see the note on the disk, too.

        Raises:
            OSError: the disk refuses, here or in the second place.
            AuditUnwritable: the key cannot be read.
            AuditDamaged: the trail does not have so many records there.
        """
        grown = self._grown(size, end)
        note = load_key(self.key).sign(Checkpoint(self.origin, size, grown.root()))
        add(self.directory / CHECKPOINTS, note)
        if self.copies is not None:
            make_directory(self.copies)
            add(self.copies / f"{self.origin.replace('/', '-')}.{CHECKPOINTS}", note)
        tree.save(grown, self.directory / _TREE)
        return note

    def _grown(self, size: int, end: int) -> tree.Tree:
        """Return the tree over the first records, from the one that was kept, if it is one of fewer."""
        grown = tree.load(self.directory / _TREE)
        if grown.size > size or grown.end > end:
            grown = tree.Tree()
        with (self.directory / TRAIL).open("rb") as trail:
            trail.seek(grown.end)
            while grown.end < end:
                line = trail.readline()
                if not line.endswith(b"\n"):
                    break
                grown.add(leaf(line[:-1]), len(line))
        if (grown.size, grown.end) != (size, end):
            raise AuditDamaged(f"{self.directory / TRAIL}: expected {size} records in {end} bytes, got {grown.size}")
        return grown


def add(path: Path, note: bytes) -> None:
    """Put a checkpoint behind the last whole one of a file and flush it.

    Raises:
        OSError: the disk refuses.
        AuditDamaged: the end of the file is none of a file of checkpoints.

    What a writer that was killed has left of a checkpoint is written over: nobody was told of it, and the new one says
    all that it could have said.
    """
    is_new = not path.exists()
    descriptor = open_file(path)
    try:
        size = os.fstat(descriptor).st_size
        start = max(0, size - _TAIL)
        whole = whole_notes(os.pread(descriptor, size - start, start))
        if start and not whole:
            raise AuditDamaged(f"{path}: its end holds no checkpoint")
        end = start + whole
        write_all(descriptor, note, end)
        os.ftruncate(descriptor, end + len(note))
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        sync_directory(path.parent)


def _last_note(path: Path) -> Note | None:
    """Return the last whole checkpoint of a file."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        content = file.read()
    content = content[: whole_notes(content)]
    before = content.rfind(_BLANK, 0, max(0, content.rfind(_SIGNED)))
    notes, _ = split(content[before + len(_BLANK) if before >= 0 else 0 :])
    return parse_note(notes[-1]) if notes else None


def whole_notes(content: bytes) -> int:
    """Return where the last whole note of a file's end is over: behind its signatures and a blank line."""
    at = len(content)
    while (at := content.rfind(_SIGNED, 0, at)) >= 0:
        end = content.find(_BLANK, at + len(_SIGNED))
        if end >= 0:
            return end + len(_BLANK)
    return 0
