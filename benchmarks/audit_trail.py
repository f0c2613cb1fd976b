"""What recording costs: `python -m benchmarks.audit_trail [--place DIR] [--events N]`.

Events a second that are on the disk when `record` returns, processor time and flushes an event: alone, from threads,
from processes, and many events in one call; beside a bare append and fdatasync of as many bytes. Then how fast a
trail is verified. A table in Markdown.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from hashmatch.custody.claims import read_public_keys
from hashmatch.custody.events import Action, Event, EventOutcome
from hashmatch.custody.trail import Trail
from hashmatch.custody.verify import verify

EVENT = Event(
    Action.LOOK_UP,
    EventOutcome.DONE,
    "4f1c2d3e",
    "examiner",
    case="17/2026",
    counts={"requests": 1, "items": 100, "matches": 2, "no_match": 98},
    snapshot="5" * 64,
    origin="192.0.2.17",
)


def main() -> None:
    """Measure in a directory that is made for it and removed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--place", default="/var/tmp")
    options.add_argument("--events", type=int, default=2_000)
    chosen = options.parse_args()
    place = Path(tempfile.mkdtemp(prefix="hashmatch-audit-", dir=chosen.place))
    try:
        _table(place, chosen.events)
    finally:
        shutil.rmtree(place)


def _table(place: Path, count: int) -> None:
    print("| what | events/s | CPU µs/event | µs/call |\n|---|---|---|---|")
    _row("bare append and fdatasync", count, count, partial(_bare, place / "bare", count))
    with _opened(place) as trail:
        _row("one thread", count, count, partial(_record, trail, count))
        for threads in (8, 32):
            _row(f"{threads} threads", threads * count, count, partial(_in_threads, trail, threads, count))
        calls = max(1, count // 20)
        _row("100 events a call", 100 * calls, calls, partial(_record, trail, calls, 100))
    for processes in (2, 4):
        _row(f"{processes} processes", processes * count, count, partial(_in_processes, place, processes, count))
    keys, began = read_public_keys([place / "keys" / "trail.pub"]), time.process_time()
    verdict = verify(place / "audit", keys)
    took = time.process_time() - began
    print(
        f"\n{verdict.status}: {verdict.records:,} records verified, {verdict.records / took:,.0f} a second of CPU time"
    )


def _row(name: str, events: int, calls: int, work: Callable[[], object]) -> None:
    wall, spent = time.perf_counter(), _cpu()
    work()
    wall, spent = time.perf_counter() - wall, _cpu() - spent
    print(f"| {name} | {events / wall:,.0f} | {spent / events * 1e6:.0f} | {wall / calls * 1e6:.0f} |", flush=True)


def _cpu() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


def _bare(path: Path, count: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for _ in range(count):
        os.write(descriptor, bytes(520))
        os.fdatasync(descriptor)
    os.close(descriptor)


def _opened(place: Path) -> Trail:
    return Trail(place / "audit", signing_key=place / "keys" / "trail.key")


def _record(trail: Trail, count: int, together: int = 1) -> None:
    for _ in range(count):
        trail.record(*[EVENT] * together)


def _in_threads(trail: Trail, threads: int, count: int) -> None:
    started = [threading.Thread(target=_record, args=(trail, count)) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def _in_processes(place: Path, processes: int, count: int) -> None:
    context = get_context("fork")
    started = [context.Process(target=_open_and_record, args=(place, count)) for _ in range(processes)]
    for process in started:
        process.start()
    for process in started:
        process.join()


def _open_and_record(place: Path, count: int) -> None:
    with _opened(place) as trail:
        _record(trail, count)


if __name__ == "__main__":
    main()
