"""`excluded.jsonl`: a line for each entry that holds nothing to look up, and why."""

from __future__ import annotations

from typing import Final

from hashmatch.reports.findings import Finding
from hashmatch.reports.rows import json_line, name_fields

NAME: Final = "excluded.jsonl"


def excluded_line(finding: Finding) -> bytes:
    fields = name_fields(finding)
    fields["reason"] = finding.reason
    fields["inode"] = finding.inode
    return json_line(fields)
