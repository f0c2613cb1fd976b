"""Breaking an import of a new release in many ways, and judging what is left of the store."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hashmatch.config import Settings
from hashmatch.custody.opening import recording
from hashmatch.errors import DuplicateRelease
from hashmatch.lists import activate, show, verify
from tests.madeup import command, digests, import_words, missed, take_in, write_list

OLD, NEW = digests(1_000, "old"), digests(1_200, "new")

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace, to make system calls fail")


class Trial:
    """A store with release 1 active, and release 2 of the same list ready to be imported.

    Each `fresh` store is a copy of the same first one, so that trials do not depend on each other.
    """

    def __init__(self, directory: Path, new: list[bytes] | None = None) -> None:
        self._directory = directory
        directory.mkdir(exist_ok=True)
        self._new = NEW if new is None else new
        self._settings = Settings(directory / "store", directory / "keys" / "sealing.key")
        self.new_list = write_list(directory / "new", self._new)
        if not self._settings.store.exists():
            take_in(self._settings, write_list(directory / "old", OLD))
            with recording(self._settings):
                pass  # begins the trail, whose key all trials share

    def fresh(self, where: Path | None = None) -> Settings:
        store = self._directory / "trial" if where is None else where
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(self._settings.store, store)
        return Settings(store, self._settings.sealing_key)

    def words(self, settings: Settings, *more: str) -> list[str]:
        """Return the command that imports release 2."""
        return command(settings, *import_words(self.new_list, "made-up", "2", "--workers", "0", *more))

    def state(self, settings: Settings) -> str:
        """Return which release answers, after making sure that it answers whole and alone and verifies."""
        missing = {"old": missed(settings, OLD), "new": missed(settings, self._new)}
        active = [name for name, count in missing.items() if not count]
        assert active in (["old"], ["new"]), missing
        assert missing in ({"old": 0, "new": len(self._new)}, {"old": len(OLD), "new": 0}), missing
        verify(settings, None, processes=0)
        verify(settings, "made-up", processes=0)
        return active[0]

    def goes_on(self, settings: Settings) -> bool:
        """Check that release 2 can be brought in now, and that nothing half made is left; return whether it was there.

        A process killed between committing a generation and activating it leaves a whole release that is not
        active: importing it again says so, and activating it is what remains to be done.
        """
        releases = {item.stored.manifest.release for item in show(settings)}
        if "2" in releases:
            with pytest.raises(DuplicateRelease, match="lists activate"):
                take_in(settings, self.new_list, release="2")
            activate(settings, "made-up", "2")
        else:
            take_in(settings, self.new_list, release="2")
        assert self.state(settings) == "new"
        assert list((settings.store / "staging").glob("*")) == []
        assert [path.name for path in (settings.store / "views").iterdir()] == ["lock"]
        places = {"active.json", "audit", "lists", "lock", "staging", "views"}
        assert {path.name for path in settings.store.iterdir()} <= places
        return "2" in releases


def run(
    words: list[str], stdin: str = "", before: Callable[[], object] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; `before` is called in its process first."""
    return subprocess.run(
        words, input=stdin, capture_output=True, text=True, check=False, timeout=120, preexec_fn=before
    )


def injected(words: list[str], call: str, fault: str, when: int | str) -> subprocess.CompletedProcess[str]:
    """Run a command of which the N-th system call of a kind fails or kills, counted in each thread."""
    # strace 6.1 injects errors but no signals where it lets a seccomp filter pass over all other calls.
    fast = ["--seccomp-bpf"] if fault.startswith("error") else []
    tracer = ["strace", "-f", *fast, "-qq", "-e", f"trace={call}", "-e", "signal=none", "-o", os.devnull]
    return run([*tracer, "-e", f"inject={call}:{fault}:when={when}", *words])


def killed(done: subprocess.CompletedProcess[str]) -> bool:
    """Tell whether a process was killed; strace ends by the signal that ended what it traced."""
    return done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)


@contextmanager
def mounted(where: Path, *words: str) -> Iterator[Path]:
    """Mount something on a directory that is made for it, and unmount it afterwards."""
    where.mkdir(exist_ok=True)
    subprocess.run(["mount", *words, str(where)], check=True, capture_output=True)
    try:
        yield where
    finally:
        subprocess.run(["umount", str(where)], check=True, capture_output=True)


def counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
