"""The installed command, run as a person would run it, and what its report says."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hashmatch.hashing import native

HASHMATCH = Path(sys.executable).with_name("hashmatch")
WRITABLE = ("--allow-writable", "made for a test")

Done = subprocess.CompletedProcess[bytes]
Process = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class Report:
    """The files of one output directory."""

    directory: Path

    @property
    def document(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.directory / "report.json").read_bytes())
        return loaded

    @property
    def counts(self) -> dict[str, Any]:
        counts: dict[str, Any] = self.document["counts"]
        return counts

    @property
    def digest(self) -> str:
        return str(self.document["result_digest"])

    @property
    def outcomes(self) -> tuple[int, int, int, int]:
        """Counts of match, no_match, not_examined, excluded; first that they add up to what was seen."""
        counts = self.counts
        four = (counts["match"], counts["no_match"], counts["not_examined"], counts["excluded"])
        assert sum(four) == counts["seen"]
        return four

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return the lines of `flags`, `not_examined` or `excluded`."""
        return [json.loads(line) for line in (self.directory / f"{name}.jsonl").read_bytes().splitlines()]

    def paths(self, name: str) -> list[bytes]:
        return [path_of(row) for row in self.rows(name)]

    def failures(self) -> dict[bytes, dict[str, Any]]:
        return {path_of(row): row for row in self.rows("not_examined")}


def path_of(row: dict[str, Any]) -> bytes:
    """Return the bytes of a name from a line of a report."""
    return base64.b64decode(row["path_b64"]) if "path_b64" in row else str(row["path"]).encode()


@dataclass(frozen=True, slots=True)
class Desk:
    """A directory with a store, a sealing key and reports in it, all told to the command by the environment."""

    directory: Path

    @property
    def store(self) -> Path:
        return self.directory / "store"

    @property
    def environment(self) -> dict[str, str]:
        key = self.directory / "keys" / "sealing.key"
        places = {"HASHMATCH_STORE": str(self.store), "HASHMATCH_SEALING_KEY": str(key)}
        return {**os.environ, "TERM": "xterm-256color", "COLUMNS": "160", **places}

    def run(self, *words: str | bytes | Path, before: Iterable[str] = (), given: bytes = b"") -> Done:
        """Run one command; `before` stands in front of it (strace and the like), `given` is its standard input."""
        return subprocess.run(
            [*before, HASHMATCH, *words], env=self.environment, input=given, capture_output=True, check=False
        )

    def start(self, *words: str | bytes | Path, terminal: int = subprocess.PIPE) -> Process:
        """Start one command in a process group of its own, with its output to be read or on a terminal."""
        return subprocess.Popen(
            [HASHMATCH, *words], env=self.environment, stdout=terminal, stderr=terminal, start_new_session=True
        )

    def take_in(
        self, file: Path, *words: str, list_id: str = "made-up", release: str = "1", kind: str = "notable"
    ) -> None:
        """Import a list and make it active."""
        declared = ("--id", list_id, "--release", release, "--type", kind, "--authority", "nobody: made up")
        done = self.run("lists", "import", file, *declared, "--unsigned", *(words or ("--algorithm", "sha256")))
        assert done.returncode == 0, done.stderr.decode()

    def list_digests(self, digests: Iterable[str], list_id: str = "made-up", kind: str = "notable") -> None:
        """Import a plain list of SHA-256."""
        file = self.directory / f"{list_id}.txt"
        file.write_text("".join(f"{digest}\n" for digest in digests))
        self.take_in(file, list_id=list_id, kind=kind)

    def scan(self, source: str | bytes | Path, *words: str | Path, code: int = 0, before: Iterable[str] = ()) -> Report:
        """Scan into a new directory and check how it ended."""
        output = self.output()
        done = self.run("scan", source, "--output", output, *words, before=before)
        assert done.returncode == code, f"exit {done.returncode}: {done.stderr.decode(errors='replace')}"
        return Report(output)

    def output(self) -> Path:
        """Return a place for a report that is not there yet."""
        return next(path for n in range(10_000) if not (path := self.directory / f"report-{n}").exists())


def find(root: Path, *test: str) -> list[bytes]:
    """Return what find(1) says is beneath a directory, as relative paths in the order of their bytes."""
    command = ["find", ".", "-xdev", "-mindepth", "1", *test, "-printf", "%P\\0"]
    done = subprocess.run(command, cwd=root, capture_output=True, check=True)
    return sorted(done.stdout.split(b"\0")[:-1])


def sha256sum(root: Path, paths: Iterable[bytes]) -> dict[bytes, str]:
    """Return what sha256sum(1) says of files beneath a directory."""
    names = b"".join(b"./%b\0" % path for path in paths)
    command = ["xargs", "-0", "-r", "sha256sum", "--zero", "--"]
    done = subprocess.run(command, cwd=root, input=names, capture_output=True, check=True)
    return {line[68:]: line[:64].decode() for line in done.stdout.split(b"\0")[:-1]}


def sha256(file: Path) -> str:
    """Return what sha256sum(1) says of one file."""
    return (
        subprocess.run(["sha256sum", file], capture_output=True, check=True, text=True).stdout.split()[0].lstrip("\\")
    )


def engines() -> list[str]:
    """Return the engines of this installation."""
    return ["portable", *(["native"] if native.is_available() else [])]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return an empty desk."""
    (tmp_path / "desk").mkdir()
    return Desk(tmp_path / "desk")


@pytest.fixture(scope="session")
def listed_once(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Return a desk with a list on which no file of any evidence stands."""
    desk = Desk(tmp_path_factory.mktemp("listed-once"))
    desk.list_digests(["0123456789abcdef" * 4])
    return desk


@pytest.fixture
def listed(desk: Desk, listed_once: Desk) -> Desk:
    """Return a desk of the test's own with a list on which nothing of the evidence stands."""
    shutil.copytree(listed_once.directory, desk.directory, dirs_exist_ok=True)
    return desk


@pytest.fixture
def evidence(tmp_path: Path) -> Iterator[Path]:
    """Return a directory for made-up evidence, which may be deeper than Python can remove."""
    root = tmp_path / "evidence"
    root.mkdir()
    yield root
    subprocess.run(["rm", "-rf", "--", root], check=True)


def make_files(root: Path, count: int, each_directory: int = 500, content: str = "content of file {}") -> None:
    """Make small files of different content, in directories of so many."""
    for start in range(0, count, each_directory):
        directory = root / f"d{start // each_directory:05}"
        directory.mkdir()
        for number in range(start, min(start + each_directory, count)):
            (directory / f"f{number:07}").write_text(content.format(number))


def missing(*programs: str) -> str:
    """Return which programs are not installed, or an empty text."""
    return ", ".join(name for name in programs if shutil.which(name) is None)
