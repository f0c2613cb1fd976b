"""A process killed while it imports leaves the old state or the new one, and what it left behind is swept."""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from hashmatch.config import Settings
from tests.integration.processes import wait_for
from tests.madeup import command, digests, figures, import_words, missed, take_in, write_list

from .harness import Trial, counted, injected, killed, needs_strace

# What makes, moves, removes or flushes a file: between two of these nothing changes that others could see.
CALLS = ["fsync", "fdatasync", "rename", "link", "unlink", "unlinkat", "mkdir"]
FEW = [("fsync", 1), ("fsync", 5), ("rename", 2), ("rename", -2), ("rename", -1), ("fsync", -1), ("unlinkat", 1)]


@needs_strace
@pytest.mark.parametrize(("call", "number"), FEW)
def test_killed_at_one_system_call(tmp_path: Path, call: str, number: int) -> None:
    """At chosen flushes and renames; negative numbers count from the last of the import."""
    trial = Trial(tmp_path / "trial")
    if number < 0:
        number += 1 + calls_of(trial, tmp_path / "trace")[call]
    settings = trial.fresh()
    assert killed(injected(trial.words(settings), call, "signal=KILL", number))
    trial.state(settings)
    trial.goes_on(settings)


def calls_of(trial: Trial, trace: Path) -> Counter[str]:
    """Count an undisturbed import's system calls of each kind, in its main thread."""
    words = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", f"trace={','.join(CALLS)}", "-o", str(trace)]
    subprocess.run([*words, *trial.words(trial.fresh())], check=True, capture_output=True)
    lines = [line.split(None, 1) for line in trace.read_text().splitlines()]
    main = lines[0][0]
    return Counter(call.split("(")[0] for process, call in lines if process == main and "(" in call)


@needs_strace
@pytest.mark.slow
def test_killed_at_every_system_call_that_changes_the_disk(tmp_path: Path) -> None:
    """Every one of them until the import survives: old or new each time, whole, and the next import works."""
    trial = Trial(tmp_path / "trial")
    states: Counter[str] = Counter()
    points = 0
    longest = 0.0
    for call in CALLS:
        number = 1
        while True:
            settings = trial.fresh()
            done = injected(trial.words(settings), call, "signal=KILL", number)
            if not killed(done):
                assert done.returncode == 0, done.stderr
                break
            began = time.process_time()  # a busy machine must not pass for a slow recovery
            state = trial.state(settings)
            longest = max(longest, time.process_time() - began)
            committed = trial.goes_on(settings) and state == "old"
            states["old, the new one whole beside it" if committed else state] += 1
            points += 1
            number += 1
    figures(f"kill sweep: {points} points, {counted(states)}, 0 mixed; judged within {longest:.2f} s")
    assert points >= 150
    assert states["old"] > 0 < states["new"]
    assert longest < 5


@pytest.mark.parametrize("kills", [4, pytest.param(160, marks=pytest.mark.slow)])
def test_killed_at_random_moments(tmp_path: Path, kills: int) -> None:
    """Wherever the signal hits, the old release or the new one answers, whole and alone."""
    trial = Trial(tmp_path / "trial")
    began = time.monotonic()
    subprocess.run(trial.words(trial.fresh()), check=True, capture_output=True)
    whole = time.monotonic() - began
    chance = random.Random(kills)
    states: Counter[str] = Counter()
    for _ in range(kills):
        settings = trial.fresh()
        states["finished"] += not kill_after(trial.words(settings), chance.uniform(0.3, 1.05) * whole)
        states[trial.state(settings)] += 1
        trial.goes_on(settings)
    figures(f"random kills: {kills}, {counted(states)}, 0 mixed")


@pytest.mark.slow
def test_killed_with_worker_processes(tmp_path: Path) -> None:
    """Workers do not outlive a killed import, and what they wrote is swept by the next one."""
    listed = digests(300_000, "large")
    settings = Settings(tmp_path / "store", tmp_path / "sealing.key")
    take_in(settings, write_list(tmp_path / "old", digests(100, "old")))
    large = write_list(tmp_path / "large", listed)
    began = time.monotonic()
    words = command(settings, *import_words(large, "made-up", "whole", "--workers", "2"))
    subprocess.run(words, check=True, capture_output=True)
    whole = time.monotonic() - began
    chance = random.Random(40)
    states: Counter[str] = Counter()
    for number in range(40):
        words = command(settings, *import_words(large, f"list{number}", "1", "--workers", "2"))
        states["finished"] += not kill_after(words, chance.uniform(0.2, 1.0) * whole)
        states["old list kept"] += missed(settings, listed[::1000]) == 0
        # A worker needs a moment to be told that its parent is dead.
        wait_for(lambda: not processes_with(str(settings.store)))
    take_in(settings, tmp_path / "old", release="last")
    assert list((settings.store / "staging").glob("*")) == []
    assert [path.name for path in (settings.store / "views").iterdir()] == ["lock"]
    figures(f"kills with workers: 40, {counted(states)}, 0 processes left")
    assert states["old list kept"] == 40


def kill_after(words: list[str], seconds: float) -> bool:
    """Start a command and kill it after a while; tell whether it was still running."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    return process.wait() != 0


def processes_with(argument: str) -> list[str]:
    """Return the command lines of processes that name something."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if argument in words:
            found.append(words)
    return found
