"""When checkpoints are made: after so many records, after so long, at the end of what people will ask about."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashmatch.custody.events import Action, Event, EventOutcome
from hashmatch.custody.note import parse_checkpoint, parse_note, split
from hashmatch.custody.placing import Moment, now
from hashmatch.custody.record import CHECKPOINTS
from hashmatch.custody.trail import RECORDS_A_CHECKPOINT, TIME_A_CHECKPOINT

from .trails import asked, opened


def sizes(place: Path) -> list[int]:
    notes, rest = split((place / "audit" / CHECKPOINTS).read_bytes())
    assert rest == b""
    return [parse_checkpoint(parse_note(note).text).size for note in notes]


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.t = now().t

    def __call__(self) -> Moment:
        return Moment(self.t, self.t)


def test_after_so_many_records(tmp_path: Path) -> None:
    """Before the next one is recorded, so that it is not recorded where none can be made."""
    with opened(tmp_path) as trail:
        trail.record(asked())
        assert sizes(tmp_path) == [1]
        trail.record(*[asked()] * (RECORDS_A_CHECKPOINT - 1))
        assert sizes(tmp_path) == [1]
        trail.record(asked())
        assert sizes(tmp_path) == [1, RECORDS_A_CHECKPOINT + 1]
    assert sizes(tmp_path) == [1, RECORDS_A_CHECKPOINT + 1, RECORDS_A_CHECKPOINT + 2]


@pytest.mark.parametrize("later", [TIME_A_CHECKPOINT, -1])
def test_after_so_long(tmp_path: Path, later: int) -> None:
    """Whether something is recorded or a service asks; a clock that is set back makes one sooner, not later."""
    clock = Clock()
    with opened(tmp_path, clock=clock) as trail:
        trail.record(asked())
        trail.checkpoint_if_due()
        trail.record(asked())
        assert sizes(tmp_path) == [1]
        clock.t += later
        trail.checkpoint_if_due()
        assert sizes(tmp_path) == [1, 3]
        clock.t += later
        trail.checkpoint_if_due()
        assert sizes(tmp_path) == [1, 3]
        trail.record(asked())
        assert sizes(tmp_path) == [1, 3]
        trail.record(asked())
        assert sizes(tmp_path) == [1, 3, 4]


@pytest.mark.parametrize(
    ("action", "sealed"),
    [(Action.SCAN_START, False), (Action.SCAN_END, True), (Action.ACTIVATION, True), (Action.RETIREMENT, True)],
)
def test_at_the_end_of_something(tmp_path: Path, action: Action, *, sealed: bool) -> None:
    """The event that ends it is covered when it is recorded."""
    with opened(tmp_path) as trail:
        trail.record(asked())
        trail.record(Event(action, EventOutcome.DONE, "a", "r"))
        assert sizes(tmp_path) == ([1, 3] if sealed else [1])


def test_nothing_new_is_not_signed_again(tmp_path: Path) -> None:
    """A command that records nothing leaves the checkpoints as they were."""
    with opened(tmp_path) as trail:
        trail.record(asked())
    for _ in range(3):
        with opened(tmp_path):
            pass
    assert sizes(tmp_path) == [1, 2]


def test_the_tree_that_is_kept_need_not_be_there(tmp_path: Path) -> None:
    """Lost, damaged, or of a longer trail, it is made from the records again."""
    for damage in (b"", b"garbled", (b"hmtree01" + (99).to_bytes(8) + (9_999).to_bytes(8))):
        with opened(tmp_path) as trail:
            trail.record(asked())
            (tmp_path / "audit" / "tree").write_bytes(damage)
    (tmp_path / "audit" / "tree").unlink()
    with opened(tmp_path) as trail:
        trail.record(asked())
    assert sizes(tmp_path) == [1, 2, 3, 4, 5]
