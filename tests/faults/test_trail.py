"""Breaking the audit trail: what was said to be recorded is there, whatever failed, and what was changed is found."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from hashmatch.custody.claims import read_public_keys
from hashmatch.custody.events import Action
from hashmatch.custody.record import CHECKPOINTS, TRAIL
from hashmatch.custody.verdict import Status, Verdict
from hashmatch.custody.verify import verify
from hashmatch.errors import AuditUnwritable
from tests.custody.trails import asked, opened, rechained, records
from tests.evidence.mounting import needs_mounts
from tests.madeup import figures

from .harness import counted, mounted, needs_strace
from .test_power_cut import MAKE, cut_power, file_systems

Lines = list[bytes]


class Said(NamedTuple):
    """What writers said of their events: (writer, number) of those on the disk, and of those refused."""

    done: set[tuple[str, int]]
    refused: set[tuple[str, int]]


def writer(place: Path, *words: int, before: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    command = [*before, sys.executable, "-m", "tests.custody.writer", str(place), *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)


def said_by(*outputs: bytes) -> Said:
    done: set[tuple[str, int]] = set()
    refused: set[tuple[str, int]] = set()
    for line in b"".join(outputs).decode().splitlines():
        word, name, number = line.split()
        (done if word == "DONE" else refused).add((name, int(number)))
    return Said(done, refused)


def recorded(place: Path) -> set[tuple[str, int]]:
    """Return the events that are in a trail, after making sure that its records are whole and chained."""
    found = (record for record in records(place / "audit") if record.action is Action.LOOK_UP)
    return {(record.case or "", record.counts["asked"]) for record in found}


def verdict(place: Path, *others: Path) -> Verdict:
    return verify(place / "audit", read_public_keys([place / "keys" / "trail.pub"]), others)


def check_goes_on(place: Path) -> None:
    """Check that the next one can record, and that the trail is sound then."""
    with opened(place) as trail:
        trail.record(asked(1, "afterwards"))
    assert verdict(place).status is Status.SOUND, verdict(place).findings


@pytest.mark.parametrize("kills", [8, pytest.param(200, marks=pytest.mark.slow)])
def test_killed_under_load(tmp_path: Path, kills: int) -> None:
    """Of two processes with four threads each one is killed, then the other: whatever they were told is there."""
    chance = random.Random(kills)
    counts: Counter[str] = Counter()
    with opened(tmp_path):
        pass
    acknowledged: set[tuple[str, int]] = set()
    for _ in range(kills // 2):
        running = [writer(tmp_path, 4, 1_000_000) for _ in range(2)]
        assert all(process.stdout is not None and process.stdout.read(1) == b"D" for process in running)
        for process in running:
            time.sleep(chance.uniform(0.01, 0.2))
            process.send_signal(signal.SIGKILL)
        outputs = [process.communicate() for process in running]
        said = said_by(*(b"D" + output for output, _ in outputs))
        assert not said.refused, b"".join(errors for _, errors in outputs).decode()
        status = verdict(tmp_path).status
        assert status in (Status.SOUND, Status.TORN)
        counts[f"left {status}"] += 1
        acknowledged |= said.done
        check_goes_on(tmp_path)
        assert said.done <= recorded(tmp_path)
    assert acknowledged <= recorded(tmp_path)
    figures(f"audit trail: {kills} kills under load, {counted(counts)}; {len(acknowledged)} acknowledged, 0 missing")


# What a writer calls to write, to flush, and to cut off what it could not write whole.
FAULTS: Final = {
    "fdatasync": "error=EIO",
    "fsync": "error=EIO",
    "pwrite64": "error=ENOSPC",
    "ftruncate": "error=EIO",
    "openat": "error=EMFILE",
}


@needs_strace
@pytest.mark.parametrize(
    ("call", "numbers"),
    [("fdatasync", [5, 6, 20]), ("pwrite64", [8, 11, 40])]
    + [pytest.param(call, range(1, 51), marks=pytest.mark.slow) for call in FAULTS],
)
def test_a_call_that_fails(tmp_path: Path, call: str, numbers: Sequence[int]) -> None:
    """The N-th fails: nothing is said to be recorded that is not there, and the same process goes on recording."""
    counts: Counter[str] = Counter()
    for number in numbers:
        place = tmp_path / str(number)
        with opened(place) as trail:
            trail.record(asked(1, "before"))
        paths = [place / "audit" / name for name in (TRAIL, CHECKPOINTS, "progress", "tree")]
        strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"]
        strace += ["-e", f"inject={call}:{FAULTS[call]}:when={number}", *(f"-P{path}" for path in paths)]
        process = writer(place, 1, 40, before=strace)
        output, errors = process.communicate(timeout=60)
        said = said_by(output)
        assert said.done <= recorded(place), (call, number)
        counts["refused and went on" if said.refused else f"exit {process.returncode}"] += 1
        if said.refused:
            name, last = max(said.refused, key=lambda event: event[1])
            assert all((name, later) in said.done for later in range(last + 1, 41))
            assert len(said.refused) == 1
        elif process.returncode:
            assert b"AuditUnwritable" in errors, errors.decode()
        check_goes_on(place)
        shutil.rmtree(place)
    figures(f"audit trail, {call} {FAULTS[call]} at {len(numbers)} places: {counted(counts)}; 0 acknowledged missing")


@needs_strace
def test_a_disk_that_goes_on_failing(tmp_path: Path) -> None:
    """Every event is refused while no flush succeeds; afterwards the trail says that records were written again."""
    with opened(tmp_path) as trail:
        trail.record(asked(1, "before"))
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO:when=3+"]
    process = writer(tmp_path, 2, 20, before=[*strace, f"-P{tmp_path / 'audit' / TRAIL}"])
    said = said_by(process.communicate(timeout=60)[0])
    assert len(said.done) <= 4
    assert len(said.refused) >= 36
    check_goes_on(tmp_path)
    assert said.done <= recorded(tmp_path)
    (told,) = (record for record in records(tmp_path / "audit") if record.action is Action.RECOVERED)
    assert told.counts["records_written_again"] >= 1


@needs_mounts
@pytest.mark.parametrize("sizes", [3, pytest.param(30, marks=pytest.mark.slow)])
def test_a_full_disk(tmp_path: Path, sizes: int) -> None:
    """Wherever the space ends: no event is said to be recorded that is not, and with more space it goes on at once."""
    counts: Counter[str] = Counter()
    chance = random.Random(sizes)
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=1m", "hashmatch-test") as disk:
        for number in range(sizes):
            place = disk / str(number)
            subprocess.run(["mount", "-o", "remount,size=1m", str(disk)], check=True)
            with opened(place) as trail:
                subprocess.run(["mount", "-o", f"remount,size={chance.randrange(40, 400)}k", str(disk)], check=True)
                done = fill(trail.record)
                counts["refused"] += 1
                assert {event for event in recorded(place) if event[0] == "fill"} >= {("fill", n) for n in done}
                subprocess.run(["mount", "-o", "remount,size=1m", str(disk)], check=True)
                trail.record(asked(1, "more space"))
            assert ("more space", 1) in recorded(place)
            assert verdict(place).status is Status.SOUND
            shutil.rmtree(place)
    figures(f"audit trail on a full disk: {sizes} sizes, {counted(counts)}, 0 acknowledged missing, all went on")


def fill(record: Callable[..., None]) -> list[int]:
    """Record until there is no space, and five times after that; return what was said to be recorded."""
    done: list[int] = []
    refused = number = 0
    while refused < 5:
        number += 1
        try:
            record(*[asked(number, "fill")] * (1 + number % 3))
        except AuditUnwritable as error:
            assert "No space left" in str(error) or "flush failed" in str(error)  # noqa: PT017
            refused += 1
        else:
            done.append(number)
    return done


@needs_mounts
@file_systems
@pytest.mark.parametrize("cuts", [1, pytest.param(25, marks=pytest.mark.slow)])
def test_the_power_fails_while_events_are_recorded(tmp_path: Path, kind: str, cuts: int) -> None:
    """What two processes were told is on the disk is there when the power is back, and the trail is gone on with."""
    chance = random.Random(cuts)
    image = tmp_path / "image"
    size, words = MAKE[kind]
    with image.open("wb") as file:
        file.truncate(size << 20)
    subprocess.run([*words, str(image)], check=True, capture_output=True)
    place = tmp_path / "disk" / "place"
    acknowledged = 0
    for _ in range(cuts):
        with mounted(tmp_path / "disk", "-o", "loop", str(image)) as disk:
            before = size_of(place)
            running = [writer(place, 4, 1_000_000) for _ in range(2)]
            # Not before they have come to their work, which takes a busy machine longer than a quiet one.
            while size_of(place) < before + 10_000 and all(process.poll() is None for process in running):
                time.sleep(0.01)
            time.sleep(chance.uniform(0.0, 0.5))
            cut_power(disk)
            for process in running:
                process.kill()
            said = said_by(*(process.communicate()[0] for process in running))
        with mounted(tmp_path / "disk", "-o", "loop", str(image)):
            check_goes_on(place)
            assert said.done <= recorded(place)
            acknowledged += len(said.done)
    figures(f"audit trail: {cuts} power cuts on {kind}, {acknowledged} acknowledged, 0 missing")
    assert acknowledged


def size_of(place: Path) -> int:
    """Return how long the trail is; 0 where there is none yet."""
    try:
        return (place / "audit" / TRAIL).stat().st_size
    except FileNotFoundError:
        return 0


class Tampering:
    """Edits of one log, each made anew from its number."""

    def __init__(self, place: Path, other: Lines) -> None:
        self.lines = (place / "audit" / TRAIL).read_bytes().split(b"\n")[:-1]
        self._other = other

    def edit(self, number: int) -> tuple[str, bytes]:
        """Return the name of an edit and the log after it."""
        chance = random.Random(number)
        kind = EDITS[number % len(EDITS)]
        lines = list(self.lines)
        at = chance.randrange(len(lines))
        if kind == "flip":
            content = bytearray(b"\n".join(lines) + b"\n")
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            return kind, bytes(content)
        if kind == "delete":
            del lines[at : at + chance.randint(1, 20)]
        elif kind == "swap":
            other = (at + chance.randrange(1, len(lines))) % len(lines)
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == "duplicate":
            lines.insert(at, lines[at])
        elif kind == "insert":
            lines.insert(at, lines[at].replace(b'"17"', b'"18"'))
        elif kind == "truncate":
            del lines[at:]
        elif kind == "splice":
            lines[at:] = self._other[at:]
        elif kind == "chain anew":
            at = max(at, len(lines) - 400)  # the rest has to be written again, which takes its time
            lines[at] = lines[at].replace(b'"17"', b'"18"')
            lines = rechained(lines, at)
        else:
            lines[at] = lines[at].replace(b'"hits":0', b'"hits":1') if b'"hits":0' in lines[at] else lines[at] + b" "
        return kind, b"".join(line + b"\n" for line in lines)


EDITS: Final = ("flip", "delete", "swap", "duplicate", "insert", "truncate", "splice", "chain anew", "falsify")
_tampering: dict[Path, Tampering] = {}


def judge(place: Path, other: Path, number: int) -> tuple[str, bool]:
    """Make one edit of the log of a place and verify it; return the kind of edit and whether it was found."""
    if place not in _tampering:
        _tampering[place] = Tampering(place, (other / "audit" / TRAIL).read_bytes().split(b"\n")[:-1])
    kind, edited = _tampering[place].edit(number)
    assert edited != b"".join(line + b"\n" for line in _tampering[place].lines)
    copy = place / f"edit-{number}"
    copy.mkdir()
    (copy / TRAIL).write_bytes(edited)
    # Who could change the log could change the checkpoints beside it as well; the one from elsewhere he could not.
    found = verify(copy, read_public_keys([place / "keys" / "trail.pub"]), [place / "kept"])
    shutil.rmtree(copy)
    return kind, found.status is Status.DAMAGED


@pytest.mark.parametrize(("length", "edits"), [(2_000, 100), pytest.param(50_000, 2_000, marks=pytest.mark.slow)])
def test_every_edit_of_a_log_is_found(tmp_path: Path, length: int, edits: int) -> None:
    """With nothing but the public key and the last checkpoint, which was kept elsewhere."""
    for name in ("log", "other"):
        with opened(tmp_path / name) as trail:
            for start in range(0, length, 500):
                trail.record(*(asked(number) for number in range(start, start + 500)))
    place = tmp_path / "log"
    last = (place / "audit" / CHECKPOINTS).read_text().split("\n\n")[-3:-1]
    (place / "kept").write_text("\n\n".join(last) + "\n\n")
    began = time.process_time()
    assert verdict(place, place / "kept").status is Status.SOUND
    rate = length / (time.process_time() - began)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        judged = list(pool.map(judge, [place] * edits, [tmp_path / "other"] * edits, range(edits), chunksize=10))
    counts = Counter(kind for kind, _ in judged)
    missed = [(number, kind) for number, (kind, found) in enumerate(judged) if not found]
    figures(f"audit trail: {edits} edits of {length} records ({counted(counts)}), {len(missed)} missed; {rate:.0f}/s")
    assert missed == []
