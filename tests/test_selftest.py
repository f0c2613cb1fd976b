"""The self-test: a record of what was tried with which versions, and a plain word on how it ended."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hashmatch
from tests.madeup import HASHMATCH


def selftest(tmp_path: Path, *words: str, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HASHMATCH, "selftest", *words],
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=before,
    )


def test_a_sound_installation_passes(tmp_path: Path) -> None:
    """Every check passes, the record names engine and versions, and nothing is left behind."""
    done = selftest(tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    record: dict[str, Any] = json.loads(done.stdout)
    assert record["passed"] is True
    assert len(record["checks"]) >= 6
    assert {(check["passed"], check["found"]) for check in record["checks"]} == {(True, "")}
    assert record["started"] < record["ended"]
    versions = record["versions"]
    assert versions["hashmatch"] == hashmatch.__version__
    assert versions["python"] == platform.python_version()
    assert versions["plyvel"] == importlib.metadata.version("plyvel")
    assert versions["engine"]
    assert list(tmp_path.iterdir()) == []
    assert selftest(tmp_path).stdout.endswith("\nPASSED\n")


def small_files_only() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def test_what_does_not_work_fails(tmp_path: Path) -> None:
    """On a disk that takes no large file the check that needs one fails, by name and with its reason; exit code 1."""
    done = selftest(tmp_path, "--json", before=small_files_only)
    assert done.returncode == 1
    record = json.loads(done.stdout)
    assert record["passed"] is False
    failed = {check["name"]: check["found"] for check in record["checks"] if not check["passed"]}
    assert "File too large" in failed["hashing: published digests"]
    shown = selftest(tmp_path, before=small_files_only)
    assert shown.returncode == 1
    assert "FAIL  hashing: published digests" in shown.stdout
    assert shown.stdout.endswith("FAILED: do not use this installation for evidence\n")
