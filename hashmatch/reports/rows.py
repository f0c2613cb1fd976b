"""What the line formats share: how a finding names its file, and one JSON document on a line."""

from __future__ import annotations

from typing import Final

import orjson

from hashmatch.reports.findings import Finding
from hashmatch.reports.names import exact, shown

_OPTIONS: Final = orjson.OPT_APPEND_NEWLINE


def name_fields(finding: Finding) -> dict[str, object]:
    """Return `path`, `path_b64` where the path is not the name letter for letter, `stream` where it is one."""
    text = shown(finding.path)
    fields: dict[str, object] = {"path": text}
    name = exact(finding.path, text)
    if name is not None:
        fields["path_b64"] = name
    if finding.is_stream:
        fields["stream"] = True
    return fields


def json_line(fields: dict[str, object]) -> bytes:
    """Return `fields` as one line. JSON escapes whatever would end it early."""
    return orjson.dumps(fields, option=_OPTIONS)
