"""The inner loops in C give what those in Python give, and those in Python what the published definitions say."""

from __future__ import annotations

import hashlib
import random
from array import array
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hashmatch.digests import ALL_ALGORITHMS
from hashmatch.store import inner_loops, portable
from hashmatch.store.filter import Blocks
from hashmatch.store.filterbuild import StretchOfFilter
from tests.madeup import digests

native = pytest.importorskip("hashmatch.store._native", reason="the inner loops in C are not built")

KEY = bytes(range(32))
STATE = native.key_state(KEY)
PREFIX = b"\x01"

messages = st.lists(st.none() | st.binary(max_size=127), max_size=40)
sealed_keys = st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=200)


def test_the_quick_ones_are_chosen() -> None:
    """Where they are built they are used."""
    assert inner_loops.NATIVE
    assert inner_loops.probe is native.probe


@pytest.mark.parametrize("lanes", [0, *native.LANES])
@hypothesis_settings(deadline=None)
@given(st.binary(min_size=1, max_size=64), st.binary(min_size=1, max_size=1), messages)
def test_sealing_is_keyed_blake2b(lanes: int, key: bytes, prefix: bytes, asked: list[bytes | None]) -> None:
    """Every width, whatever lengths stand side by side in its lanes, agrees with `hashlib`."""
    expected = b"".join(
        hashlib.blake2b(prefix + message, key=key, digest_size=16).digest() for message in asked if message is not None
    )
    assert native.seal(native.key_state(key), prefix, asked, lanes) == expected
    assert portable.seal(portable.key_state(key), prefix, asked) == expected


@pytest.mark.parametrize("lanes", native.LANES)
def test_every_length_of_message(lanes: int) -> None:
    """From one byte to a full block, alone and in every lane."""
    for length in range(1, 129):
        asked = [bytes([n]) * (length - 1) for n in range(11)]
        assert native.seal(STATE, b"p", asked, lanes) == portable.seal(KEY, b"p", asked)


@pytest.mark.parametrize(
    ("prefix", "asked", "kind"),
    [
        (b"p", [bytes(128)], ValueError),
        (b"", [b""], ValueError),
        (b"p", [bytearray(1)], TypeError),
        (b"p", ["text"], TypeError),
        (b"p", 3, TypeError),
    ],
)
def test_what_cannot_be_sealed_is_refused(prefix: bytes, asked: object, kind: type[Exception]) -> None:
    """A message that is longer than a block, none at all, or no bytes."""
    with pytest.raises(kind):
        native.seal(STATE, prefix, asked)
    with pytest.raises(TypeError):
        native.seal(KEY, prefix, [])
    for key in (b"", bytes(65)):
        with pytest.raises(ValueError, match="expected a key"):
            native.key_state(key)
    with pytest.raises(ValueError, match="no such lanes"):
        native.seal(STATE, PREFIX, [], 3)


def sifted(loops: ModuleType, asked: list[bytes], prefix: bytes, sections: object) -> list[tuple[bytes, int]]:
    size, width = len(asked[0]), len(prefix) + 16
    keys, positions = loops.sift(loops.key_state(KEY), prefix, b"".join(asked), size, sections)
    cut = [keys[at : at + width] for at in range(0, len(keys), width)]
    return list(zip(cut, memoryview(positions).cast("I"), strict=True))


def in_order(asked: list[bytes], prefix: bytes) -> list[tuple[bytes, int]]:
    sealed = [hashlib.blake2b(prefix + message, key=KEY, digest_size=16).digest() for message in asked]
    return sorted((prefix + key, position) for position, key in enumerate(sealed))


@hypothesis_settings(deadline=None)
@given(
    st.integers(1, 64).flatmap(
        lambda n: st.lists(st.binary(min_size=n, max_size=n) | st.just(bytes(n)), min_size=1, max_size=60)
    ),
    st.binary(max_size=1),
)
def test_keys_are_put_in_order_alike(asked: list[bytes], prefix: bytes) -> None:
    """Ascending, equal ones in the order of the questions, each with its position; without filters none is left out."""
    for loops in (native, portable):
        assert sifted(loops, asked, prefix, None) == in_order(asked, prefix)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1_000, 70_000])
def test_many_keys_are_put_in_order(count: int) -> None:
    """Whatever their number, and also where one digest is asked for a thousand times among them."""
    asked = digests(count) + digests(1, "often") * 1_000
    assert sifted(native, asked, PREFIX, None) == in_order(asked, PREFIX)


def test_only_what_a_filter_may_hold_is_sifted() -> None:
    """Every listed digest of two filters and few others, in order; nothing where there is no list to ask."""
    one, two, absent = digests(3_000), digests(50, "second"), digests(20_000, "absent")
    sections = [section(one), section(two, salt=2**64 - 1, first=7)]
    asked = absent[:10_000] + two + one + absent[10_000:]
    found = sifted(native, asked, PREFIX, sections)
    assert found == sorted(found)
    assert set(found) <= set(in_order(asked, PREFIX))
    assert set(range(10_000, 13_050)) <= {position for _, position in found}
    assert len(found) < 3_050 + 200
    assert sifted(native, asked, PREFIX, []) == []


@pytest.mark.parametrize(
    ("octets", "size", "kind"),
    [(bytes(17), 16, ValueError), (bytes(16), 0, ValueError), (bytes(128), 128, ValueError), ("text", 4, TypeError)],
)
def test_what_cannot_be_sifted_is_refused(octets: object, size: int, kind: type[Exception]) -> None:
    """Digests that are cut, of no size, or longer than a block; and keys and filters of the wrong form."""
    with pytest.raises(kind):
        native.sift(STATE, PREFIX, octets, size, None)
    with pytest.raises(TypeError):
        native.sift(KEY, PREFIX, bytes(16), 16, None)
    for sections in (3, [3], [("name", bytes(64), 1, 1, 0)]):
        with pytest.raises(TypeError):
            native.sift(STATE, PREFIX, bytes(16), 16, sections)


values = st.none() | st.binary(max_size=30) | st.binary(min_size=7, max_size=7) | st.binary(min_size=15, max_size=15)


@given(st.lists(values, max_size=30), st.randoms())
def test_what_is_said_is_numbered_alike(found: list[bytes | None], chance: random.Random) -> None:
    """Values of one posting get the number of their flags, category and length at their position; others come back."""
    positions = array("I", chance.sample(range(len(found) + 5), len(found)))
    keys = [bytes([n]) * 3 for n in range(len(found))]
    known = dict(zip(keys, found, strict=True))

    def get(key: bytes, *, surely: bool) -> bytes | None:
        assert surely is True
        return known[key]

    for loops in (native, portable):
        numbers = array("I", [7] * (len(found) + 5))
        others = loops.ask(get, "surely", b"".join(keys), 3, positions.tobytes(), numbers)
        expected = [7] * len(numbers)
        for position, value in zip(positions, found, strict=True):
            if value is not None and len(value) in (7, 15):
                expected[position] = int.from_bytes(value[4:7], "big") + (1 << 24 if len(value) == 7 else 2 << 24)
        assert list(numbers) == expected
        assert others == [
            (p, v) for p, v in zip(positions, found, strict=True) if v is not None and len(v) not in (7, 15)
        ]


def test_asking_passes_errors_on_and_writes_nowhere_else() -> None:
    """What the database raises arrives; a value of another kind, a position outside, and cut keys are refused."""

    def broken(_key: bytes, **_how: bool) -> bytes:
        raise KeyError("broken")

    numbers = array("I", [0])
    with pytest.raises(KeyError, match="broken"):
        native.ask(broken, "surely", b"key", 3, array("I", [0]).tobytes(), numbers)
    for value, position in ((bytearray(7), 0), ("text", 0), (bytes(7), 1)):
        with pytest.raises(TypeError, match="expected bytes or None"):
            native.ask(lambda _key, **_how: value, "surely", b"k", 1, array("I", [position]).tobytes(), numbers)  # noqa: B023
    for keys, places in ((b"four", 1), (b"sixsix", 1), (b"", 1)):
        with pytest.raises(ValueError, match="expected whole keys"):
            native.ask(broken, "surely", keys, 3, bytes(4 * places), numbers)
    assert list(numbers) == [0]


@hypothesis_settings(deadline=None)
@given(sealed_keys, st.integers(1, 50), st.integers(0, 2**64 - 1))
def test_filters_are_built_alike(keys: list[bytes], blocks: int, salt: int) -> None:
    """The same keys give the same bits and the same check values, also where the numbers of blocks are large."""
    joined = b"".join(PREFIX + key for key in keys)
    quick, slow = bytearray(64 * blocks), bytearray(64 * blocks)
    native.fill(quick, 0, blocks, joined, 17)
    portable.fill(slow, 0, blocks, joined, 17)
    assert quick == slow
    native.close(quick, 2**32 - blocks, salt)
    portable.close(slow, 2**32 - blocks, salt)
    assert quick == slow


@pytest.mark.parametrize("loops", [native, portable])
def test_keys_of_other_blocks_are_refused(loops: ModuleType) -> None:
    """A key before or behind the blocks that are being filled is an error, not a bit somewhere else."""
    for key in (bytes(17), b"\xff" * 17):
        with pytest.raises(ValueError, match="expected whole keys"):
            loops.fill(bytearray(64), 1, 3, key, 17)
    with pytest.raises(ValueError, match=r"expected whole keys|cannot reshape"):
        loops.fill(bytearray(64), 0, 1, bytes(16), 17)


def section(listed: list[bytes], salt: int = 5, first: int = 0) -> portable.Section:
    """Build the filter of a few digests, with other blocks before its own."""
    blocks = Blocks(first, -(-len(listed) // 32))
    building = StretchOfFilter(blocks, 0, 1, 1)
    sealed = portable.seal(KEY, PREFIX, listed)
    building.add(b"".join(PREFIX + sealed[at : at + 16] for at in range(0, len(sealed), 16)))
    at, content = building.finish()
    native.close(content, at, salt)
    return portable.Section("made up", bytes(64 * first) + bytes(content), first, blocks.number, salt)


def probed(sections: list[portable.Section], rows: list[tuple[bytes, ...]], position: int = 0) -> list[int]:
    marks = bytearray(len(rows))
    native.probe(STATE, PREFIX, rows, position, 16, sections, marks)
    return [number for number, mark in enumerate(marks) if mark]


def test_no_listed_digest_is_ruled_out_and_few_others_pass() -> None:
    """Of two filters either may hold it; of 100,000 absent digests less than one in a hundred passes."""
    one, two, absent = digests(3_000), digests(50, "second"), digests(100_000, "absent")
    sections = [section(one), section(two, salt=2**64 - 1, first=7)]
    rows: list[tuple[bytes, ...]] = [(b"", digest) for digest in one + two]
    assert probed(sections, rows, position=1) == list(range(len(rows)))
    assert len(probed(sections, [(digest,) for digest in absent])) < 1_000
    assert probed([], rows) == list(range(len(rows)))  # no row has a digest at position 0


def test_a_row_without_such_a_digest_is_not_ruled_out() -> None:
    """Too short, too long, no bytes, no tuple: marked, and the rows around it are answered all the same."""
    listed, absent = digests(1)[0], digests(1, "absent")[0]
    rows: list[object] = [(absent,), (), (b"",), (absent + b"\0",), (None,), [absent], "text", (listed,), (absent,)]
    assert probed([section([listed])], rows) == [1, 2, 3, 4, 5, 6, 7]  # type: ignore[arg-type]


def test_a_damaged_block_is_an_error() -> None:
    """Any flipped bit of a block, a block of another place or of another generation, is never an answer."""
    listed = digests(10)
    good = section(listed)
    content = bytes(good.filter)
    for bit in range(8 * len(content)):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        for asked in (listed[0], digests(1, "absent")[0]):
            with pytest.raises(ValueError, match=r"^made up: block 0 is not what was written$"):
                probed([good._replace(filter=bytes(changed))], [(asked,)])
    for wrong in (
        good._replace(salt=6),
        good._replace(filter=bytes(64) + content, first=1),
        good._replace(filter=bytes(64)),
    ):
        with pytest.raises(ValueError, match="is not what was written"):
            probed([wrong], [(listed[0],)])


def test_sections_beyond_their_filter_are_refused() -> None:
    """A filter that is shorter than its section would be read beyond its end."""
    good = section(digests(100))
    for wrong in (
        good._replace(blocks=good.blocks + 1),
        good._replace(first=1),
        good._replace(blocks=0),
        good._replace(first=2**63),
        good._replace(blocks=2**63),
    ):
        with pytest.raises(TypeError):
            probed([good, wrong], [])
    with pytest.raises(TypeError):
        probed([good, ("made up", 3)], [])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        native.probe(STATE, PREFIX, [(b"",)], 0, 16, [good], bytearray(0))


def test_the_portable_probe_rules_nothing_out() -> None:
    """Without the code in C every digest is asked of LevelDB."""
    marks = bytearray(3)
    portable.probe(KEY, PREFIX, [(b"",)] * 3, 0, ALL_ALGORITHMS[0].size, [], marks)
    assert marks == b"\1\1\1"
