"""Runs in real processes: how they end, and that nothing else ends with them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import orjson
import pytest
from msgspec.structs import replace

from hashmatch.errors import RunNotPossible
from hashmatch.runs import files
from hashmatch.runs.endings import END
from hashmatch.runs.locks import holder
from hashmatch.runs.process import NICE
from hashmatch.runs.record import Run, State
from tests.madeup import digests, missed
from tests.runs.supervised import LISTED, Lab, now, until


def last_event(lab: Lab, run: Run) -> dict[str, object]:
    event = lab.events(run)[-1]
    assert event.event == END
    found: dict[str, object] = orjson.loads(bytes(event.data))
    return found


async def test_a_scan(lab: Lab) -> None:
    """A scan that is asked for is done in a process of its own, and its counts are those of its report."""
    asked = lab.scan()
    async with lab.supervised():
        run = await lab.ended(asked)
    assert (run.state, run.reason, run.resumable, run.attempts) == (State.COMPLETE, None, False, 1)
    counts = lab.report(run)["counts"]
    assert {name: run.counts[name] for name in ("seen", "match", "no_match", "not_examined", "excluded", "strong")} == {
        **{name: counts[name] for name in ("seen", "match", "no_match", "not_examined", "excluded")},
        "strong": counts["matches_by_strength"]["strong"],
    }
    assert (run.counts["match"], run.counts["no_match"]) == (1, 1)
    assert run.result["result_digest"] == lab.report(run)["result_digest"]
    assert lab.report(run)["case"] == "24-001"
    assert last_event(lab, run)["state"] == "complete"
    assert lab.recorded(run) == [("scan_start", "begun"), ("scan_end", "complete")]
    assert {event.event for event in lab.events(run)[:-1]} == {"progress", "flag"}
    flags = [bytes(event.data) + b"\n" for event in lab.events(run) if event.event == "flag"]
    assert flags == [(lab.register.directory(run.id) / files.REPORT / "flags.jsonl").read_bytes()]
    with pytest.raises(RunNotPossible):
        lab.register.resume(run.id)


async def test_an_incomplete_scan(lab: Lab) -> None:
    """A scan in which something could not be examined is said to be incomplete."""
    asked = replace(lab.source(), max_file_size=len(LISTED))
    run = lab.register.create(asked, owner="token-1", role="examiner", now=now())
    async with lab.supervised():
        ended = await lab.ended(run)
    assert (ended.state, ended.counts["not_examined"]) == (State.INCOMPLETE, 1)


@pytest.mark.parametrize("number", [signal.SIGBUS, signal.SIGKILL, signal.SIGSEGV])
async def test_a_scan_that_dies(lab: Lab, number: signal.Signals) -> None:
    """A scan whose process is ended by a signal has failed for that reason and can be resumed; others go on."""
    async with lab.supervised():
        dying, other = lab.scan("dying", endless=True), lab.scan("other", endless=True)
        os.kill(await lab.reading(dying), number)
        ended = await lab.ended(dying)
        assert (ended.state, ended.resumable) == (State.FAILED, True)
        assert number.name in (ended.reason or "")
        assert last_event(lab, ended)["reason"] == ended.reason
        assert lab.recorded(dying) == [("scan_start", "begun"), ("scan_end", "failed")]
        assert lab.register.get(other.id).state is State.RUNNING
        assert await lab.reading(other)
        third = await lab.ended(lab.scan("third"))
        assert third.state is State.COMPLETE


async def test_resuming(lab: Lab) -> None:
    """A scan that died is taken up again and ends with the result of one that did not."""
    async with lab.supervised():
        asked = lab.scan(endless=True)
        os.kill(await lab.reading(asked), signal.SIGBUS)
        await lab.ended(asked)
        seen = lab.events(asked)
        (lab.evidence / "image" / "c-large").unlink()
        lab.register.resume(asked.id)
        await until(lambda: lab.register.get(asked.id).attempts == 2)
        run = await lab.ended(asked)
        other = await lab.ended(lab.scan("other"))
    assert (run.state, run.reason, run.attempts) == (State.COMPLETE, None, 2)
    assert run.counts["match"] == other.counts["match"] == 1
    assert run.result == other.result
    events = lab.events(run)
    assert events[: len(seen)] == seen
    assert [event.id for event in events] == sorted({event.id for event in events})
    assert last_event(lab, run)["state"] == "complete"


async def test_what_was_examined_is_not_read_again(lab: Lab) -> None:
    """A scan that was cancelled goes on where it stopped, and its report says that it did."""
    async with lab.supervised() as supervisor:
        asked = lab.scan(endless=True)
        await until(lambda: len([event for event in lab.events(asked) if event.event == "flag"]) == 1)
        lab.register.cancel(asked.id)
        supervisor.wake()
        assert (await lab.ended(asked)).resumable
        (lab.evidence / "image" / "c-large").unlink()
        lab.register.resume(asked.id)
        await until(lambda: lab.register.get(asked.id).attempts == 2)
        run = await lab.ended(asked)
    assert (run.state, run.counts["match"], run.counts["no_match"]) == (State.COMPLETE, 1, 1)
    assert lab.report(run)["resumed"]["times"] == 1


async def test_an_end_that_was_not_told(lab: Lab) -> None:
    """A scan whose report was whole when its process died is taken as it is when it is resumed."""
    run = lab.scan()
    async with lab.supervised():
        done = await lab.ended(run)
        directory = lab.register.directory(run.id)
        (directory / files.OUTCOME).unlink()
        files.write(directory / files.STATE, files.Status(State.FAILED, attempts=1, resumable=True))
        report = (directory / files.REPORT / "report.json").stat()
        lab.register.resume(run.id)
        await until(lambda: lab.register.get(run.id).attempts == 2)
        again = await lab.ended(run)
        assert (again.state, again.counts, again.result) == (State.COMPLETE, done.counts, done.result)
        assert (directory / files.REPORT / "report.json").stat() == report


async def test_cancelling(lab: Lab) -> None:
    """A running scan that is cancelled ends with the part of its report; a queued one never starts."""
    async with lab.supervised(at_once=1) as supervisor:
        running = lab.scan("one", endless=True)
        await lab.reading(running)
        queued = lab.scan("two", endless=True)
        for run in (queued, running):
            assert lab.register.cancel(run.id).cancelling
            supervisor.wake()
        for run in (running, queued):
            ended = await lab.ended(run)
            assert (ended.state, ended.cancelling, ended.resumable) == (State.CANCELLED, False, True)
            assert last_event(lab, ended)["state"] == "cancelled"
            with pytest.raises(RunNotPossible):
                lab.register.cancel(run.id)
    assert lab.register.get(queued.id).attempts == 0
    assert lab.recorded(queued) == [("scan_end", "cancelled")]
    assert lab.recorded(running) == [("scan_start", "begun"), ("scan_end", "interrupted")]
    assert lab.report(running)["status"] == "interrupted"
    assert lab.register.asked() == []


async def test_a_process_that_does_not_stop(lab: Lab) -> None:
    """A process that does not end when it is told to is ended."""
    async with lab.supervised(patience=0.2):
        run = lab.scan(endless=True)
        os.kill(await lab.reading(run), signal.SIGSTOP)
        lab.register.cancel(run.id)
        assert (await lab.ended(run)).state is State.CANCELLED


@pytest.mark.parametrize("at_once", [1, 2])
async def test_so_many_at_once(lab: Lab, at_once: int) -> None:
    """No more scans run side by side than may; the others wait, and are started in the order they came."""
    async with lab.supervised(at_once=at_once):
        asked = [lab.scan(str(number), endless=True) for number in range(3)]
        for next_one in range(at_once, 3):
            for run in asked[next_one - at_once : next_one]:
                await lab.reading(run)
            states = [lab.register.get(run.id).state for run in asked[next_one - at_once :]]
            assert states == [State.RUNNING] * at_once + [State.QUEUED] * (3 - next_one)
            os.kill(await lab.reading(asked[next_one - at_once]), signal.SIGKILL)
            await lab.ended(asked[next_one - at_once])


async def test_stopping_the_service(lab: Lab) -> None:
    """A service that stops ends what runs, for later; what was queued starts with the next service."""
    finished = lab.scan("finished")
    async with lab.supervised(at_once=1):
        done = await lab.ended(finished)
        running = lab.scan("running", endless=True)
        process = await lab.reading(running)
        queued = lab.scan("queued")
    assert gone(process)
    assert lab.register.get(finished.id) == done
    stopped = lab.register.get(running.id)
    assert (stopped.state, stopped.reason, stopped.resumable) == (State.INTERRUPTED, "the service was stopped", True)
    assert lab.register.get(queued.id).state is State.QUEUED
    async with lab.supervised():
        assert (await lab.ended(queued)).state is State.COMPLETE
    assert lab.register.get(running.id) == stopped


async def test_a_service_that_dies(lab: Lab) -> None:
    """After a kill of the service no process of it goes on; the next one marks what ran and loses nothing finished."""
    service = start_service(lab)
    finished = await lab.ended(lab.scan("finished"))
    running, queued = lab.scan("running", endless=True), lab.scan("queued", endless=True)
    process = await lab.reading(running)
    service.kill()
    service.wait()
    await until(lambda: gone(process))
    assert lab.register.get(running.id).state is State.RUNNING, "nobody was there to write it down"
    async with lab.supervised(at_once=1):
        ended = await lab.ended(running)
        assert (ended.state, ended.reason) == (State.INTERRUPTED, "its process was told to stop")
        assert ended.resumable
        await lab.reading(queued)
    assert lab.register.get(finished.id) == finished


async def test_a_process_that_outlives_the_service(lab: Lab) -> None:
    """A process that cannot end with its service is ended by the next one before anything is written of its run."""
    service = start_service(lab)
    run = lab.scan(endless=True)
    process = await lab.reading(run)
    os.kill(process, signal.SIGSTOP)
    service.kill()
    service.wait()
    async with lab.supervised(patience=0.3):
        ended = await lab.ended(run)
    assert (ended.state, ended.reason) == (State.INTERRUPTED, "the service ended while it ran")
    assert holder(lab.register.directory(run.id) / files.LOCK) is None


async def test_a_whole_result_is_kept(lab: Lab) -> None:
    """A scan that was finished when the service died is finished for the next one."""
    run = lab.scan()
    async with lab.supervised():
        done = await lab.ended(run)
    state = lab.register.directory(run.id) / files.STATE
    files.write(state, files.Status(State.RUNNING, attempts=1, started=done.started))
    async with lab.supervised():
        again = await lab.ended(run)
    assert (again.state, again.counts, again.result) == (State.COMPLETE, done.counts, done.result)


async def test_nothing_of_the_run_is_told_to_other_users(lab: Lab) -> None:
    """The process's arguments hold the run's directory alone; it gives way to the service, and is ended before it."""
    async with lab.supervised():
        run = lab.scan(endless=True)
        process = await lab.reading(run)
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[1:-1]
        assert words == [b"-P", b"-m", b"hashmatch.runs.process", os.fsencode(lab.register.directory(run.id))]
        assert os.getpriority(os.PRIO_PROCESS, process) == os.getpriority(os.PRIO_PROCESS, 0) + NICE
        for thread in os.listdir(f"/proc/{process}/task"):
            assert os.getpriority(os.PRIO_PROCESS, int(thread)) == os.getpriority(os.PRIO_PROCESS, 0) + NICE
        ours, its = (int(Path(f"/proc/{p}/oom_score_adj").read_text()) for p in ("self", process))
        assert its >= ours
        assert os.getsid(process) == os.getsid(0)
        assert os.getpgid(process) != os.getpgid(0)


async def test_what_cannot_be_scanned(lab: Lab) -> None:
    """A source that is refused fails with the code of its error; it may be tried again once that is mended."""
    asked = lab.source()
    outside = replace(asked, source=str(lab.root))
    writable = replace(asked, allow_writable=None)
    async with lab.supervised():
        for wrong, code, resumable in ((outside, "source.outside", False), (writable, "source.unusable", True)):
            run = lab.register.create(wrong, owner="token-1", role="examiner", now=now())
            ended = await lab.ended(run)
            assert (ended.state, ended.code, ended.resumable) == (State.FAILED, code, resumable)


async def test_an_import(lab: Lab) -> None:
    """An upload becomes the active release of its list, and is gone afterwards."""
    listed = digests(100, "uploaded")
    run = lab.upload(listed)
    async with lab.supervised():
        ended = await lab.ended(run)
    assert (ended.state, ended.counts["entries"], ended.result["replaced"]) == (State.COMPLETE, 100, None)
    assert list(lab.uploads.iterdir()) == []
    assert missed(lab.settings, listed) == 0
    assert lab.recorded(run) == [("import", "begun"), ("import", "done"), ("activation", "done")]
    assert last_event(lab, ended)["state"] == "complete"


async def test_imports_one_after_the_other(lab: Lab) -> None:
    """Imports that come together do not stand in each other's way; one that need not be activated is not."""
    first, second = digests(100, "first"), digests(100, "second")
    runs = [lab.upload(first, "1"), lab.upload(second, "2", activate=False)]
    async with lab.supervised():
        for run in runs:
            assert (await lab.ended(run)).state is State.COMPLETE
    assert (missed(lab.settings, first), missed(lab.settings, second)) == (0, 100)


async def test_what_a_dead_service_left(lab: Lab) -> None:
    """Uploads that no import is for, and runs that were never whole, are gone after a start; what is new stays."""
    run = lab.upload(digests(5, "waiting"))
    left, new = lab.uploads / "left", lab.uploads / "new"
    draft = lab.root / "service" / "runs" / ".new-0123"
    draft.mkdir()
    for path in (left, new):
        path.write_bytes(b"x")
    for path in (left, draft, Path(lab.register.get(run.id).request.upload)):  # type: ignore[union-attr]
        os.utime(path, (0, 0))
    os.utime(new, (now().timestamp() + 60,) * 2)
    async with lab.supervised():
        assert (await lab.ended(run)).state is State.COMPLETE
    assert (list(lab.uploads.iterdir()), draft.exists()) == ([new], False)


async def test_a_refused_import(lab: Lab) -> None:
    """A list that is refused says why, without a digest, and its upload is gone."""
    listed = digests(10, "wrong")
    run = lab.upload([*listed, b"short"])
    async with lab.supervised():
        ended = await lab.ended(run)
    assert (ended.state, ended.code, ended.resumable) == (State.FAILED, "list.format", False)
    assert "line 11" in (ended.reason or "")
    assert not re.search("[0-9a-f]{32}", ended.reason or "")
    assert list(lab.uploads.iterdir()) == []


@pytest.mark.parametrize("how", ["cancelled", "killed", "queued"])
async def test_an_import_that_does_not_end(lab: Lab, how: str) -> None:
    """However an import ends, its upload is gone, the store is as it was, and it is not resumed."""
    many = digests(200_000, "many")
    async with lab.supervised():
        blocking = lab.upload(many, "1")
        directory = lab.register.directory(blocking.id)
        process = await until(lambda: holder(directory / files.LOCK))
        os.kill(process, signal.SIGSTOP)
        run = lab.upload(digests(10, "queued"), "2") if how == "queued" else blocking
        if how == "killed":
            os.kill(process, signal.SIGKILL)
        else:
            lab.register.cancel(run.id)
            await until(lambda: lab.register.get(run.id).cancelling or how == "queued")
        os.kill(process, signal.SIGCONT) if how != "killed" else None
        ended = await lab.ended(run)
        await lab.ended(blocking)
    assert ended.state is (State.FAILED if how == "killed" else State.CANCELLED)
    assert not ended.resumable
    assert list(lab.uploads.iterdir()) == []
    assert missed(lab.settings, many[:50]) == (0 if how == "queued" else 50)
    assert lab.recorded(run)[-1] == ("import", ended.state)


def gone(process: int) -> bool:
    """Tell whether a process has ended, waited for or not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def start_service(lab: Lab) -> subprocess.Popen[bytes]:
    """Start a process that supervises the lab's register, to be killed."""
    code = (
        "import asyncio, sys, msgspec; from datetime import UTC, datetime; from pathlib import Path;"
        "from hashmatch.runs.files import Places; from hashmatch.runs.register import Register;"
        "from hashmatch.runs.supervisor import Supervisor;"
        "places = msgspec.json.decode(sys.argv[2], type=Places);"
        "from hashmatch.custody.opening import open_trail;"
        "record = open_trail(places.settings).record;"
        "supervisor = Supervisor(Register(Path(sys.argv[1])), places, lambda: datetime.now(UTC), record);"
        "asyncio.run(supervisor.run())"
    )
    runs = lab.root / "service" / "runs"
    return subprocess.Popen([sys.executable, "-c", code, runs, msgspec.json.encode(lab.places)])
