"""Recording: in order, chained, by threads and processes at once, and never beside a trail that was tampered with."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from hashmatch.custody.events import Action
from hashmatch.custody.record import TRAIL
from hashmatch.custody.trail import Trail
from hashmatch.errors import AuditDamaged, AuditUnwritable

from .trails import actions, asked, opened, records


def test_events_are_records_in_order(tmp_path: Path) -> None:
    """After the one that names the trail; a trail that is opened again is gone on with."""
    for start in (0, 3):
        with opened(tmp_path) as trail:
            trail.record(asked(start), asked(start + 1))
            trail.record(asked(start + 2))
            trail.record()
    found = records(tmp_path / "audit")
    assert found[0].action is Action.TRAIL_START
    assert (found[0].subject or "").startswith("hashmatch/")
    assert [record.counts["asked"] for record in found[1:]] == [0, 1, 2, 3, 4, 5]
    assert {(record.actor, record.role, record.case) for record in found[1:]} == {("token-1", "examiner", "17")}
    assert found[-1].pid == os.getpid()
    assert found == sorted(found, key=lambda record: record.mono)


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """A trail tells which cases there are."""
    with opened(tmp_path):
        pass
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "audit").iterdir()} == {0o600}


def record_many(trail: Trail, name: int, count: int) -> None:
    for number in range(count):
        trail.record(asked(number, str(name)))


def test_threads_record_at_once(tmp_path: Path) -> None:
    """Every event of every thread is there, those of each in their order."""
    with opened(tmp_path) as trail:
        threads = [threading.Thread(target=record_many, args=(trail, name, 50)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    check_all_there(tmp_path / "audit", 8, 50)


def test_processes_record_at_once(tmp_path: Path) -> None:
    """As threads do; each has opened the trail by itself."""
    children = []
    for name in range(4):
        child = os.fork()
        if not child:
            with opened(tmp_path) as trail:
                record_many(trail, name, 50)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    check_all_there(tmp_path / "audit", 4, 50)


def check_all_there(directory: Path, writers: int, count: int) -> None:
    found = records(directory)[1:]
    assert len(found) == writers * count
    for name in range(writers):
        assert [record.counts["asked"] for record in found if record.case == str(name)] == list(range(count))


def test_a_forked_process_opens_its_own(tmp_path: Path) -> None:
    """The parent's locks would not keep the two apart."""
    with opened(tmp_path) as trail:
        child = os.fork()
        if not child:
            try:
                trail.record(asked())
            except AuditUnwritable:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        trail.record(asked())
    assert actions(tmp_path / "audit") == ["trail_start", "look_up"]


def test_a_torn_line_is_kept_and_told_of(tmp_path: Path) -> None:
    """What a writer left behind when it was killed is moved beside the trail, and the trail says what it was."""
    with opened(tmp_path) as trail:
        trail.record(asked())
        with (tmp_path / "audit" / TRAIL).open("ab") as file:
            file.write(b'{"action":"look_')
        trail.record(asked())
    found = records(tmp_path / "audit")
    assert [str(record.action) for record in found] == ["trail_start", "look_up", "recovered", "look_up"]
    aside = tmp_path / "audit" / (found[2].subject or "")
    assert (aside.name, aside.read_bytes()) == ("torn-2.bin", b'{"action":"look_')
    assert found[2].counts == {"bytes_set_aside": 16, "records_written_again": 0}


def test_a_whole_record_of_a_killed_writer_stays(tmp_path: Path) -> None:
    """It was written and nobody was told; there is nothing to repair."""
    with opened(tmp_path) as trail:
        trail.record(asked(), asked())
        content = (tmp_path / "audit" / TRAIL).read_bytes()
        end = trail._file.progress.end
        trail._file.progress.end = trail._file.progress.durable = end - len(content.splitlines(keepends=True)[-1])
        trail.record(asked())
    assert actions(tmp_path / "audit") == ["trail_start", "look_up", "look_up", "look_up"]


def test_lines_of_another_chain_are_set_aside(tmp_path: Path) -> None:
    """Behind what is known to be on the disk there can be anything after a power cut; only what follows is kept."""
    with opened(tmp_path) as trail:
        trail.record(asked())
        line = (tmp_path / "audit" / TRAIL).read_bytes().splitlines(keepends=True)[-1]
        with (tmp_path / "audit" / TRAIL).open("ab") as file:
            file.write(line)
        trail.record(asked())
    found = records(tmp_path / "audit")
    assert found[2].counts["bytes_set_aside"] == len(line)


def refuses(trail: Trail, why: str) -> None:
    """Check that a trail takes no event, and says the same once more where it is closed."""
    with pytest.raises(AuditDamaged, match=why):
        trail.record(asked())
    with pytest.raises(AuditDamaged, match=why):
        trail.close()


@pytest.mark.parametrize("bytes_lost", [1, 100, 400])
def test_a_trail_that_lost_its_end_is_damaged(tmp_path: Path, bytes_lost: int) -> None:
    """Records that were on the disk do not vanish by themselves: nothing more is recorded."""
    trail = opened(tmp_path)
    trail.record(asked(), asked())
    os.truncate(tmp_path / "audit" / TRAIL, (tmp_path / "audit" / TRAIL).stat().st_size - bytes_lost)
    refuses(trail, "shorter")
    with pytest.raises(AuditDamaged, match="shorter"):
        opened(tmp_path)


def test_a_last_record_that_was_changed_is_damage(tmp_path: Path) -> None:
    """The record that the next one is to follow has to be one."""
    trail = opened(tmp_path)
    trail.record(asked())
    path = tmp_path / "audit" / TRAIL
    path.write_bytes(path.read_bytes().replace(b"look_up", b"look_at"))
    refuses(trail, "the record that ends at byte")


def test_a_trail_that_was_replaced_is_damage(tmp_path: Path) -> None:
    """A writer that has it open notices that others no longer read what it writes."""
    trail = opened(tmp_path)
    path = tmp_path / "audit" / TRAIL
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    copy.rename(path)
    refuses(trail, "replaced")


def test_without_the_numbers_of_the_writers_a_trail_goes_on(tmp_path: Path) -> None:
    """They are no evidence, and what they said is found again."""
    with opened(tmp_path) as trail:
        trail.record(asked())
    (tmp_path / "audit" / "progress").unlink()
    with opened(tmp_path) as trail:
        trail.record(asked())
    assert actions(tmp_path / "audit") == ["trail_start", "look_up", "look_up"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """A file where the directory should be."""
    (tmp_path / "audit").write_text("")
    with pytest.raises(AuditUnwritable, match="cannot be written"):
        opened(tmp_path)
