"""What commands leave in the audit trail, that nothing is answered past it, and `hashmatch audit` itself."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from hashmatch.config import Settings
from hashmatch.custody.record import TRAIL, Record
from hashmatch.lists import show
from tests.custody.trails import records
from tests.faults.harness import needs_strace, run
from tests.madeup import MD5, command, digests, hashmatch, import_words, take_in, write_list

LISTED, ABSENT = digests(20), digests(20, "absent")
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
QUESTION = "".join(f"{digest.hex()}\n" for digest in LISTED[:3] + ABSENT[:2]) + EMPTY + "\n"
ASK = ("lookup", "--algorithm", "md5")


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Settings:
    take_in(settings, write_list(tmp_path / "list", LISTED), algorithm=MD5)
    return settings


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_text("content")
    return tmp_path / "source"


def events(settings: Settings) -> list[Record]:
    return records(settings.store / "audit")[1:]


def said(settings: Settings) -> list[tuple[str, str, str | None]]:
    return [(str(record.action), str(record.outcome), record.subject) for record in events(settings)]


def scan_words(source: Path, output: Path, *more: str) -> tuple[str | Path, ...]:
    return ("scan", source, "--output", output, "--allow-writable", "made for a test", *more)


def test_a_look_up_is_recorded(store: Settings) -> None:
    """Who, for which case, how many of what; no digest that was asked."""
    done = hashmatch(store, *ASK, "--case", "17/2026", input=QUESTION)
    assert done.returncode == 0
    (record,) = events(store)
    assert (record.action, record.case, record.subject, record.role) == ("look_up", "17/2026", "md5", "local")
    assert record.actor.startswith("os:")
    assert record.counts == {"items": 6, "matches": 3, "no_match": 2, "excluded": 1}
    snapshot = json.loads(hashmatch(store, *ASK, "--json", input=QUESTION).stdout)["snapshot"]
    assert record.snapshot == snapshot
    trail = (store.store / "audit" / TRAIL).read_text()
    assert not any(digest.hex() in trail for digest in LISTED + ABSENT)


def test_a_line_that_is_no_digest_does_not_hide_those_before_it(store: Settings) -> None:
    """What was answered is in the trail, whatever came then."""
    assert hashmatch(store, *ASK, input=QUESTION + "wrong\n").returncode == 26
    assert [record.counts["items"] for record in events(store)] == [6]


def test_changes_of_lists_are_recorded(settings: Settings, tmp_path: Path) -> None:
    """Begun before they are, done before anybody is told; a refusal with its code."""
    path = write_list(tmp_path / "list", LISTED)
    assert hashmatch(settings, *import_words(path)).returncode == 0
    assert hashmatch(settings, *import_words(path, "made-up", "2", "--no-activate")).returncode == 0
    assert hashmatch(settings, *import_words(path, "made-up", "2")).returncode == 24
    assert hashmatch(settings, "lists", "activate", "made-up", "2").returncode == 0
    assert hashmatch(settings, "lists", "retire", "made-up").returncode == 0
    assert hashmatch(settings, "lists", "retire", "made-up").returncode == 10
    assert said(settings) == [
        ("import", "begun", "made-up 1"),
        ("import", "done", "made-up 1"),
        ("activation", "done", "made-up 1"),
        ("import", "begun", "made-up 2"),
        ("import", "done", "made-up 2"),
        ("import", "begun", "made-up 2"),
        ("import", "refused", "made-up 2"),
        ("activation", "begun", "made-up 2"),
        ("activation", "done", "made-up 2"),
        ("retirement", "begun", "made-up"),
        ("retirement", "done", "made-up 2"),
        ("retirement", "begun", "made-up"),
        ("retirement", "refused", "made-up"),
    ]
    assert events(settings)[1].counts["entries"] == 20
    assert [record.reason for record in events(settings)[-7:]] == [
        "list.duplicate_release",
        *[None] * 5,
        "list.none_active",
    ]


def test_a_scan_is_recorded(store: Settings, source: Path, tmp_path: Path) -> None:
    """Its beginning, and its end with the counts and the digest that the report has."""
    words = scan_words(source, tmp_path / "report", "--case", "17", "--exhibit", "JB/1", "--json")
    report: dict[str, Any] = json.loads(hashmatch(store, *words).stdout)
    start, end = events(store)
    assert (start.action, start.outcome, start.case, start.subject) == ("scan_start", "begun", "17", "JB/1")
    assert (end.action, end.outcome, end.case, end.subject) == ("scan_end", "complete", "17", "JB/1")
    assert start.snapshot == end.snapshot == report["snapshot"]["id"]
    assert end.result_digest == report["result_digest"]
    assert end.counts == {"seen": 1, "match": 0, "no_match": 1, "not_examined": 0, "excluded": 0}
    assert str(source) not in (store.store / "audit" / TRAIL).read_text()


def test_a_scan_that_fails_is_recorded(store: Settings, source: Path, tmp_path: Path) -> None:
    """With the code of what kept it from its report."""
    (tmp_path / "report").write_text("in the way")
    assert hashmatch(store, *scan_words(source, tmp_path / "report")).returncode == 2
    assert [(record.outcome, record.reason) for record in events(store)] == [("begun", None), ("failed", "usage")]


def test_a_self_test_is_recorded_where_there_is_a_store(settings: Settings, tmp_path: Path) -> None:
    """Without a store there is no trail to say it in, and none is begun for it."""
    assert hashmatch(settings, "selftest").returncode == 0
    assert not settings.store.exists()
    take_in(settings, write_list(tmp_path / "list", LISTED), algorithm=MD5)
    assert hashmatch(settings, "selftest").returncode == 0
    (record,) = events(settings)
    assert (record.action, record.outcome, record.counts["failed"]) == ("self_test", "done", 0)


def test_what_looks_like_a_digest_is_no_case(store: Settings, source: Path, tmp_path: Path) -> None:
    """It is refused before anything is done, and not repeated."""
    for words in ((*ASK, "--case", EMPTY), scan_words(source, tmp_path / "report", "--case", EMPTY)):
        done = hashmatch(store, *words, input=QUESTION)
        assert (done.returncode, done.stdout) == (2, "")
        assert EMPTY not in done.stderr
    assert not (tmp_path / "report").exists()


def unwritable(settings: Settings) -> None:
    """Take the place of the trail: as root, nothing else keeps a file from being written."""
    shutil.rmtree(settings.store / "audit", ignore_errors=True)
    (settings.store / "audit").write_text("in the way")


def test_without_a_trail_there_is_no_answer(store: Settings, source: Path, tmp_path: Path) -> None:
    """Exit code 14, nothing on standard output, no report, and the lists are as they were."""
    unwritable(store)
    before = [(item.stored.directory, item.active) for item in show(store)]
    path = write_list(tmp_path / "second", ABSENT)
    for words in (
        ASK,
        scan_words(source, tmp_path / "report"),
        import_words(path, "second"),
        ("lists", "activate", "made-up", "1"),
        ("lists", "retire", "made-up"),
    ):
        done = hashmatch(store, *words, input=QUESTION)
        assert (done.returncode, done.stdout) == (14, ""), words
        assert json.loads(hashmatch(store, *words, "--json", input=QUESTION).stdout)["error"]["exit"] == 14
    assert not (tmp_path / "report").exists()
    assert [(item.stored.directory, item.active) for item in show(store)] == before
    assert hashmatch(store, "selftest").returncode == 14


@needs_strace
@pytest.mark.parametrize(("command_name", "flush"), [("lookup", 1), ("scan", 1), ("scan", 2)])
def test_an_event_that_cannot_be_flushed_is_no_answer(
    store: Settings, source: Path, tmp_path: Path, command_name: str, flush: int
) -> None:
    """Neither that of a look-up, nor those of the beginning or the end of a scan; there is no `report.json` then."""
    assert hashmatch(store, *ASK, input="").returncode == 0  # begins the trail
    words = command(store, *(ASK if command_name == "lookup" else scan_words(source, tmp_path / "report")))
    strace = ["strace", "-f", "-qq", "-o", os.devnull, f"-P{store.store / 'audit' / TRAIL}", "-e", "trace=fdatasync"]
    done = run([*strace, "-e", f"inject=fdatasync:error=EIO:when={flush}", *words], stdin=QUESTION)
    assert (done.returncode, done.stdout) == (14, ""), done.stderr
    assert not (tmp_path / "report" / "report.json").exists()
    assert hashmatch(store, *ASK, input=QUESTION).returncode == 0
    assert hashmatch(store, "audit", "verify").returncode == 0


def test_verify_and_show(store: Settings, source: Path, tmp_path: Path) -> None:
    """What was recorded is shown as it is asked for, and is sound."""
    hashmatch(store, *ASK, "--case", "17", input=QUESTION)
    hashmatch(store, *scan_words(source, tmp_path / "report", "--case", "18"))
    kept = tmp_path / "kept"
    shutil.copy(store.store / "audit" / "checkpoints", kept)
    hashmatch(store, *ASK, "--case", "18", input=QUESTION)
    done = hashmatch(store, "audit", "verify", "--checkpoint", kept, "--json")
    verdict = json.loads(done.stdout)
    assert (done.returncode, verdict["status"], verdict["records"], verdict["covered"]) == (0, "sound", 5, 5)
    assert "sound: 5 records" in hashmatch(store, "audit", "verify").stdout

    lines = hashmatch(store, "audit", "show").stdout.splitlines()
    assert [line.split("\t")[4] for line in lines] == ["trail_start", "look_up", "scan_start", "scan_end", "look_up"]
    assert lines[1].endswith("case=17\tmd5\texcluded=1\titems=6\tmatches=3\tno_match=2")
    for words, expected in {
        ("--case", "18"): [2, 3, 4],
        ("--case", "18", "--action", "look_up"): [4],
        ("--actor", "nobody"): [],
        ("--since", "2020-01-01"): [0, 1, 2, 3, 4],
        ("--until", "2020-01-01"): [],
    }.items():
        document = json.loads(hashmatch(store, "audit", "show", "--json", *words).stdout)
        assert [record["seq"] for record in document["records"]] == expected
        assert len(hashmatch(store, "audit", "show", *words).stdout.splitlines()) == len(expected)


def test_verify_says_where_it_breaks(store: Settings, tmp_path: Path) -> None:
    """Exit code 15 with the line; 3 and its own word where the end is torn; 2 without a key."""
    for _ in range(3):
        hashmatch(store, *ASK, input=QUESTION)
    path = store.store / "audit" / TRAIL
    content = path.read_bytes()
    path.write_bytes(content + b'{"act')
    assert hashmatch(store, "audit", "verify").stdout.startswith("torn_tail: 4 records")
    assert hashmatch(store, "audit", "verify").returncode == 3
    path.write_bytes(content.replace(b'"matches":3', b'"matches":0', 1))
    done = hashmatch(store, "audit", "verify")
    assert done.returncode == 15
    assert "line 3, byte " in done.stdout
    assert hashmatch(store, "audit", "verify", "--public-key", tmp_path / "absent").returncode == 2
    path.write_bytes(b"no record\n")
    assert hashmatch(store, "audit", "show").returncode == 15
    path.unlink()
    assert hashmatch(store, "audit", "show").returncode == hashmatch(store, "audit", "verify").returncode == 15


def test_a_trail_that_lost_its_end_stops_the_commands(store: Settings) -> None:
    """Exit code 15: whoever answers now would go on where something was taken away."""
    for _ in range(2):
        hashmatch(store, *ASK, input=QUESTION)
    path = store.store / "audit" / TRAIL
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    done = hashmatch(store, *ASK, input=QUESTION)
    assert (done.returncode, done.stdout) == (15, "")


def test_copies_and_key_are_where_they_were_asked_for(store: Settings, tmp_path: Path) -> None:
    """From options or the environment; neither may lie in the store."""
    words = ("--trail-key", tmp_path / "signing" / "own.key", "--checkpoint-copies", tmp_path / "copies")
    done = hashmatch(store, *words, *ASK, input=QUESTION)
    assert done.returncode == 0, done.stderr
    (copy,) = (tmp_path / "copies").iterdir()
    assert copy.read_bytes() == (store.store / "audit" / "checkpoints").read_bytes()
    assert (tmp_path / "signing" / "own.pub").exists()
    assert hashmatch(store, *words[:2], "audit", "verify", "--checkpoint", copy).returncode == 0
    assert hashmatch(store, *ASK, input=QUESTION).returncode == 14  # the key that signed so far is not beside the other
    for option in ("--trail-key", "--checkpoint-copies"):
        done = hashmatch(store, *words[:2], option, store.store / "inside", *ASK, input=QUESTION)
        assert (done.returncode, done.stdout) == (14, "")
        assert "expected outside the store" in done.stderr


def test_a_second_place_that_is_gone_stops_the_commands(store: Settings, tmp_path: Path) -> None:
    """Who takes it away must not be able to go on unseen."""
    copies = ("--checkpoint-copies", tmp_path / "copies")
    assert hashmatch(store, *copies, *ASK, input=QUESTION).returncode == 0
    shutil.rmtree(tmp_path / "copies")
    (tmp_path / "copies").write_text("in the way")
    done = hashmatch(store, *copies, *ASK, input=QUESTION)
    assert (done.returncode, done.stdout) == (14, "")
