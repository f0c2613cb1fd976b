"""A program that records events and says on standard output which of them it was told are on the disk.

    python -m tests.custody.writer PLACE THREADS EVENTS [PATIENCE]

Each line is `DONE id` or `refused id`; ids count from 1 in each thread, and stand in the trail as the event's count.
After a refusal the next event is tried, as by a service that goes on; `PATIENCE` milliseconds later.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from hashmatch.custody.trail import Trail
from hashmatch.errors import AuditUnwritable

from .trails import asked


def main(place: Path, threads: int, events: int, patience: int) -> None:
    with Trail(place / "audit", signing_key=place / "keys" / "trail.key") as trail:
        workers = [
            threading.Thread(target=record, args=(trail, number, events, patience / 1_000)) for number in range(threads)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()


def record(trail: Trail, thread: int, events: int, patience: float) -> None:
    for number in range(1, events + 1):
        said = "DONE"
        try:
            trail.record(asked(number, f"{os.getpid()}/{thread}"))
        except AuditUnwritable as error:
            said = "refused"
            os.write(2, f"{error}\n".encode())
        # One write, so that a kill leaves a whole line or none.
        os.write(1, f"{said} {os.getpid()}/{thread} {number}\n".encode())
        if said == "refused":
            time.sleep(patience)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(word) for word in [*sys.argv[2:], "0"][:3]))
