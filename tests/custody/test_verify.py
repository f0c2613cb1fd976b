"""Verification: sound trails are sound, and each kind of damage is found and placed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hashmatch.custody.claims import read_public_keys
from hashmatch.custody.note import split
from hashmatch.custody.record import CHECKPOINTS, TRAIL, chained, encode, parse
from hashmatch.custody.verdict import Status, Verdict
from hashmatch.custody.verify import verify
from hashmatch.errors import AuditDamaged, UsageError

from .trails import asked, opened, rechained

RECORDS = 31


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trail of 31 records, with checkpoints over 1, 11, 21 and 31, and a copy of the last."""
    place = tmp_path_factory.mktemp("made")
    for opening in range(3):
        with opened(place) as trail:
            trail.record(*(asked(10 * opening + number) for number in range(10)))
    shutil.copy(place / "audit" / CHECKPOINTS, place / "kept")
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "place")
    return tmp_path / "place"


def checked(place: Path, *others: Path) -> Verdict:
    return verify(place / "audit", read_public_keys([place / "keys" / "trail.pub"]), others)


def test_a_sound_trail(place: Path) -> None:
    """Every record and checkpoint is counted; one that was kept elsewhere agrees."""
    verdict = checked(place, place / "kept")
    assert (verdict.status, verdict.findings, verdict.warnings) == (Status.SOUND, [], [])
    assert (verdict.records, verdict.covered, verdict.checkpoints) == (RECORDS, RECORDS, 8)
    assert verdict.octets == (place / "audit" / TRAIL).stat().st_size
    assert verdict.origin.startswith("hashmatch/")


def test_what_the_writers_keep_for_themselves_does_not_matter(place: Path) -> None:
    """Neither is read: a trail and its checkpoints can be carried elsewhere."""
    for name in ("progress", "tree", "lock"):
        (place / "audit" / name).write_bytes(b"something else")
    assert checked(place).status is Status.SOUND


def edited(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    def edit(place: Path) -> None:
        path = place / "audit" / TRAIL
        path.write_bytes(b"".join(line + b"\n" for line in change(path.read_bytes().split(b"\n")[:-1])))

    return edit


def renumbered(lines: list[bytes]) -> list[bytes]:
    """Change what record 15 says, and chain all after it anew, as who has no key can."""
    line = lines[15].replace(b'"17"', b'"18"')
    return rechained([*lines[:15], line, *lines[16:]])


DAMAGES: dict[str, tuple[Callable[[Path], None], int | None, str]] = {
    "a word changed": (edited(lambda lines: [*lines[:5], lines[5].replace(b'"17"', b'"18"'), *lines[6:]]), 7, "follow"),
    "a line garbled": (edited(lambda lines: [*lines[:5], b"garbled", *lines[6:]]), 6, "not a record"),
    "a line taken out": (edited(lambda lines: lines[:5] + lines[6:]), 6, "expected record 5, got 6"),
    "a line doubled": (edited(lambda lines: lines[:6] + lines[5:]), 7, "expected record 6, got 5"),
    "two lines changed round": (edited(lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]]), 6, "got 6"),
    "chained anew": (edited(renumbered), None, "records 11 to 20 are not those that were signed"),
    "the end cut off": (edited(lambda lines: lines[:25]), None, "of 31 records, of which 25 are there"),
    "the beginning cut off": (edited(lambda lines: lines[3:]), 1, "expected record 0, got 3"),
    "everything gone": (edited(lambda lines: lines[:0]), None, "of which 0 are there"),
    "a line that never ends": (edited(lambda lines: [*lines, b"x" * 40_000]), 32, "longer than any record"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_and_placed(place: Path, name: str) -> None:
    """With nothing but the checkpoints beside the trail."""
    damage, line, what = DAMAGES[name]
    damage(place)
    verdict = checked(place)
    assert verdict.status is Status.DAMAGED
    assert what in verdict.findings[0].what, verdict.findings
    assert verdict.findings[0].line == line
    if line is not None and line <= RECORDS:
        lines = (place / "audit" / TRAIL).read_bytes().splitlines(keepends=True)
        assert verdict.findings[0].offset == sum(map(len, lines[: line - 1]))


def test_a_torn_tail_has_a_word_of_its_own(place: Path) -> None:
    """As a crash leaves it: nothing that was answered for is missing."""
    with (place / "audit" / TRAIL).open("ab") as file:
        file.write(b'{"action":"look')
    verdict = checked(place)
    assert (verdict.status, verdict.torn, verdict.records) == (Status.TORN, 15, RECORDS)
    with (place / "audit" / CHECKPOINTS).open("ab") as file:
        file.write(b"hashmatch/")
    assert checked(place).torn == 25


def test_a_record_cut_short_that_was_signed_is_damage(place: Path) -> None:
    """It was whole when it was signed."""
    path = place / "audit" / TRAIL
    path.write_bytes(path.read_bytes()[:-5])
    assert checked(place).status is Status.DAMAGED


def test_the_end_cut_off_with_its_checkpoints_shows_from_elsewhere_alone(place: Path) -> None:
    """That is why a copy is to be kept: who cuts both leaves a trail that is whole in itself."""
    path = place / "audit" / TRAIL
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:21]))
    notes, _ = split((place / "audit" / CHECKPOINTS).read_bytes())
    (place / "audit" / CHECKPOINTS).write_bytes(b"".join(note + b"\n" for note in notes[:3]))
    assert checked(place).status is Status.SOUND
    verdict = checked(place, place / "kept")
    assert verdict.findings[0].what == "kept, checkpoint 4: of 31 records, of which 21 are there"


def test_records_that_no_checkpoint_covers_are_counted(place: Path) -> None:
    """A trail that was killed has some; they follow the chain and no more can be said."""
    notes, _ = split((place / "audit" / CHECKPOINTS).read_bytes())
    (place / "audit" / CHECKPOINTS).write_bytes(b"".join(note + b"\n" for note in notes[:2]))
    assert (checked(place).status, checked(place).covered) == (Status.SOUND, 11)
    (place / "audit" / CHECKPOINTS).unlink()
    assert "no checkpoint" in checked(place).findings[0].what


def test_another_key_verifies_nothing(place: Path, tmp_path: Path) -> None:
    """Nor does the right key under the name of another trail."""
    with opened(tmp_path / "other"):
        pass
    strangers = read_public_keys([tmp_path / "other" / "keys" / "trail.pub"])
    verdict = verify(place / "audit", strangers)
    assert {finding.what.partition(": ")[2] for finding in verdict.findings[:4]} == {
        "it is signed with no key that is known"
    }
    verdict = checked(place, tmp_path / "other" / "audit" / CHECKPOINTS)
    assert "no key that is known" in verdict.findings[0].what


def test_a_checkpoint_of_another_trail_with_the_same_key(place: Path) -> None:
    """One key can sign for several stores; their checkpoints do not get mixed up."""
    shutil.copytree(place / "keys", place / "second" / "keys")
    with opened(place / "second") as trail:
        trail.record(*[asked()] * 10)
    keys = read_public_keys([place / "second" / "keys" / "trail.pub"])
    assert len(keys) == 2
    verdict = verify(place / "audit", keys, [place / "second" / "audit" / CHECKPOINTS])
    assert [finding.what for finding in verdict.findings] == [
        "checkpoints, checkpoint 1, of 1 records: it is of another trail",
        "checkpoints, checkpoint 2, of 11 records: it is of another trail",
    ]


def test_what_was_set_aside_has_to_be_there(tmp_path: Path) -> None:
    """A `recovered` record says what was taken out; it must be possible to look at it."""
    with opened(tmp_path) as trail:
        with (tmp_path / "audit" / TRAIL).open("ab") as file:
            file.write(b"torn")
        trail.record(asked())
    assert checked(tmp_path).status is Status.SOUND
    (tmp_path / "audit" / "torn-1.bin").write_bytes(b"worn")
    assert "is not what is in torn-1.bin" in checked(tmp_path).findings[0].what
    (tmp_path / "audit" / "torn-1.bin").unlink()
    assert "is not there" in checked(tmp_path).findings[0].what


def test_a_clock_that_was_set_back_is_noted(place: Path) -> None:
    """It may have been wrong before; whoever reads the trail has to know."""
    path = place / "audit" / TRAIL
    lines = path.read_bytes().splitlines()
    later = parse(lines[-2])
    lines[-2] = encode(type(later)(**{**{f: getattr(later, f) for f in later.__struct_fields__}, "t": later.t + 10**9}))
    path.write_bytes(b"".join(line + b"\n" for line in rechained(lines)))
    (place / "audit" / CHECKPOINTS).write_bytes(
        b"".join(n + b"\n" for n in split((place / "kept").read_bytes())[0][:3])
    )
    verdict = checked(place)
    assert [warning.what for warning in verdict.warnings] == ["the clock was set back"]
    assert (verdict.status, verdict.warnings[0].line) == (Status.SOUND, RECORDS)


def test_checkpoints_out_of_order_are_damage(place: Path) -> None:
    """They are appended, and a trail does not shrink."""
    notes, _ = split((place / "audit" / CHECKPOINTS).read_bytes())
    (place / "audit" / CHECKPOINTS).write_bytes(b"".join(note + b"\n" for note in (notes[2], notes[1], notes[3])))
    assert "of fewer records than the one before" in checked(place).findings[0].what


def test_files_that_are_not_there(place: Path) -> None:
    """No trail is damage; no file that a person named is wrong usage."""
    with pytest.raises(UsageError, match="checkpoint"):
        checked(place, place / "absent")
    (place / "empty").write_text("")
    assert checked(place, place / "empty").status is Status.DAMAGED
    with pytest.raises(UsageError, match="public key"):
        read_public_keys([place / "absent"])
    with pytest.raises(UsageError, match="at least one"):
        read_public_keys([place / "empty"])
    with pytest.raises(UsageError, match="NAME"):
        read_public_keys([place / "audit" / TRAIL])
    (place / "audit" / TRAIL).unlink()
    with pytest.raises(AuditDamaged):
        checked(place)


def test_the_chain_is_of_the_lines_themselves() -> None:
    """The helper that chains anew is what a forger would write."""
    assert chained(b"x") == "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
