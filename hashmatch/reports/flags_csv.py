"""`flags.csv`: a row for each flag, by RFC 4180, safe to open in a spreadsheet.

A spreadsheet runs a cell that begins like a formula. Such cells get an apostrophe in front, and so do cells that
begin with an apostrophe, so that taking one away always gives the text back.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from hashmatch.reports.findings import REMEMBERED, Finding, Flag
from hashmatch.reports.names import exact, shown, shown_text

NAME: Final = "flags.csv"
COLUMNS: Final = (
    "path", "path_b64", "stream", "size", "inode", "list", "release", "type", "scheme", "category", "strength",
)  # fmt: skip

# The full-width signs start a formula too where a spreadsheet is set to Chinese or Japanese.
_STARTS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", "'")


def header_row() -> bytes:
    return _rows([COLUMNS])


def flag_rows(finding: Finding, flags: tuple[Flag, ...]) -> bytes:
    text = shown(finding.path)
    file = (
        harmless(text),
        harmless(exact(finding.path, text) or ""),  # base64 may begin with a plus sign
        "yes" if finding.is_stream else "",
        str(finding.size),
        str(finding.inode),
    )
    return _rows([(*file, *cells) for cells in _cells(flags)])


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_STARTS_A_FORMULA) else cell


@lru_cache(REMEMBERED)
def _cells(flags: tuple[Flag, ...]) -> list[tuple[str, ...]]:
    return [tuple(map(_cell, flag)) for flag in flags]


def _cell(value: str | None) -> str:
    return "" if value is None else harmless(shown_text(str(value)))


def _rows(rows: Sequence[Sequence[str]]) -> bytes:
    lines = io.StringIO(newline="")
    csv.writer(lines, lineterminator="\r\n").writerows(rows)
    return lines.getvalue().encode("utf-8")
