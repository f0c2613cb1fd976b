"""The service's log: a JSON document a line on standard error. Diagnostics only; evidence of use is the audit trail's.

Messages of other packages are logged by the first line of their template, and exceptions by type and place: what stands
in their values may have come from a client, and a client sends digests. asyncio writes values into the lines below the
first.
"""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

import orjson

OURS = "hashmatch"


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": record.process,
            "logger": record.name,
            "message": record.getMessage() if record.name.startswith(OURS) else _first_line(record.msg),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
            line["places"] = [
                f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(record.exc_info[2])
            ]
        return orjson.dumps(line, default=str).decode()


def _first_line(template: object) -> str:
    return str(template).partition("\n")[0]


def log_to_stderr() -> None:
    """Send every log record of this process to standard error, a line each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
