"""The file of tokens: private, of one form, and refused where it is anything else."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.access.budgets import Budget
from hashmatch.access.roles import Role
from hashmatch.access.token_file import Stored, Token, decoded, encoded
from hashmatch.access.tokens import TOKENS, TokenStore
from hashmatch.errors import AccessDamaged

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "service" / TOKENS


def made(path: Path, name: str = "somebody", role: Role = Role.EXAMINER) -> tuple[Token, str]:
    return TokenStore(path).create(name, role, now=NOW)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o601, 0o610])
def test_a_file_open_to_others_is_refused(path: Path, mode: int) -> None:
    """Any right of group or others, also where it was given while the service runs."""
    _, secret = made(path)
    store = TokenStore(path)
    store.authenticate(secret, NOW)
    path.chmod(mode)
    for one in (store, TokenStore(path)):
        with pytest.raises(AccessDamaged, match=f"got {mode:04o}"):
            one.authenticate(secret, NOW)
        with pytest.raises(AccessDamaged):
            one.create("somebody", Role.EXAMINER, now=NOW)
    path.chmod(0o600)
    store.authenticate(secret, NOW)


def test_what_is_no_file_is_refused(path: Path, tmp_path: Path) -> None:
    """A directory, a FIFO, a link to a good file: none is waited for or followed."""
    made(path)
    elsewhere = path.rename(tmp_path / "elsewhere")

    def directory() -> None:
        path.mkdir()

    def fifo() -> None:
        os.mkfifo(path, 0o600)

    def link() -> None:
        path.symlink_to(elsewhere)

    for put in (directory, fifo, link):
        put()
        with pytest.raises(AccessDamaged):
            TokenStore(path).all()
        path.rmdir() if path.is_dir() else path.unlink()


def test_a_flipped_bit_anywhere_is_refused(path: Path) -> None:
    """No damage makes another token, another role, or a longer life."""
    store = TokenStore(path)
    store.create("somebody", Role.EXAMINER, cases=["17"], expires=NOW + timedelta(days=1), now=NOW)
    made(path, "another", Role.ADMIN)
    content = path.read_bytes()
    for at in range(len(content)):
        for bit in (1, 2, 16, 32, 128):
            changed = bytearray(content)
            changed[at] ^= bit
            with pytest.raises(AccessDamaged):
                decoded(bytes(changed), "file")
    for cut in range(len(content)):
        with pytest.raises(AccessDamaged):
            decoded(content[:cut], "file")
    path.write_bytes(content.replace(b"examiner", b"admin"))
    with pytest.raises(AccessDamaged):
        store.all()
    assert b"admin" in path.read_bytes()


@given(st.binary(max_size=200))
def test_any_bytes_are_tokens_or_an_error(content: bytes) -> None:
    """Nothing but AccessDamaged comes out of a file that is none."""
    with pytest.raises(AccessDamaged):
        decoded(content, "file")


texts = st.text(st.characters(codec="utf-8"), max_size=30)
times = st.datetimes(timezones=st.just(UTC))
limits = st.none() | st.integers(1, 10**12)
tokens = st.builds(
    Token, texts, texts, st.sampled_from(Role), st.lists(texts, max_size=3).map(tuple), times, st.none() | times,
    st.none() | times, st.builds(Budget, limits, limits, limits),
)  # fmt: skip


@given(st.lists(st.builds(Stored, tokens, st.binary(min_size=32, max_size=32).map(bytes.hex)), max_size=4).map(tuple))
def test_what_is_written_is_read_back(stored: tuple[Stored, ...]) -> None:
    """Whatever names, cases and times."""
    assert decoded(encoded(stored), "file") == stored
