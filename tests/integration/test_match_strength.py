"""What a match is called: strong where it can be believed, and never where a collision or junk would explain it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.integration.command import WRITABLE, Desk, make_files

HEAD = "%%%% HASHDEEP-1.0\n%%%% size,md5,sha1,sha256,filename\n"


def line(content: bytes, **wrong: str) -> str:
    """Return the hashdeep line of some content, with columns that say something else."""
    sums = {name: hashlib.new(name, content).hexdigest() for name in ("md5", "sha1", "sha256")}
    return ",".join(({"size": str(len(content))} | sums | wrong)[name] for name in ("size", *sums)) + ",name\n"


# What an entry has wrong, and what the file whose digests it has otherwise is called.
CONFLICTS = {
    "the same MD5, another SHA-256": {"sha256": "ab" * 32, "sha1": "cd" * 20},
    "the same MD5 and SHA-1, another SHA-256": {"sha256": "ab" * 32},
    "the same SHA-256, another MD5": {"md5": "ef" * 16},
    "the same SHA-1 alone": {"md5": "ef" * 16, "sha256": "ab" * 32},
    "another size": {"size": "999"},
}


@pytest.mark.parametrize("name", CONFLICTS)
def test_collision_is_a_conflict(name: str, desk: Desk, evidence: Path) -> None:
    """An entry that agrees by one digest and differs by another is a conflict, said so, and never strong."""
    (evidence / "file").write_bytes(b"content")
    listed = desk.directory / "list"
    listed.write_text(HEAD + line(b"content", **CONFLICTS[name]))
    desk.take_in(listed, "--format", "hashdeep")
    report = desk.scan(evidence, *WRITABLE)
    assert [[flag["strength"] for flag in row["flags"]] for row in report.rows("flags")] == [["conflict"]]
    assert report.counts["matches_by_strength"] == {"strong": 0, "weak_only": 0, "conflict": 1}
    assert any("collisions" in warning for warning in report.document["warnings"])


@pytest.mark.parametrize(("algorithm", "strength"), [("md5", "weak_only"), ("sha1", "weak_only"), ("sha256", "strong")])
def test_one_digest_alone(algorithm: str, strength: str, desk: Desk, evidence: Path) -> None:
    """MD5 or SHA-1 alone is weak_only, SHA-256 alone is strong."""
    (evidence / "file").write_bytes(b"content")
    listed = desk.directory / "list"
    listed.write_text(hashlib.new(algorithm, b"content").hexdigest() + "\n")
    desk.take_in(listed, "--algorithm", algorithm)
    report = desk.scan(evidence, *WRITABLE)
    assert [flag["strength"] for row in report.rows("flags") for flag in row["flags"]] == [strength]


def test_notable_is_not_hidden_by_known(desk: Desk, evidence: Path) -> None:
    """A file on a notable and on a known list carries both flags, and is counted as such."""
    (evidence / "file").write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    desk.list_digests([digest], list_id="bad")
    desk.list_digests([digest], list_id="good", kind="known")
    report = desk.scan(evidence, *WRITABLE)
    assert {(flag["list"], flag["type"]) for flag in report.rows("flags")[0]["flags"]} == {
        ("bad", "notable"),
        ("good", "known"),
    }
    assert report.counts["notable_and_known"] == 1


def test_junk_digests_match_nothing(desk: Desk, evidence: Path) -> None:
    """A list with the empty file's and zero-filled digests is taken in without them: 1,000 empty files, 0 flags."""
    make_files(evidence, 1_000, content="")
    (evidence / "listed").write_bytes(b"content")
    listed = desk.directory / "list"
    junk = [hashlib.sha256(b"").hexdigest(), "0" * 64, hashlib.sha256(b"content").hexdigest()]
    listed.write_text("".join(f"{digest}\n" for digest in junk))
    desk.take_in(listed)
    report = desk.scan(evidence, *WRITABLE)
    assert report.paths("flags") == [b"listed"]
    assert report.counts["excluded_reasons"] == {"directory": 2, "empty": 1_000}
    assert report.counts["matches_by_strength"]["strong"] == 1
    quarantine = next(desk.store.rglob("quarantine.jsonl")).read_text()
    assert len(quarantine.splitlines()) == 2


def test_category_is_in_the_flags(desk: Desk, evidence: Path) -> None:
    """Each flag names list, release, type, scheme and category as they were declared."""
    (evidence / "file").write_bytes(b"content")
    listed = desk.directory / "list"
    listed.write_text(hashlib.sha256(b"content").hexdigest() + "\n")
    declared = ("--scheme", "made-up-scheme", "--category", "7", "--algorithm", "sha256")
    desk.take_in(listed, *declared, release="2026-03")
    (flag,) = desk.scan(evidence, *WRITABLE).rows("flags")[0]["flags"]
    assert flag == {
        "list": "made-up",
        "release": "2026-03",
        "type": "notable",
        "scheme": "made-up-scheme",
        "category": "7",
        "strength": "strong",
    }
