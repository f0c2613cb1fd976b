"""Evidence is never opened for writing, and reading it leaves no trace."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.evidence.mounting import needs
from tests.integration.command import WRITABLE, Desk, find, make_files

_WRITES = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_TMPFILE")
_CHANGES = (
    *("creat", "mkdir", "mkdirat", "mknod", "mknodat", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat"),
    *("rmdir", "rename", "renameat", "renameat2", "truncate", "ftruncate", "fallocate", "chmod", "fchmod", "fchmodat"),
    *("chown", "fchown", "fchownat", "lchown", "utime", "utimes", "utimensat", "futimesat", "setxattr", "lsetxattr"),
    *("fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "write", "writev", "pwrite64", "pwritev"),
)
_OPENS = ("open", "openat", "openat2")


@needs("strace")
def test_no_system_call_could_write(listed: Desk, evidence: Path) -> None:
    """Of all that the processes of a scan ask of the kernel, nothing beneath the source could change it."""
    make_files(evidence, 300)
    (evidence / "empty").touch()
    (evidence / "out of here").symlink_to("/etc/hostname")
    trace = listed.directory / "trace"
    calls = ",".join(_OPENS + _CHANGES)
    # Without what is written (-s 0), a path in a line is one that the call is about.
    strace = ("strace", "-f", "-qq", "-y", "-s", "0", "-e", f"trace=?{calls.replace(',', ',?')}", "-o", str(trace))
    report = listed.scan(evidence, *WRITABLE, before=strace)
    assert report.counts["seen"] == len(find(evidence))
    lines = trace.read_text(errors="replace").splitlines()
    # With -y a descriptor is followed by its path, on the left for the directory, on the right for what was opened.
    beneath = [line for line in lines if f"<{evidence}" in line or f'"{evidence}' in line]
    opened = [line for line in beneath if re.search(rf"= \d+<{re.escape(str(evidence))}", line)]
    assert len(opened) >= 300
    assert not [line for line in beneath if any(flag in line for flag in _WRITES)]
    assert not [line for line in beneath if re.search(rf"\b(?:{'|'.join(_CHANGES)})\(", line)]
    assert not [line for line in lines if "/etc/hostname" in line]


def times(root: Path, paths: Iterable[bytes]) -> dict[bytes, tuple[int, int, int]]:
    """Return access, modification and change time of everything that was asked for."""
    found = {}
    for path in paths:
        status = os.lstat(os.path.join(os.fsencode(root), path))
        found[path] = (status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns)
    return found


def let_reading_show(root: Path, paths: Iterable[bytes]) -> None:
    """Set access times so far back that even `relatime` renews them at the next read."""
    for path in paths:
        os.utime(os.path.join(os.fsencode(root), path), ns=(10**18, 2 * 10**18), follow_symlinks=False)


def test_times_stay(listed: Desk, evidence: Path) -> None:
    """A scan of a writable tree of 10,000 files leaves every access, modification and change time as it was."""
    control = listed.directory / "control"
    control.write_text("read by the test")
    make_files(evidence, 10_000)
    (evidence / "link").symlink_to("nowhere")
    paths = [b".", *find(evidence)]
    let_reading_show(evidence, paths)
    let_reading_show(listed.directory, [b"control"])
    before = times(evidence, paths)
    report = listed.scan(evidence, *WRITABLE)
    assert times(evidence, paths) == before
    assert report.counts["no_match"] == 10_000
    assert report.counts["atime_risked"] == 0
    assert control.read_text()
    if control.stat().st_atime_ns == 10**18:
        pytest.skip("this file system keeps no access times, so that they stay shows nothing")
