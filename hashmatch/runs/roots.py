"""Evidence roots: the directories of the server beneath which scans may be asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from hashmatch.errors import SourceOutside, UsageError


def source_beneath(source: str, roots: Iterable[str | Path]) -> Path:
    """Return the real path of a source that lies beneath one of the roots, or is one.

    Links are resolved before anything is compared, and the message is the same whether or not something is there: who
    may start scans is not told what else the server holds.

    Raises:
        UsageError: it is no absolute path.
        SourceOutside: it leads elsewhere, or the service has no evidence root.
    """
    if not os.path.isabs(source) or "\0" in source:
        raise UsageError("source: expected an absolute path of the server")
    real = os.path.realpath(source)
    for root in roots:
        beneath = os.path.realpath(root)
        if os.path.commonpath([real, beneath]) == beneath:
            return Path(real)
    raise SourceOutside("source: expected a directory beneath one of the evidence roots of this service")
