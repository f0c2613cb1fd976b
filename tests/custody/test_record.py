"""The format of records: one form for each, and no other line is one."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.custody.events import Action, Event, EventOutcome
from hashmatch.custody.record import FORMAT, MAX_LINE, Record, encode, parse
from hashmatch.errors import UsageError

TEXTS = st.text(
    st.characters(exclude_categories=["Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"]) | st.just(" "),
    min_size=1,
    max_size=256,
)
IDS = st.text("0123456789abcdef", min_size=64, max_size=64)
COUNTS = st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True), st.integers(0, 2**63 - 1), max_size=32)
RECORDS = st.builds(
    Record,
    v=st.just(FORMAT),
    seq=st.integers(0, 2**63 - 1),
    prev=IDS,
    t=st.integers(0, 2**63 - 1),
    mono=st.integers(0, 2**63 - 1),
    boot=TEXTS,
    host=TEXTS,
    pid=st.integers(1, 2**22),
    action=st.sampled_from(Action),
    outcome=st.sampled_from(EventOutcome),
    actor=TEXTS,
    role=TEXTS,
    case=st.none() | TEXTS,
    subject=st.none() | TEXTS,
    counts=COUNTS,
    snapshot=st.none() | IDS,
    reason=st.none() | TEXTS,
)


def made(**fields: Any) -> Event:
    given = {"action": Action.LOOK_UP, "outcome": EventOutcome.DONE, "actor": "a", "role": "r", **fields}
    return Event(**given)


@given(RECORDS)
def test_what_is_written_is_read_back(record: Record) -> None:
    """Every record has a line of ASCII that parses to it, the one that json makes too."""
    line = encode(record)
    assert line.isascii()
    assert b"\n" not in line
    assert parse(line) == record
    assert len(line) < MAX_LINE
    assert json.dumps(json.loads(line), sort_keys=True, separators=(",", ":")).encode() == line


@given(RECORDS, st.data())
def test_no_other_line_is_that_record(record: Record, data: st.DataObject) -> None:
    """A changed byte makes another record or none, never the same."""
    line = bytearray(encode(record))
    line[data.draw(st.integers(0, len(line) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(ValueError):
        assert parse(bytes(line)) != record


@given(st.binary(max_size=300))
def test_any_bytes_are_a_record_or_a_value_error(line: bytes) -> None:
    """Nothing else comes of reading a damaged line."""
    with pytest.raises(ValueError, match=r"\w"):
        parse(line)


LINE = encode(
    Record(
        v=1, seq=0, prev="0" * 64, t=1, mono=1, boot="b", host="h", pid=1,
        action=Action.LOOK_UP, outcome=EventOutcome.DONE, actor="a", role="r", counts={"n": 1},
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"),
    {
        "a blank": (b'"actor":"a"', b'"actor": "a"'),
        "a key twice": (b'"actor":"a"', b'"actor":"a","actor":"a"'),
        "another order": (b'"actor":"a","boot":"b"', b'"boot":"b","actor":"a"'),
        "a fraction": (b'"n":1', b'"n":1.0'),
        "an exponent": (b'"n":1', b'"n":1e0'),
        "minus zero": (b'"pid":1', b'"pid":-0'),
        "not a number": (b'"n":1', b'"n":NaN'),
        "a null": (b'"boot":"b"', b'"boot":"b","case":null'),
        "a field nobody knows": (b'"boot":"b"', b'"boot":"b","extra":1'),
        "an action nobody knows": (b"look_up", b"look_down"),
        "an escape that is not needed": (b'"actor":"a"', b'"actor":"\\u0061"'),
        "not ASCII": (b'"actor":"a"', b'"actor":"\xc3\xa4"'),
        "a capital escape": (b'"actor":"a"', b'"actor":"\\u00E4"'),
        "half a pair": (b'"actor":"a"', b'"actor":"\\ud800"'),
        "another format": (b'"v":1', b'"v":2'),
        "a byte order mark": (b'{"action"', b'\xef\xbb\xbf{"action"'),
        "a carriage return": (b'"v":1}', b'"v":1}\r'),
        "a second value": (b'"v":1}', b'"v":1}{}'),
        "far too long": (b'"actor":"a"', b'"actor":"' + b"a" * MAX_LINE + b'"'),
    }.values(),
)  # fmt: skip
def test_one_form_alone_is_read(old: bytes, new: bytes) -> None:
    """What another writer of JSON could have meant by the same is refused."""
    assert old in LINE
    parse(LINE)
    with pytest.raises(ValueError, match=r"\w"):
        parse(LINE.replace(old, new))


@pytest.mark.parametrize("name", ["actor", "role", "case", "subject", "reason", "origin"])
@pytest.mark.parametrize("text", ["", "a" * 257, "a\nb", "a\x1b[0m", "\ud800", "x" + "0aF9" * 8, "0" * 64])
def test_what_cannot_stand_in_a_trail(name: str, text: str) -> None:
    """Empty, long or unprintable texts, and whatever looks like a digest, are refused without being repeated."""
    with pytest.raises(UsageError, match=f"^{name}: expected ") as refused:
        made(**{name: text})
    assert len(text) < 4 or text not in str(refused.value)


@pytest.mark.parametrize("counts", [{"A": 1}, {"": 1}, {"a": -1}, {"a": 2**63}, {"a": True}, {"a": 1.0}, {"0" * 32: 1}])
def test_counts_are_whole_numbers_under_plain_names(counts: dict[str, Any]) -> None:
    """A count is no place for anything else."""
    with pytest.raises(UsageError, match=r"^counts: expected "):
        made(counts=counts)
    with pytest.raises(UsageError, match="at most 32"):
        made(counts={f"n{number}": 1 for number in range(33)})


@pytest.mark.parametrize("name", ["snapshot", "result_digest", "set_aside", "run"])
def test_ids_have_their_own_form(name: str) -> None:
    """The digests that a trail does take are those of a snapshot, a result, or its own bytes."""
    with pytest.raises(UsageError, match=f"^{name}: expected "):
        made(**{name: "0" * 40})
