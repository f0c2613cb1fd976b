"""Events are read whole, in order and from any id on, whatever becomes of the writer."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.errors import RunDamaged
from hashmatch.runs.events import Event, EventReader, EventWriter

# What JSON can carry; text of any length, so that lines cross the blocks they are read in.
DATA = st.dictionaries(st.text(), st.one_of(st.text(), st.integers(-(2**53), 2**53), st.booleans(), st.none()))


def everything(path: Path, after: int = 0) -> list[Event]:
    return EventReader(path, after).read(1_000_000)


@given(
    writers=st.lists(st.lists(st.tuples(st.sampled_from(["progress", "flag", "end"]), DATA), max_size=6), max_size=4)
)
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, writers: list[Any]) -> None:
    """Several writers, one after the other, make one sequence whose ids rise."""
    path = tmp_path_factory.mktemp("run") / "events.jsonl"
    for written in writers:
        with EventWriter(path) as writer:
            for event, data in written:
                writer.write(event, data)
    read = everything(path)
    assert [(e.event, orjson.loads(bytes(e.data))) for e in read] == [each for written in writers for each in written]
    assert all(first.id < second.id for first, second in pairwise(read))


@given(st.lists(DATA, min_size=1, max_size=8), st.integers(0, 10), st.integers(1, 4))
def test_reading_goes_on_from_any_id(
    tmp_path_factory: pytest.TempPathFactory, written: list[Any], after: int, limit: int
) -> None:
    """A reader that comes with an id gets what follows it, few at a time or all at once."""
    path = tmp_path_factory.mktemp("run") / "events.jsonl"
    reader = EventReader(path, after)
    assert reader.read(limit) == []
    with EventWriter(path) as writer:
        got = []
        for data in written:
            writer.write("flag", data)
            got += reader.read(limit)
    while more := reader.read(limit):
        got += more
    assert [event.id for event in got] == list(range(after + 1, len(written) + 1))
    assert got == everything(path, after)


@pytest.mark.parametrize("length", [1, 100_000])
def test_a_torn_line_is_not_read_and_not_kept(tmp_path: Path, length: int) -> None:
    """At each byte a line may be torn at, readers get the lines before it, and the next writer goes on behind them."""
    path = tmp_path / "events.jsonl"
    with EventWriter(path) as writer:
        writer.write("progress", {"files": 1})
        whole = path.stat().st_size
        writer.write("flag", {"path": "x" * length})
    content = path.read_bytes()
    for end in {*range(whole, min(whole + 60, len(content))), len(content) - 2, len(content) - 1}:
        path.write_bytes(content[:end])
        reader = EventReader(path)
        assert [event.id for event in reader.read(10)] == [1]
        with EventWriter(path) as writer:
            writer.write("end", {})
        (last,) = reader.read(10)
        assert last.event == "end"
        assert last.id > 2, "an id that may have been given before the line was torn is not given again"


def test_a_line_that_is_no_event_is_an_error(tmp_path: Path) -> None:
    """Damage inside the file is told, not passed over."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"id": 1, "event": "flag", "data": {}}\nnonsense\n{"id": 3, "event": "flag", "data": {}}\n')
    with pytest.raises(RunDamaged):
        everything(path)
    path.write_bytes(b"nonsense\n")
    with pytest.raises(RunDamaged):
        EventWriter(path)
