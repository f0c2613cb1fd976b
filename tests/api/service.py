"""A real service for tests: `hashmatch serve` in processes of its own, on a store that the test made."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hashmatch.access.roles import Role
from hashmatch.access.tokens import TokenStore
from hashmatch.config import Settings
from tests.madeup import command


@dataclass(frozen=True, slots=True)
class Running:
    """A service that accepts connections.

    Attributes:
        base: of its URLs.
        process: its parent process.
        log: the file with its standard error.
    """

    base: str
    settings: Settings
    process: subprocess.Popen[str]
    log: Path

    @property
    def port(self) -> int:
        return int(self.base.rpartition(":")[2])

    @property
    def tokens(self) -> TokenStore:
        return token_store(self.settings)

    def workers(self) -> list[int]:
        """Return the process ids of its workers."""
        return [pid for pid in children(self.process.pid) if b"hashmatch.api.worker" in command_line(pid)]


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def token_store(settings: Settings) -> TokenStore:
    return TokenStore(settings.store / "service" / "tokens.json")


def bearer(settings: Settings, role: Role = Role.EXAMINER, **about: object) -> dict[str, str]:
    """Return the header of a new token."""
    _, secret = token_store(settings).create(f"a {role}", role, now=datetime.now(UTC), **about)  # type: ignore[arg-type]
    return {"Authorization": f"Bearer {secret}"}


@contextmanager
def serving(settings: Settings, *options: str | Path, killed: bool = False) -> Iterator[Running]:
    """Run a service until the end of the block, then see that it ends as it should, or kill it."""
    log = settings.store.parent / "service.log"
    words = command(settings, "serve", "--port", "0", *options)
    with log.open("ab") as errors, subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
        try:
            yield Running(_address(process, log), settings, process, log)
            if killed:
                process.kill()
                process.wait()
                return
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            if process.poll() is None:
                _end(process)


def _address(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("listening at "):
            return line.removeprefix("listening at ").strip()
    raise AssertionError(f"the service did not start: {log.read_text()}")


def _end(process: subprocess.Popen[str]) -> None:
    below = children(process.pid)
    for pid in (process.pid, *below):
        os.kill(pid, signal.SIGKILL)
    process.wait()
