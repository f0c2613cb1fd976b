"""`not_examined.jsonl`: a line for each entry that should have been examined and could not be."""

from __future__ import annotations

import errno
from typing import Final

from hashmatch.reports.findings import Finding
from hashmatch.reports.rows import json_line, name_fields

NAME: Final = "not_examined.jsonl"


def not_examined_line(finding: Finding) -> bytes:
    """Return the line; `offset` is the byte of the content where reading failed or ended early."""
    fields = name_fields(finding)
    fields["reason"] = finding.reason
    fields["errno"] = finding.errno
    fields["error"] = None if finding.errno is None else errno.errorcode.get(finding.errno)
    fields["offset"] = finding.offset
    fields["size"] = finding.size
    fields["inode"] = finding.inode
    return json_line(fields)
