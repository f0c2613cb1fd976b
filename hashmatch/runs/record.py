"""A run: what was asked, by whom, and how far it is.

These values are on disk: add fields with a default, rename none.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec


class Kind(enum.StrEnum):
    SCAN = "scan"
    IMPORT = "import"


class State(enum.StrEnum):
    """How far a run is. `incomplete` is a whole scan in which something could not be examined."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNDER_WAY: Final = frozenset({State.QUEUED, State.RUNNING})


class ScanOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of a scan.

    Attributes:
        source: an absolute path beneath an evidence root.
        digests: names of algorithms; None for all that the active lists can use.
        workers: how many threads or processes read; None for as many as fit the device.
        first: patterns of what is read before all else, and names of ready sets.
        skip_by_size: do not read files of a size that no entry of any list has.
        cross_mounts: go into file systems that are mounted inside the source.
        max_file_size: bytes; larger files are not read, and the report says which; None for no limit.
        allow_writable: why a source that can be written to is scanned all the same.
    """

    source: str
    case: str | None = None
    exhibit: str | None = None
    examiner: str | None = None
    legal_authority: str | None = None
    digests: tuple[str, ...] | None = None
    workers: int | None = None
    first: tuple[str, ...] = ()
    skip_by_size: bool = False
    cross_mounts: bool = False
    max_file_size: int | None = None
    allow_writable: str | None = None


class ScanAsked(ScanOptions, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="scan"):
    """The same, told from what is asked of an import."""


class ImportAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="import"):
    """What is declared of a list file that was uploaded (`lists.ImportRequest`).

    Attributes:
        upload: path of the staged file; it is removed when the run ends, however that is.
        activate: make it the active release of its list; else it is built, verified and left for a later step.
    """

    upload: str
    list_id: str
    list_type: str
    release: str
    authority: str
    format: str = "auto"
    algorithm: str | None = None
    scheme: str | None = None
    category: str | None = None
    unsigned: bool = False
    activate: bool = True


Asked = ScanAsked | ImportAsked


class Run(msgspec.Struct, frozen=True):
    """A run as whoever asks for it sees it.

    Attributes:
        id: 32 hexadecimal digits.
        reason: in words, why it ended other than it should; None otherwise.
        code: the stable code of the error that `reason` tells of, where it was one of ours.
        owner: the id of the token that started it.
        role: of that token.
        case: of a scan; None where none was given.
        attempts: how often a process was started for it.
        resumable: `resume` would take it up where it stopped.
        cancelling: it was asked to end and has not ended yet.
        counts: of a scan those of its report; of an import its entries and the like. Empty before the end.
        result: of a scan `snapshot` and `result_digest`; of an import `generation` and `replaced`. Empty before the
            end.
        request: what was asked.
    """

    id: str
    kind: Kind
    state: State
    reason: str | None
    code: str | None
    owner: str
    role: str
    case: str | None
    created: datetime
    started: datetime | None
    ended: datetime | None
    attempts: int
    resumable: bool
    cancelling: bool
    counts: Mapping[str, int]
    result: Mapping[str, str | None]
    request: Asked
