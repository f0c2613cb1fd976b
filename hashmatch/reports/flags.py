"""`flags.jsonl`: a line for each file that agrees with a list, and which lists say what of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import orjson

from hashmatch.reports.findings import REMEMBERED, Finding, Flag, FlagNames, PinnedList
from hashmatch.reports.rows import json_line, name_fields

NAME: Final = "flags.jsonl"


def flags_line(finding: Finding, flags: tuple[Flag, ...]) -> bytes:
    fields = name_fields(finding)
    fields["size"] = finding.size
    fields["inode"] = finding.inode
    fields["flags"] = orjson.Fragment(_written(flags))
    return json_line(fields)


class FlagLines:
    """Writes a match by itself, as it is found, in the form that its line of `flags.jsonl` will have."""

    def __init__(self, lists: Sequence[PinnedList]) -> None:
        """Take the lists of the snapshot that the match was found with."""
        self._names = FlagNames(lists)

    def line(self, finding: Finding) -> bytes:
        return flags_line(finding, self._names.flags(finding.agreements))


@lru_cache(REMEMBERED)
def _written(flags: tuple[Flag, ...]) -> bytes:
    return orjson.dumps([flag._asdict() for flag in flags])
