"""The file of budgets: shared by processes and threads, kept over a kill, bounded, and doubted where damaged."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.access.budget_file import _RECORD_BYTES
from hashmatch.access.budgets import BUDGETS, Budget, Budgets
from hashmatch.errors import AccessDamaged, BudgetSpent, StoreUnwritable
from tests.access.spending import NOW, TOKEN, room


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "service" / BUDGETS


SPENDING = """
import os, sys
from pathlib import Path
from hashmatch.access.budgets import Budget, Budgets
from hashmatch.errors import BudgetSpent
path, now, limit, tokens = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4].split(",")
budgets, budget = Budgets(path), Budget(misses=limit)
print("ready", flush=True)
sys.stdin.readline()
for n in range(int(sys.argv[5])):
    try:
        budgets.spend(tokens[n % len(tokens)], budget, misses=1, now=now + n / 50)
    except BudgetSpent:
        continue
    os.write(1, b"%d\\n" % (n % len(tokens)))
"""


def spending(path: Path, limit: int, tokens: Sequence[str], count: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", SPENDING, os.fspath(path), str(NOW), str(limit), ",".join(tokens), str(count)]
    started = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert started.stdout is not None
    assert started.stdout.readline() == b"ready\n"
    return started


def test_processes_share_a_budget_exactly(path: Path) -> None:
    """Four of them, side by side: together as many as the budget says, to the last one."""
    tokens = [f"{n:012x}" for n in range(3)]
    running = [spending(path, 2000, tokens, 9000) for _ in range(4)]
    granted = [line for each in running for line in each.communicate(b"\n", timeout=120)[0].split()]
    assert [each.returncode for each in running] == [0] * 4
    assert [granted.count(b"%d" % n) for n in range(3)] == [2000] * 3
    assert [room(Budgets(path), Budget(misses=2001), NOW + 200, token) for token in tokens] == [1] * 3


def test_threads_share_a_budget_exactly(path: Path) -> None:
    """With one object, and with an object each."""
    shared = Budgets(path)
    granted: list[int] = []

    def spend(budgets: Budgets) -> None:
        granted.append(room(budgets, Budget(misses=5000), NOW))

    threads = [threading.Thread(target=spend, args=(shared if n < 4 else Budgets(path),)) for n in range(6)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    finally:
        sys.setswitchinterval(interval)
    assert sum(granted) == 5000


def test_processes_that_are_killed_leave_no_lock_and_lose_no_count(path: Path) -> None:
    """At most the one step that each was in is unclear: spent, and not told."""
    told = killed = 0
    chance = random.Random(7)
    for _ in range(20):
        each = spending(path, 10**6, [TOKEN], 10**6)
        assert each.stdin is not None
        each.stdin.write(b"\n")
        each.stdin.flush()
        time.sleep(chance.uniform(0.0, 0.05))
        each.send_signal(signal.SIGKILL)
        told += len(each.communicate(timeout=60)[0].split())
        killed += 1
    assert told > 100
    budget = Budget(misses=told + killed + 1)
    # The last of them had come furthest in its made-up time; all of it is within one hour.
    left = room(Budgets(path), budget, NOW + 2000)
    assert 1 <= left <= killed + 1


def test_the_file_does_not_grow_with_tokens_that_are_gone(path: Path) -> None:
    """A record that nobody used for an hour goes to another token; the budgets of both are whole."""
    one, other = Budgets(path), Budgets(path)
    budget = Budget(misses=5)
    for hour in range(30):
        now = NOW + hour * 4000
        assert room(one, budget, now, f"{hour:012x}") == 5
        assert room(other, budget, now, f"{hour:012x}") == 0
    assert path.stat().st_size <= 64 + _RECORD_BYTES
    # Both know a place for the first token that is another's by now.
    assert room(one, budget, NOW + 29 * 4000, f"{0:012x}") == 5
    assert room(other, budget, NOW + 29 * 4000, f"{0:012x}") == 0
    assert room(other, budget, NOW + 29 * 4000, f"{29:012x}") == 0
    assert path.stat().st_size <= 64 + 2 * _RECORD_BYTES


def test_a_file_that_is_none_or_open_to_others_is_refused(path: Path) -> None:
    """Nobody's budget is then taken for whole."""
    Budgets(path).spend(TOKEN, Budget(misses=5), misses=5, now=NOW)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o660)
    with pytest.raises(AccessDamaged, match="got 0660"):
        Budgets(path).spend(TOKEN, Budget(misses=5), misses=5, now=NOW)
    path.chmod(0o600)
    content = path.read_bytes()
    for wrong in (b"", b"x" * 64, b"\0" * len(content), content[:63]):
        path.write_bytes(wrong)
        with pytest.raises(AccessDamaged, match="not a file of budgets"):
            Budgets(path).spend(TOKEN, Budget(misses=5), misses=5, now=NOW)


def test_a_file_cut_short_while_it_is_used_is_an_error(path: Path) -> None:
    """And not the end of the process, as it would be for a mapped file."""
    budgets = Budgets(path)
    budgets.spend(TOKEN, Budget(misses=5), misses=5, now=NOW)
    for size in (64 + 100, 64 + 10):
        os.truncate(path, size)
        with pytest.raises(AccessDamaged, match="not what was written"):
            budgets.spend(TOKEN, Budget(misses=5), misses=5, now=NOW + 100)


@given(st.binary(min_size=_RECORD_BYTES, max_size=_RECORD_BYTES), st.integers(0, _RECORD_BYTES), st.integers(0, 4000))
def test_damage_ends_with_the_hour(
    tmp_path_factory: pytest.TempPathFactory, octets: bytes, begin: int, wait: int
) -> None:
    """Whatever stands in a record: an answer or an error of the tree, and a whole budget an hour later."""
    path = tmp_path_factory.mktemp("budgets") / BUDGETS
    budgets, budget = Budgets(path), Budget(misses=5)
    budgets.spend(TOKEN, budget, misses=5, now=NOW)
    with path.open("r+b") as file:
        file.seek(64 + begin)
        file.write(octets[begin:])
    for later in (0, wait):
        with suppress(BudgetSpent, AccessDamaged):
            budgets.spend(TOKEN, budget, misses=1, now=NOW + later)
    assert room(budgets, budget, NOW + wait + 4000) == 5


def test_a_full_disk_is_an_error(path: Path) -> None:
    """What cannot be booked is not done; when there is room again, it is."""
    budgets, budget = Budgets(path), Budget(misses=5)
    budgets.spend(TOKEN, budget, misses=1, now=NOW)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(StoreUnwritable):
            budgets.spend("f" * 12, budget, misses=1, now=NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert room(budgets, budget, NOW, "f" * 12) == 5
    assert room(budgets, budget, NOW) == 4
