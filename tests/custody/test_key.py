"""The key of a trail: made once, for its owner alone, replaced only in a way that whoever verifies can follow."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hashmatch.config import Settings
from hashmatch.custody.claims import read_public_keys
from hashmatch.custody.events import Action, EventOutcome
from hashmatch.custody.note import split
from hashmatch.custody.opening import open_trail, recording
from hashmatch.custody.record import CHECKPOINTS
from hashmatch.custody.signing import SigningKey, load_key, make_key, new_key, replace_key
from hashmatch.custody.verdict import Status
from hashmatch.custody.verify import verify
from hashmatch.errors import AuditUnwritable

from .trails import actions, asked, opened, records


def test_the_key_is_made_with_the_trail(tmp_path: Path) -> None:
    """Mode 0600, and the public one beside it, which a second opening leaves as it is."""
    for _ in range(2):
        with opened(tmp_path) as trail:
            trail.record(asked())
    key, public = tmp_path / "keys" / "trail.key", tmp_path / "keys" / "trail.pub"
    assert {path.name: path.stat().st_mode & 0o777 for path in key.parent.iterdir()} == {
        "trail.key": 0o600,
        "trail.pub": 0o600,
    }
    assert key.read_text().startswith("hashmatch-trail-key-1 ")
    (published,) = read_public_keys([public])
    assert published == load_key(key).public(records(tmp_path / "audit")[0].subject or "")
    assert key.read_text().split()[1] not in repr(load_key(key))


def test_who_comes_second_reads_the_first_key(tmp_path: Path) -> None:
    """Two processes that make the first key end with one."""
    first = make_key(tmp_path / "keys" / "trail.key")
    assert make_key(tmp_path / "keys" / "trail.key").seed == first.seed


@pytest.mark.parametrize("damage", ["absent", "open", "garbled", "directory", "another"])
def test_a_key_that_cannot_be_used_stops_recording(tmp_path: Path, damage: str) -> None:
    """When the trail is opened, and where it changes while it is open at the next checkpoint."""
    with opened(tmp_path) as trail:
        trail.record(asked())
    key = tmp_path / "keys" / "trail.key"
    if damage == "open":
        key.chmod(0o640)
    elif damage == "another":
        replace_key(key, new_key())
    else:
        key.unlink()
        if damage == "garbled":
            key.touch(0o600)
        elif damage == "directory":
            key.mkdir(0o700)
    with pytest.raises(AuditUnwritable, match="trail key"):
        opened(tmp_path)
    assert actions(tmp_path / "audit") == ["trail_start", "look_up"]


def test_a_new_key_is_introduced_by_the_old_one(tmp_path: Path) -> None:
    """Who has the first public key can verify all of it, and processes that had the trail open follow."""
    with opened(tmp_path) as trail, opened(tmp_path) as other:
        trail.record(asked())
        kept = tmp_path / "first.pub"
        shutil.copy(tmp_path / "keys" / "trail.pub", kept)
        public = trail.change_key("os:custodian", "local")
        other.record(asked())
        other.checkpoint()
    with opened(tmp_path) as trail:
        trail.record(asked())
    change = records(tmp_path / "audit")[2]
    assert (change.action, change.actor, change.subject) == (Action.KEY_CHANGE, "os:custodian", str(public))
    old, new = read_public_keys([tmp_path / "keys" / "trail.pub"])
    assert [old] == read_public_keys([kept])
    assert new == public
    verdict = verify(tmp_path / "audit", [old])
    assert (verdict.status, verdict.covered) == (Status.SOUND, 5)
    assert verify(tmp_path / "audit", [new]).status is Status.DAMAGED


def test_a_change_of_key_that_was_killed_half_way(tmp_path: Path) -> None:
    """Introduced and not yet in its place, the old key goes on; in its place and not yet used, the new one does."""
    for put_in_place in (False, True):
        place = tmp_path / str(put_in_place)
        with opened(place) as trail:
            trail.record(asked())
            origin = records(place / "audit")[0].subject or ""
            key = new_key()
            event = asked()
            trail.record(type(event)(Action.KEY_CHANGE, EventOutcome.DONE, "a", "r", subject=str(key.public(origin))))
        if put_in_place:
            replace_key(place / "keys" / "trail.key", key)
        with opened(place) as trail:
            trail.record(asked())
        kept = read_public_keys([place / "keys" / "trail.pub"])[:1]
        assert verify(place / "audit", kept).status is Status.SOUND


def test_a_key_that_was_slipped_in_is_not_trusted(tmp_path: Path) -> None:
    """A change of key that no trusted key has signed introduces nothing."""
    with opened(tmp_path) as trail:
        trail.record(asked())
    shutil.copytree(tmp_path, tmp_path / "kept")
    with opened(tmp_path) as trail:
        trail.change_key("os:forger", "local")
        trail.record(asked())
    notes, _ = split((tmp_path / "audit" / CHECKPOINTS).read_bytes())
    # The checkpoint that the old key signed over the change is taken out.
    (tmp_path / "audit" / CHECKPOINTS).write_bytes(b"".join(n + b"\n" for n in (*notes[:2], *notes[3:])))
    verdict = verify(tmp_path / "audit", read_public_keys([tmp_path / "kept" / "keys" / "trail.pub"]))
    assert "no key that is known" in verdict.findings[0].what


def test_the_key_may_not_lie_in_the_store(tmp_path: Path) -> None:
    """Nor may the copies: whoever can change the trail could change them as well."""
    inside = tmp_path / "store" / "inside"
    for settings in (
        Settings(tmp_path / "store", tmp_path / "sealing.key", trail_key=inside),
        Settings(tmp_path / "store", tmp_path / "sealing.key", checkpoint_copies=inside),
        Settings(tmp_path / "store", inside),
    ):
        with pytest.raises(AuditUnwritable, match="expected outside the store"):
            open_trail(settings)


def test_checkpoints_go_to_a_second_place(tmp_path: Path) -> None:
    """Every one of them, as they are beside the trail."""
    settings = Settings(tmp_path / "store", tmp_path / "sealing.key", checkpoint_copies=tmp_path / "copies")
    for _ in range(3):
        with recording(settings, case="17") as recorder:
            recorder.record(Action.RETIREMENT, EventOutcome.DONE, subject="national")
    (copy,) = (tmp_path / "copies").iterdir()
    assert copy.name.startswith("hashmatch-")
    assert copy.read_bytes() == (tmp_path / "store" / "audit" / CHECKPOINTS).read_bytes()
    assert isinstance(load_key(tmp_path / "trail.key"), SigningKey)
