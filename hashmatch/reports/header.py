"""What the head of a report says of the circumstances: the case, the source, the tools."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson
import xxhash

from hashmatch import __version__
from hashmatch.hashing import openssl
from hashmatch.store.database import LEVELDB_VERSION, PLYVEL_VERSION


@dataclass(frozen=True, slots=True)
class CaseFields:
    """Who examined what, for which case, and by what right; None where it was not said."""

    case: str | None = None
    exhibit: str | None = None
    examiner: str | None = None
    legal_authority: str | None = None


@dataclass(frozen=True, slots=True)
class ResumedAt:
    """When a scan was gone on with, by whom, with which engine, and how much of the journal's end was not whole."""

    at: datetime
    examiner: str | None
    engine: str
    journal_bytes_cut: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """How often a scan was gone on with; `entries`: that had been examined before, and were not read again."""

    times: tuple[ResumedAt, ...]
    entries: int


@dataclass(frozen=True, slots=True)
class ScanHeader:
    """What is known of a scan beside its findings.

    Attributes:
        source: what was found out about the evidence source, by name.
        source_warnings: what a reader must know of it, in sentences.
        snapshot_id: of the pinned lists.
        engine: description of the hashing engine; of all that were used, where the scan was resumed.
        started, ended: with their time zone.
        status: `complete`, `incomplete` or `interrupted`.
        not_reached: names that an interrupted scan had listed and did not come to read.
        first_flag_seconds: from the start until a match was first found; None where none was.
        options: what was asked for, by the name of the option.
        limits: what this scan cannot tell beside what no scan can, in sentences.
        resumed: how it was gone on with; None for a scan in one part.
    """

    case: CaseFields
    source: Mapping[str, object]
    source_warnings: tuple[str, ...]
    snapshot_id: str
    engine: str
    started: datetime
    ended: datetime
    status: str
    not_reached: int
    first_flag_seconds: float | None
    options: Mapping[str, object]
    limits: tuple[str, ...] = ()
    resumed: Resumed | None = None


def tool_versions(engine: str) -> dict[str, str]:
    """Return everything a second examiner would have to install to do the same again."""
    kernel = os.uname()
    return {
        "hashmatch": __version__,
        "engine": engine,
        "python": platform.python_version(),
        "openssl": openssl.VERSION,
        "leveldb": LEVELDB_VERSION,
        "plyvel": PLYVEL_VERSION,
        "orjson": orjson.__version__,
        "xxhash": xxhash.VERSION,
        "kernel": f"{kernel.sysname} {kernel.release} {kernel.machine}",
    }
