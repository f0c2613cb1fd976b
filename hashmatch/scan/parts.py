"""The parts of a scan: from its start, or from where it was resumed, to whatever ended it.

Each has a head in the journal that says what it was done with. What decides findings must be the same in all parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final, Self

import orjson

from hashmatch import __version__
from hashmatch.digests import Algorithm
from hashmatch.errors import ResumeRefused
from hashmatch.evidence.source import SourceFacts
from hashmatch.reports.header import CaseFields, Resumed, ResumedAt
from hashmatch.scan.request import ScanRequest

_SNAPSHOT: Final = "snapshot"
# Another person may go on with a scan.
_MAY_CHANGE: Final = frozenset({"examiner"})


@dataclass(frozen=True, slots=True)
class Part:
    """The head of a part.

    Attributes:
        started: when.
        engine: what hashed.
        case: the case fields as they were given.
        agreed: what is to be the same in all parts, by a name that a person understands.
        bytes_cut: at the end of the journal, which an earlier part had not come to finish.
    """

    started: datetime
    engine: str
    case: CaseFields
    agreed: Mapping[str, object]
    bytes_cut: int = 0

    def head(self) -> dict[str, object]:
        """Return it as what `from_head` reads."""
        return {
            "started": self.started.isoformat(),
            "engine": self.engine,
            "case": asdict(self.case),
            "agreed": dict(self.agreed),
            "bytes_cut": self.bytes_cut,
        }

    @classmethod
    def from_head(cls, head: Mapping[str, Any]) -> Self:
        started = datetime.fromisoformat(head["started"])
        return cls(started, head["engine"], CaseFields(**head["case"]), head["agreed"], head["bytes_cut"])


def agreed(
    request: ScanRequest, source: SourceFacts, algorithms: Sequence[Algorithm], snapshot_id: str
) -> dict[str, object]:
    """Return what decides findings, as far as it is not looked at file by file.

    A device gets another number when it is attached again, so a source is told by what stays: its place, its file
    system, and where that cannot change, how full it is.
    """
    fixed = source.read_only and bool(source.devices)
    facts = {
        "release of hashmatch": __version__,
        _SNAPSHOT: snapshot_id,
        "source": source.real_path,
        "file system of the source": source.fs_type,
        "root inode of the source": source.identity[1],
        "bytes used in the source": source.used_bytes if fixed else None,
        "inodes used in the source": source.used_inodes if fixed else None,
        "source read-only": source.read_only,
        "journal of the source not replayed": source.journal_not_replayed,
        "alternate streams of the source": [source.ntfs, source.streams_covered],
        "digests": [algorithm.label for algorithm in algorithms],
        "max-file-size": request.max_file_size,
        "skip-by-size": request.skip_by_size,
        "cross-mounts": request.cross_mounts,
    }
    plain: dict[str, object] = orjson.loads(orjson.dumps(facts))
    return plain


def check_agreed(begun: Mapping[str, object], now: Mapping[str, object]) -> None:
    """Refuse to go on with a scan that was begun otherwise.

    Raises:
        ResumeRefused: what is another now.
    """
    for name in begun.keys() | now.keys():
        if begun.get(name) == now.get(name):
            continue
        if name == _SNAPSHOT:
            raise ResumeRefused("the active lists are not those that the scan was begun with")
        raise ResumeRefused(f"{name}: expected {begun.get(name)}, as when the scan was begun, got {now.get(name)}")


def case_of(parts: Sequence[Part]) -> CaseFields:
    """Return the case fields of a scan: what was given first for each.

    Raises:
        ResumeRefused: a part was given something else; for another examiner that is no reason.
    """
    return CaseFields(**dict(_case_fields(parts)))


def _case_fields(parts: Sequence[Part]) -> Iterator[tuple[str, str | None]]:
    for field in fields(CaseFields):
        given = [value for part in parts if (value := getattr(part.case, field.name)) is not None]
        if field.name not in _MAY_CHANGE and len(set(given)) > 1:
            raise ResumeRefused(f"{field.name}: the scan was begun with another one")
        yield field.name, given[0] if given else None


def engines(parts: Sequence[Part]) -> str:
    """Return what hashed, each engine once."""
    return "; ".join(dict.fromkeys(part.engine for part in parts))


def resumed(parts: Sequence[Part], entries: int) -> Resumed | None:
    """Return what a report says of how a scan was gone on with; None for one that was not.

    Args:
        parts: all of it, the first one first.
        entries: that this part did not have to read.
    """
    again = tuple(ResumedAt(part.started, part.case.examiner, part.engine, part.bytes_cut) for part in parts[1:])
    return Resumed(again, entries) if again else None
