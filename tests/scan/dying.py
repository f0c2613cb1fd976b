"""A part of a scan in a process of its own, which it ends itself, by SIGKILL, at a moment it is told.

    python -m tests.scan.dying REQUEST

The request is JSON: source, output, engine, first, resume, started (ISO), checkpoint_every, and `moment`: `["ask", n]`
for the n-th time that the scan asks whether it was stopped, `["write", n]` for the n-th frame of the journal, half of
which is then written, or null to go on to the end.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path

from hashmatch.hashing.choice import EngineChoice
from hashmatch.scan import journal
from hashmatch.scan.frames import HEAD_BYTES, Frames, Kind
from hashmatch.scan.journal import Journal
from hashmatch.scan.request import ScanRequest
from hashmatch.scan.run import scan
from tests.scan.dict_snapshot import DictList, DictSnapshot

RUN_BYTES = 4_000  # so that a small tree makes many runs


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_writing(moment: int) -> None:
    """Have the frame of that number torn."""
    counted = itertools.count(1)
    append = Frames.append

    def torn(frames: Frames, kind: Kind, payload: bytes) -> None:
        if frames.path.endswith(f"/{journal.NAME}") and next(counted) == moment:
            place = frames.end
            append(frames, kind, payload)
            frames.cut(place + (HEAD_BYTES + len(payload)) // 2)
            die()
        append(frames, kind, payload)

    Frames.append = torn  # type: ignore[method-assign,assignment]


def main(text: str) -> None:
    asked = json.loads(text)
    kind, moment = asked["moment"] or ("", 0)
    questions = itertools.count(1)

    def stopped() -> bool:
        if kind == "ask" and next(questions) == moment:
            die()
        return False

    if kind == "write":
        die_writing(moment)
    journal.CHECKPOINT_EVERY = asked["checkpoint_every"]
    for made in (Journal.__init__, Journal.begin):
        made.__kwdefaults__.update(run_bytes=RUN_BYTES)  # type: ignore[union-attr]
    request = ScanRequest(
        Path(asked["source"]),
        Path(asked["output"]),
        workers=2,
        allow_writable="a test's own tree",
        engine=EngineChoice(asked["engine"]),
        first=tuple(asked["first"]),
        max_file_size=asked["max_file_size"],
        resume=asked["resume"],
    )
    started = datetime.fromisoformat(asked["started"])
    known = DictSnapshot([DictList().listing(b"listed")])
    scan(request, known, started, lambda: started + timedelta(seconds=1), stopped=stopped)


if __name__ == "__main__":
    main(sys.argv[1])
