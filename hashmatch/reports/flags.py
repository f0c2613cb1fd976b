"""`flags.jsonl`: a line for each file that agrees with a list, and which lists say what of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hashmatch.reports.findings import Finding, Flag
from hashmatch.reports.rows import json_line, name_fields

NAME: Final = "flags.jsonl"


def flags_line(finding: Finding, flags: Sequence[Flag]) -> bytes:
    fields = name_fields(finding)
    fields["size"] = finding.size
    fields["inode"] = finding.inode
    fields["flags"] = [flag._asdict() for flag in flags]
    return json_line(fields)
