"""A disk that refuses: a failed flush or rename, no space, no permission, no descriptors.

Nothing but a failure may come of it, with its own exit code; the store stays as it was and can be used again.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from hashmatch.config import Settings
from hashmatch.custody.events import Action, EventOutcome
from hashmatch.custody.opening import recording
from hashmatch.errors import StoreUnwritable
from hashmatch.lists import verify
from tests.custody.trails import records
from tests.evidence.mounting import NOBODY, as_nobody, needs_mounts, needs_root
from tests.madeup import MD5, command, digests, figures, missed, snapshot, take_in, tree

from .harness import NEW, OLD, Trial, counted, injected, mounted, needs_strace, run

UNRECORDED, UNWRITABLE = 14, 17


def check_failure(trial: Trial, settings: Settings, before: dict[str, bytes | None], complaint: str) -> None:
    """Check that a failed import has left the store as it was, and that importing again works."""
    assert tree(settings.store) == before, complaint
    assert trial.state(settings) == "old"
    take_in(settings, trial.new_list, release="2")
    assert trial.state(settings) == "new"


def check_begun(settings: Settings) -> None:
    """Check that the trail says of an import that it began, and goes on."""
    assert [str(record.outcome) for record in records(settings.store / "audit") if record.subject == "made-up 2"]
    with recording(settings) as recorder:
        recorder.record(Action.IMPORT, EventOutcome.DONE, subject="made-up 2")


def fail_at(trial: Trial, call: str, when: int | str) -> str:
    """Let one flush or rename fail and judge what came of it; return a word for that."""
    settings = trial.fresh()
    before = tree(settings.store)
    done = injected(trial.words(settings), call, "error=EIO", when)
    if done.returncode == 0:
        # The call was one that LevelDB makes for a view that is thrown away, or the import had no such call.
        assert trial.state(settings) == "new", f"{call} {when}: false success"
        return "unharmed"
    assert done.returncode == UNWRITABLE or "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (UNRECORDED, UNWRITABLE, 12), (call, when, done.returncode, done.stderr)
    if done.returncode == UNRECORDED and trial.state(settings) == "new":
        # That it began was recorded, that it was done could not be; nobody was told that it was.
        check_begun(settings)
        return "exit 14 at the end"
    check_failure(trial, settings, before, f"{call} {when}: {done.stderr}")
    return f"exit {done.returncode}"


@needs_strace
@pytest.mark.parametrize(
    ("call", "when"), [("fsync", 1), ("fsync", 4), ("fsync", "1+"), ("fdatasync", 1), ("rename", "1+")]
)
def test_one_failed_flush_or_rename_fails_the_import(tmp_path: Path, call: str, when: int | str) -> None:
    """Never a false success: what could not be flushed is not called imported."""
    assert fail_at(Trial(tmp_path / "trial"), call, when).startswith("exit")


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("call", ["fsync", "fdatasync", "rename"])
def test_every_failed_flush_or_rename(tmp_path: Path, call: str) -> None:
    """The N-th fails, for N from 1 to 50: no false success, and the store is as it was after each failure."""
    trial = Trial(tmp_path / "trial")
    outcomes = Counter(fail_at(trial, call, number) for number in range(1, 51))
    figures(f"EIO in {call} 1 to 50: {counted(outcomes)}, 0 false successes")
    assert any(name.startswith("exit") for name in outcomes)


@needs_strace
def test_a_catalogue_that_cannot_be_flushed_is_put_back(tmp_path: Path) -> None:
    """The last flush of an import comes after the rename; readers must not see what was called failed."""
    trial = Trial(tmp_path / "trial")
    settings = trial.fresh()
    trace = tmp_path / "trace"
    words = ["strace", "-f", "-qq", "-e", "trace=fsync", "-o", str(trace)]
    subprocess.run([*words, *trial.words(settings)], check=True, capture_output=True)
    last = trace.read_text().count("fsync(")
    assert fail_at(trial, "fsync", last) == f"exit {UNWRITABLE}"
    assert fail_at(trial, "rename", 1_000) == "unharmed"


@needs_mounts
@pytest.mark.parametrize("steps", [10, pytest.param(30, marks=pytest.mark.slow)])
def test_a_full_disk_fails_the_import_and_nothing_else(tmp_path: Path, steps: int) -> None:
    """At every size the old list keeps answering; with more space the same import succeeds."""
    trial = Trial(tmp_path / "trial", digests(4_000, "new"))
    outcomes: Counter[str] = Counter()
    smallest, largest = 180, 760  # KiB: the old list and a view of it just fit; all of the import fits
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", f"size={largest}k", "hashmatch-test") as disk:
        for step in range(steps):
            size = smallest + (largest - smallest) * step // (steps - 1)
            subprocess.run(["mount", "-o", f"remount,size={largest}k", str(disk)], check=True)
            settings = trial.fresh(disk / "store")
            subprocess.run(["mount", "-o", f"remount,size={size}k", str(disk)], check=True)
            before = tree(settings.store)
            with snapshot(settings) as known:
                done = run(trial.words(settings))
                assert all(known.find(MD5, digest) for digest in OLD)
            outcomes[f"exit {done.returncode}"] += 1
            if done.returncode == 0:
                assert trial.state(settings) == "new"
                continue
            assert done.returncode in (UNRECORDED, UNWRITABLE), (size, done.stderr)
            assert "no space left" in done.stderr.lower(), done.stderr
            if done.returncode == UNRECORDED and trial.state(settings) == "new":
                continue
            assert tree(settings.store) == before
            assert missed(settings, OLD) == 0
            subprocess.run(["mount", "-o", f"remount,size={4 * largest}k", str(disk)], check=True)
            check_failure(trial, settings, before, done.stderr)
    figures(f"full disk: {steps} sizes from {smallest} to {largest} KiB, {counted(outcomes)}; old list always answered")
    assert {"exit 0", f"exit {UNWRITABLE}"} <= outcomes.keys() <= {"exit 0", "exit 14", f"exit {UNWRITABLE}"}


@needs_root
def test_a_store_of_somebody_else_is_an_error(tmp_path: Path) -> None:
    """Without permission to write, an import says so and changes nothing."""
    trial = Trial(tmp_path / "trial")
    with opened_up(tmp_path):
        settings = trial.fresh(tmp_path / "shared")
        before = tree(settings.store)
        key = shutil.copy(settings.sealing_key, tmp_path / "own.key")
        os.chown(key, NOBODY, NOBODY)
        settings.store.chmod(0o755)
        settings = Settings(settings.store, Path(key))
        with as_nobody(), pytest.raises(StoreUnwritable, match="Permission denied"):
            take_in(settings, trial.new_list, release="2")
        assert tree(settings.store) == before


class opened_up:  # noqa: N801
    """Let others pass through pytest's private directories for a while."""

    def __init__(self, path: Path) -> None:
        self._closed = [p for p in path.parents if p.stat().st_uid == os.geteuid() and not p.stat().st_mode & 0o001]

    def __enter__(self) -> None:
        for path in self._closed:
            path.chmod(0o711)

    def __exit__(self, *_: object) -> None:
        for path in self._closed:
            path.chmod(0o700)


def few_descriptors(count: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


@pytest.mark.parametrize("count", [8, 12, 16, 24])
def test_few_descriptors_never_give_a_wrong_answer(tmp_path: Path, count: int) -> None:
    """With too few an import or look-up fails and says so; what is answered is right, and the store stays whole."""
    trial = Trial(tmp_path / "trial")
    settings = trial.fresh()
    asked = "".join(f"{digest.hex()}\n" for digest in [*OLD[:50], *NEW[:50]])
    ask = command(settings, "lookup", "--algorithm", "md5")
    answered = run(ask, stdin=asked, before=partial(few_descriptors, count))
    assert answered.returncode in (0, 1, 12, 16, UNRECORDED, UNWRITABLE)
    if answered.returncode == 0:
        outcomes = [line.split("\t")[0] for line in answered.stdout.splitlines()]
        assert outcomes == ["match"] * 50 + ["no_match"] * 50
    else:
        assert answered.stdout == ""
        assert answered.stderr
    done = run(trial.words(settings), before=partial(few_descriptors, count))
    assert trial.state(settings) == ("old" if done.returncode else "new")
    trial.goes_on(settings) if done.returncode else verify(settings, None, processes=0)
