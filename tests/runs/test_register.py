"""The register keeps what was asked, and takes what is asked of a run for the supervisor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hashmatch.errors import RunDamaged, RunNotFound, RunNotPossible, SourceOutside, UsageError
from hashmatch.runs import files
from hashmatch.runs.record import ImportAsked, Kind, ScanAsked, State
from hashmatch.runs.register import Register
from hashmatch.runs.roots import source_beneath

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SCAN = ScanAsked("/evidence/one", case="24-001", digests=("md5", "sha1"), first=("*.jpg",), max_file_size=10)
IMPORT = ImportAsked("/uploads/x", "made-up", "notable", "1", "nobody: made up", activate=False)


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return Register(tmp_path / "runs")


def put(register: Register, run_id: str, state: State, *, resumable: bool = False) -> None:
    files.write(register.directory(run_id) / files.STATE, files.Status(state, resumable=resumable))


def test_what_was_asked_is_kept(register: Register, tmp_path: Path) -> None:
    """Another process that opens the register finds every run as it was asked for, the newest first."""
    scan = register.create(SCAN, owner="token-1", role="examiner", now=NOW)
    imported = register.create(IMPORT, owner="token-2", role="examiner", now=NOW + timedelta(seconds=1))
    assert Register(tmp_path / "runs").all() == [imported, scan]
    assert (scan.kind, scan.state, scan.request, scan.owner) == (Kind.SCAN, State.QUEUED, SCAN, "token-1")
    assert (scan.case, scan.created) == ("24-001", NOW)
    assert (imported.kind, imported.case, imported.request) == (Kind.IMPORT, None, IMPORT)
    assert not any(path.stat().st_mode & 0o077 for path in (tmp_path / "runs").rglob("*"))


def test_making_a_run_wakes_the_supervisor(tmp_path: Path) -> None:
    """The wake comes when the run can be read, not before."""
    found: list[State] = []
    waking = Register(tmp_path / "runs", lambda: found.extend(run.state for run in waking.all()))
    waking.create(SCAN, owner="token-1", role="examiner", now=NOW)
    assert found == [State.QUEUED]


@pytest.mark.parametrize("name", ["0" * 32, "", "..", "asked", "../runs", "A" * 32, "0" * 31 + "\n"])
def test_no_such_run(register: Register, name: str) -> None:
    """What names no run is not found, and leads nowhere else."""
    register.create(SCAN, owner="token-1", role="examiner", now=NOW)
    with pytest.raises(RunNotFound):
        register.get(name)


def test_cancelling(register: Register) -> None:
    """A run under way can be asked to end, once or several times; one that has ended cannot."""
    run = register.create(SCAN, owner="token-1", role="examiner", now=NOW)
    assert not run.cancelling
    assert register.cancel(run.id).cancelling
    assert register.cancel(run.id).cancelling
    assert register.asked() == [(run.id, "cancel")]
    register.answered(run.id, "cancel")
    assert not register.get(run.id).cancelling
    for state in (State.COMPLETE, State.INCOMPLETE, State.CANCELLED, State.FAILED, State.INTERRUPTED):
        put(register, run.id, state)
        with pytest.raises(RunNotPossible, match=state):
            register.cancel(run.id)
    assert register.asked() == []


def test_resuming(register: Register) -> None:
    """What can be taken up can be asked to be; a run under way, a whole one and an import cannot."""
    run = register.create(SCAN, owner="token-1", role="examiner", now=NOW)
    with pytest.raises(RunNotPossible):
        register.resume(run.id)
    put(register, run.id, State.FAILED, resumable=True)
    register.resume(run.id)
    assert register.asked() == [(run.id, "resume")]
    imported = register.create(IMPORT, owner="token-1", role="examiner", now=NOW)
    put(register, imported.id, State.FAILED)
    with pytest.raises(RunNotPossible):
        register.resume(imported.id)


def test_a_run_that_ended_is_seen_anew_when_it_changes(register: Register) -> None:
    """What is remembered of a run that ended holds until its state is replaced, be it by one of the same length."""
    run = register.create(SCAN, owner="token-1", role="examiner", now=NOW)
    for state in (State.COMPLETE, State.FAILED, State.COMPLETE, State.QUEUED, State.CANCELLED) * 3:
        put(register, run.id, state)
        assert register.get(run.id).state is state
        assert register.all()[0].state is state
        assert register.get(run.id) == register.all()[0]


@pytest.mark.parametrize("name", [files.REQUEST, files.STATE])
@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"state": "perhaps"}', b"\xff"])
def test_a_damaged_run_hides_no_other(register: Register, name: str, content: bytes | None) -> None:
    """Where a file of a run is lost or damaged, asking for that run says so, and the others are still listed."""
    whole, damaged = (register.create(SCAN, owner="token-1", role="examiner", now=NOW) for _ in range(2))
    path = register.directory(damaged.id) / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunDamaged):
        register.get(damaged.id)
    assert register.all() == [whole]


def test_sources_lie_beneath_an_evidence_root(tmp_path: Path) -> None:
    """A source is a root or lies beneath one, once links are resolved; nothing else is, and the refusal does not
    tell whether something is there."""
    root, other = tmp_path / "evidence", tmp_path / "evidence-other"
    for directory in (root / "case" / "image", other / "image"):
        directory.mkdir(parents=True)
    (root / "inside").symlink_to(root / "case")
    (root / "outside").symlink_to(other)
    (tmp_path / "way-in").symlink_to(root)
    roots = [tmp_path / "way-in"]
    for path in (root, root / "case", root / "inside" / "image", tmp_path / "way-in" / "case" / ".." / "case"):
        assert source_beneath(str(path), roots) == path.resolve()
    said = set()
    for path in (other, tmp_path, root / "outside" / "image", root / "case" / ".." / "..", tmp_path / "not-there"):
        with pytest.raises(SourceOutside) as caught:
            source_beneath(str(path), roots)
        said.add(str(caught.value))
    assert len(said) == 1
    with pytest.raises(SourceOutside):
        source_beneath(str(root), [])
    for wrong in ("evidence", "", "/evidence\0/x"):
        with pytest.raises(UsageError):
            source_beneath(wrong, roots)
