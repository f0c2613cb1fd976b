"""What a verification of a trail comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_MAX_FINDINGS: Final = 100  # a trail that is not one at all has something wrong on every line


class Status(StrEnum):
    """One word for it."""

    SOUND = "sound"
    TORN = "torn_tail"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: at which line of the trail, from 1, and at which byte, from 0; or at neither."""

    what: str
    line: int | None = None
    offset: int | None = None


@dataclass(slots=True)
class Verdict:
    """What was found.

    Attributes:
        origin: the name that the trail gives itself.
        records, octets: how many records were read, in how many bytes.
        torn: bytes of a last line, or of a last checkpoint, that was cut short.
        checkpoints: how many were signed with a known key and agree with the records.
        covered: how many records the largest of them covers; those after it can be changed without a key.
        findings: what is wrong, as far as it was counted; the first is where it breaks.
        warnings: what need not be wrong.
    """

    origin: str = ""
    records: int = 0
    octets: int = 0
    torn: int = 0
    checkpoints: int = 0
    covered: int = 0
    findings: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    @property
    def status(self) -> Status:
        if self.findings:
            return Status.DAMAGED
        return Status.TORN if self.torn else Status.SOUND

    def fault(self, what: str, line: int | None = None, offset: int | None = None) -> None:
        """Add something that is wrong."""
        if len(self.findings) < _MAX_FINDINGS:
            self.findings.append(Finding(what, line, offset))

    def warn(self, what: str, line: int, offset: int) -> None:
        """Add something that need not be wrong."""
        if len(self.warnings) < _MAX_FINDINGS:
            self.warnings.append(Finding(what, line, offset))
