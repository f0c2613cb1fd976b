"""Verifying a trail: every record, the chain, and the root at every checkpoint, from the files alone.

Nothing that a writer keeps for itself is read, and of its code only the formats are used (`record.py`, `note.py`). What
is held to be true is what was signed with a key that whoever verifies brings along, and what follows from it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from hashmatch.custody.claims import Claim, Claims, read_claims, signed_by
from hashmatch.custody.events import Action
from hashmatch.custody.note import PublicKey, parse_public_key
from hashmatch.custody.record import CHECKPOINTS, MAX_LINE, NO_PREVIOUS, TRAIL, Record, chained, leaf, parse
from hashmatch.custody.verdict import Verdict
from hashmatch.errors import AuditDamaged, UsageError


def verify(directory: Path, keys: Sequence[PublicKey], others: Sequence[Path] = ()) -> Verdict:
    """Verify the trail of a directory.

    Args:
        directory: of the trail.
        keys: the public keys that are trusted; those that the trail introduces under their signature come to them.
        others: files of checkpoints that were kept elsewhere, which the trail has to agree with as well.

    Raises:
        AuditDamaged: there is no trail, or it cannot be read.
        UsageError: a file of checkpoints from elsewhere cannot be read.
    """
    verifier = _Verifier(directory, list(keys))
    own = _own_claims(directory)
    verifier.take(own)
    verifier.verdict.torn += len(own.torn)
    for path in others:
        try:
            verifier.take(read_claims(path), whole=True)
        except OSError as error:
            raise UsageError(f"checkpoint {path}: {error.strerror}") from error
    try:
        verifier.read()
    except OSError as error:
        raise AuditDamaged(f"{directory / TRAIL}: {error.strerror}") from error
    return verifier.verdict


def _own_claims(directory: Path) -> Claims:
    try:
        return read_claims(directory / CHECKPOINTS)
    except FileNotFoundError:
        return Claims((), (), b"")
    except OSError as error:
        raise AuditDamaged(f"{directory / CHECKPOINTS}: {error.strerror}") from error


class _Verifier:
    def __init__(self, directory: Path, keys: list[PublicKey]) -> None:
        self.verdict = Verdict()
        self._directory = directory
        self._keys = keys
        self._introduced: list[PublicKey] = []
        self._claims: defaultdict[int, list[Claim]] = defaultdict(list)
        self._leaves = _Leaves()
        self._before: Record | None = None
        self._chain = NO_PREVIOUS

    def take(self, found: Claims, *, whole: bool = False) -> None:
        """Hold the trail to the checkpoints of a file, in which nothing may be cut short if it is to be `whole`."""
        for wrong in found.wrong:
            self._fault(wrong)
        if whole and (found.torn or not found.claims):
            self._fault("a file of checkpoints from elsewhere holds something else")
        size = 0
        for claim in found.claims:
            if claim.checkpoint.size < size:
                self._fault(f"{claim.where}: of fewer records than the one before")
            size = claim.checkpoint.size
            self._claims[size].append(claim)

    def read(self) -> None:
        """Read the trail from its beginning to its end."""
        self._hold_to(0)
        with (self._directory / TRAIL).open("rb") as trail:
            for raw in iter(partial(trail.readline, MAX_LINE + 2), b""):
                if raw.endswith(b"\n"):
                    self._record(raw[:-1])
                    self.verdict.octets += len(raw)
                    self.verdict.records += 1
                    self._hold_to(self.verdict.records)
                elif len(raw) > MAX_LINE:
                    self._fault_here("a line is longer than any record")
                    self.verdict.octets += len(raw)
                else:
                    self.verdict.torn += len(raw)
        for claims in self._claims.values():
            for claim in claims:
                size = claim.checkpoint.size
                self._fault(f"{claim.where}: of {size} records, of which {self.verdict.records} are there")
        if not self.verdict.checkpoints:
            self._fault("no checkpoint that is signed with a known key agrees with the trail")

    def _record(self, line: bytes) -> None:
        """Look at a record by itself and behind the one before."""
        self._leaves.add(leaf(line))
        try:
            record = parse(line)
        except ValueError as error:
            self._fault_here(f"not a record: {error}")
        else:
            self._compare(record)
            self._before = record
        self._chain = chained(line)

    def _compare(self, record: Record) -> None:
        before = self._before
        expected = 0 if before is None else before.seq + 1
        if record.seq != expected:
            self._fault_here(f"expected record {expected}, got {record.seq}")
        if record.prev != self._chain:
            self._fault_here("does not follow the line before it")
        if before is None:
            self.verdict.origin = record.subject or ""
            if record.action is not Action.TRAIL_START or not record.subject:
                self._fault_here("the first record does not name the trail")
        elif record.t < before.t:
            clock = "the clock was set back" if record.boot == before.boot else "the clock was behind after a start"
            self.verdict.warn(clock, self.verdict.records + 1, self.verdict.octets)
        if record.action is Action.RECOVERED and record.set_aside is not None:
            self._check_aside(record)
        if record.action is Action.KEY_CHANGE:
            self._introduce(record)

    def _check_aside(self, record: Record) -> None:
        """Look for what was taken out of the end of the trail after a crash."""
        name = record.subject or ""
        try:
            if "/" in name:
                raise FileNotFoundError
            content = (self._directory / name).read_bytes()
        except OSError:
            self._fault_here(f"what was set aside here is not there: {name}")
            return
        if hashlib.sha256(content).hexdigest() != record.set_aside:
            self._fault_here(f"what was set aside here is not what is in {name}")

    def _introduce(self, record: Record) -> None:
        try:
            self._introduced.append(parse_public_key(record.subject or ""))
        except ValueError as error:
            self._fault_here(f"a change of key without the key: {error}")

    def _hold_to(self, size: int) -> None:
        """Compare the root over the first `size` records with what was signed about it."""
        for claim in self._claims.pop(size, ()):
            wrong = signed_by(claim, self._keys)
            if not wrong and size and claim.checkpoint.origin != self.verdict.origin:
                wrong = "it is of another trail"
            if not wrong and claim.checkpoint.root != self._leaves.root():
                since = self.verdict.covered
                wrong = (
                    f"records {since} to {size - 1} are not those that were signed" if size else "not the empty root"
                )
            if wrong:
                self._fault(f"{claim.where}, of {size} records: {wrong}")
                continue
            self.verdict.checkpoints += 1
            self.verdict.covered = size
            self._keys += self._introduced
            self._introduced.clear()

    def _fault(self, what: str) -> None:
        self.verdict.fault(what)

    def _fault_here(self, what: str) -> None:
        """Say what is wrong with the line that is being read."""
        self.verdict.fault(what, self.verdict.records + 1, self.verdict.octets)


class _Leaves:
    """RFC 6962's root over the leaves so far, from the complete subtrees into which they fall."""

    def __init__(self) -> None:
        self._subtrees: list[tuple[int, bytes]] = []

    def add(self, node: bytes) -> None:
        """Add a leaf: two complete subtrees of one height become one."""
        height = 0
        while self._subtrees and self._subtrees[-1][0] == height:
            node = hashlib.sha256(b"\x01" + self._subtrees.pop()[1] + node).digest()
            height += 1
        self._subtrees.append((height, node))

    def root(self) -> bytes:
        """Return the root: the subtrees from the right, each behind the next larger one."""
        if not self._subtrees:
            return hashlib.sha256().digest()
        node = self._subtrees[-1][1]
        for _, left in self._subtrees[-2::-1]:
            node = hashlib.sha256(b"\x01" + left + node).digest()
        return node
