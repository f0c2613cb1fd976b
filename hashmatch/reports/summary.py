"""`report.json`: the head of a report. It is written last, so a report without it is not whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import orjson

from hashmatch.outcomes import Outcome, Strength
from hashmatch.reports.counts import FindingCounts, ReadingCounts
from hashmatch.reports.findings import PinnedList
from hashmatch.reports.header import Resumed, ScanHeader, tool_versions
from hashmatch.reports.names import shown_text

NAME: Final = "report.json"
FORMAT: Final = 2

_LIMITS: Final = (
    "A match is a lead, not a finding: look at the file before relying on it.",
    "Files are compared by exact hash. Content that differs in a single byte does not match.",
    "Deleted files, slack and unallocated space were not examined, nor the content of archives and other containers.",
    "Extended attributes were not examined; alternate data streams were, on NTFS through ntfs-3g only.",
    "A file with several names (hard links) was read once; its outcome is reported under each name.",
    "A strength of weak_only rests on MD5 or SHA-1 alone, for which files with equal digests can be made on purpose.",
    "A strength of conflict is no match: one digest of an entry agrees, another or the size differs.",
)


def summary(
    header: ScanHeader,
    lists: Sequence[PinnedList],
    findings: FindingCounts,
    reading: ReadingCounts,
    result_digest: str,
) -> bytes:
    """Return the whole file."""
    document = {
        "hashmatch": "scan report",
        "format": FORMAT,
        "status": header.status,
        "warnings": list(_warnings(header, lists, findings, reading)),
        **dataclasses.asdict(header.case),
        "source": dict(header.source),
        "snapshot": {"id": header.snapshot_id, "lists": [_list(each) for each in lists]},
        "started": _utc(header.started),
        "ended": _utc(header.ended),
        "resumed": None if header.resumed is None else _resumed(header.resumed),
        "first_flag_seconds": header.first_flag_seconds,
        "options": dict(header.options),
        "tools": tool_versions(header.engine),
        "counts": counts_document(findings, reading, lists, header.not_reached),
        "limits": [*_LIMITS, *header.limits, *map(_no_match_means, lists)],
        "result_digest": result_digest,
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def counts_document(
    findings: FindingCounts, reading: ReadingCounts, lists: Sequence[PinnedList], not_reached: int
) -> dict[str, object]:
    """Return the counts by name; each list and strength is there, at zero too."""
    return {
        "seen": findings.seen,
        **{str(outcome): findings.outcomes[outcome] for outcome in Outcome},
        "not_reached": not_reached,
        "not_examined_reasons": findings.reasons_of(Outcome.NOT_EXAMINED),
        "excluded_reasons": findings.reasons_of(Outcome.EXCLUDED),
        "matches_by_strength": {str(strength): findings.strengths[strength] for strength in Strength},
        "matches_by_list": [
            {
                "list": pinned.list_id,
                "release": pinned.release,
                **{str(s): findings.by_list[pinned.list_id, pinned.release, s] for s in Strength},
            }
            for pinned in lists
        ],
        "notable_and_known": findings.notable_and_known,
        **dataclasses.asdict(reading),
    }


def _warnings(
    header: ScanHeader, lists: Sequence[PinnedList], findings: FindingCounts, reading: ReadingCounts
) -> list[str]:
    warnings = [
        f"The list {_title(each)} is unsigned: nobody but the person who imported it vouches for its content."
        for each in lists
        if each.signature == "unsigned"
    ]
    warnings += header.source_warnings
    if header.resumed:
        warnings.append(_was_resumed(header.resumed))
    if header.status == "interrupted":
        warnings.append(
            "The scan was interrupted: what it had not come to is in none of these files. It can be resumed."
        )
    if findings.outcomes[Outcome.NOT_EXAMINED]:
        warnings.append("Not everything could be examined: see not_examined.jsonl.")
    if findings.strengths[Strength.CONFLICT]:
        warnings.append("Some entries agree by one digest and differ by another: collisions, or a damaged list.")
    if reading.atime_risked:
        warnings.append("For some files O_NOATIME was refused: only a read-only mount keeps their access times.")
    return warnings


def _resumed(resumed: Resumed) -> dict[str, object]:
    times = [{**dataclasses.asdict(each), "at": _utc(each.at)} for each in resumed.times]
    return {"times": len(times), "entries_from_earlier_parts": resumed.entries, "parts": times}


def _was_resumed(resumed: Resumed) -> str:
    times = len(resumed.times)
    return (
        f"The scan was resumed {'once' if times == 1 else f'{times} times'}: {resumed.entries} entries were "
        "examined before that, and were still what they had been."
    )


def _list(pinned: PinnedList) -> dict[str, object]:
    return {
        "list": pinned.list_id,
        "release": pinned.release,
        "type": str(pinned.list_type),
        "authority": shown_text(pinned.authority),
        "signature": pinned.signature,
        "generation": pinned.generation,
        "content_root": pinned.content_root,
        "entries": pinned.entries,
        "imported": pinned.imported,
    }


def _title(pinned: PinnedList) -> str:
    return f"{pinned.list_id} release {shown_text(pinned.release)}"


def _no_match_means(pinned: PinnedList) -> str:
    return f"No match means: not in list {_title(pinned)}, by exact hash. It says nothing else of a file."


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
