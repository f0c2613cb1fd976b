"""A large look-up in several processes answers as one process does, in order, or ends with an error."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hashmatch import bulk
from hashmatch.bulk import LookUp
from hashmatch.config import Settings
from hashmatch.errors import HashmatchError, QueryError, SealingKeyError, StoreError
from hashmatch.lookup import Answer, Answers, look_up
from tests.madeup import MD5, digests, snapshot, take_in, write_list

LISTED, ABSENT = digests(50), digests(50, "absent")
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A store of two lists, so that answers differ."""
    place = tmp_path_factory.mktemp("bulk")
    settings = Settings(place / "store", place / "sealing.key")
    take_in(settings, write_list(place / "list", LISTED))
    take_in(settings, write_list(place / "other", LISTED[:20]), list_id="other", scheme="lab", category="2")
    return settings


class Dying(LookUp):
    """Dies in place of answering the block that holds line 100."""

    def __call__(self, block: Any) -> Any:
        if block.first_line <= 100 < block.first_line + block.lines.count(b"\n"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(block)


def question(chance: Random, lines: int) -> bytes:
    asked = [chance.choice([*LISTED, *ABSENT]).hex() for _ in range(lines)]
    forms = ["{}\n"] * 8 + [" {}\r\n", EMPTY + "\n"]
    return "".join(chance.choice(forms).format(digest) for digest in asked).encode()


def cut(text: bytes, size: int) -> Iterator[bytes]:
    return (text[at : at + size] for at in range(0, len(text), size))


def ask(store: Settings, kind: type[LookUp] = LookUp) -> LookUp:
    with snapshot(store) as known:
        return kind(store, known.snapshot_id, MD5)


def in_one(store: Settings, text: bytes) -> tuple[list[Answer], str]:
    with snapshot(store) as known:
        return collected(look_up([text], MD5, known))


def look_up_in_processes(stretches: Iterable[bytes], ask: LookUp, workers: int) -> Generator[Answers, None, None]:
    with bulk.pool_of(workers) as pool:
        yield from bulk.look_up_in_processes(pool, stretches, ask)


def collected(batches: Iterable[Answers]) -> tuple[list[Answer], str]:
    """Return what was answered, and the error that ended it."""
    answers: list[Answer] = []
    try:
        for batch in batches:
            answers += batch
    except HashmatchError as error:
        return answers, f"{type(error).__name__}: {error}"
    return answers, ""


@pytest.mark.parametrize("block", [50, 1_000, 100_000])
def test_processes_answer_as_one_does(store: Settings, block: int) -> None:
    """Whatever the size of a block, the same answers come in the same order, and no view is left."""
    text = question(Random(block), 600)
    expected = in_one(store, text)
    assert len(expected[0]) == 600
    assert collected(look_up_in_processes(cut(text, block), ask(store), workers=2)) == expected
    assert [path.name for path in (store.store / "views").iterdir()] == ["lock"]


def test_a_wrong_line_in_a_later_block_is_named_after_all_before_it(store: Settings) -> None:
    """Every line before it is answered, none after it, and its number is that in the whole text."""
    text = question(Random(1), 400)
    expected = in_one(store, text)[0]
    wrong = text + b"wrong\n" + text
    answers, error = collected(look_up_in_processes(cut(wrong, 1_000), ask(store), workers=2))
    assert answers == expected
    assert error.startswith("QueryError: line 401: expected 32 hexadecimal digits for md5, got 5")


@hypothesis_settings(deadline=None)
@given(st.integers(0, 30), st.integers(1, 300), st.sampled_from([b"", b"wrong\n", b"\n", b"f" * 99]), st.randoms())
def test_answers_do_not_depend_on_where_blocks_end(
    store: Settings, lines: int, block: int, tail: bytes, chance: Random
) -> None:
    """Blocks of any size, with and without a wrong line and a last line break, done here as a worker does them."""
    text = question(chance, lines) + tail + (question(chance, lines) if tail.endswith(b"\n") else b"")
    if chance.random() < 0.5:
        text = text.removesuffix(b"\n")
    assert collected(look_up_in_processes(cut(text, block), ask(store), workers=0)) == in_one(store, text)


@given(st.integers(1, 1 << 31), st.integers(1, 64))
def test_all_workers_end_together(size: int, workers: int) -> None:
    """Blocks are from 1 to 8 MiB, and where these bounds allow it each worker gets as many as every other."""
    block = bulk.block_for(size, workers)
    assert 1 << 20 <= block <= 8 << 20
    if 1 << 20 < block < 8 << 20:
        assert -(-size // block) % workers == 0


def test_a_worker_that_dies_is_an_error(store: Settings) -> None:
    """The answers before are right, none is given for its block, and the look-up does not look complete."""
    text = question(Random(2), 400)
    answers, error = collected(look_up_in_processes(cut(text, 1_000), ask(store, Dying), workers=2))
    assert answers == in_one(store, text)[0][: len(answers)]
    assert len(answers) < 100
    assert error == "StoreError: a worker process of the look-up died; the answers are not complete"


def test_other_lists_than_the_parents_answer_nothing(settings: Settings, tmp_path: Path) -> None:
    """A list that becomes active after the parent has pinned its own ends the look-up without an answer."""
    take_in(settings, write_list(tmp_path / "list", LISTED))
    pinned = ask(settings)
    take_in(settings, write_list(tmp_path / "list", LISTED[:5]), release="2")
    with pytest.raises(StoreError, match="the active lists changed"):
        next(look_up_in_processes([b"%s\n" % LISTED[9].hex().encode()], pinned, workers=1))


def test_an_error_of_a_worker_arrives_as_what_it_is(settings: Settings, tmp_path: Path) -> None:
    """A key that went away is named as such."""
    take_in(settings, write_list(tmp_path / "list", LISTED))
    pinned = ask(settings)
    settings.sealing_key.unlink()
    with pytest.raises(SealingKeyError):
        next(look_up_in_processes([b"%s\n" % LISTED[9].hex().encode()], pinned, workers=1))


def test_blocks_wait_until_they_are_asked_for(store: Settings) -> None:
    """Of a long text no more is read ahead than a few blocks a worker."""
    read = 0

    def stretches() -> Iterator[bytes]:
        nonlocal read
        for read in range(1, 101):  # noqa: B007 - counts what was taken
            yield question(Random(3), 3)

    batches = look_up_in_processes(stretches(), ask(store), workers=1)
    next(batches)
    assert read <= 4
    batches.close()
    assert read <= 4


def test_a_refused_line_is_raised_as_the_query_error(store: Settings) -> None:
    """It crosses from the worker with its words, and holds nothing of the line."""
    with pytest.raises(QueryError, match=r"^line 1: expected 32 hexadecimal digits for md5, got 5 characters$"):
        list(look_up_in_processes([b"wrong\n"], ask(store), workers=1))
