"""`hashmatch lookup` as it is run: a flag a line, in order, and never a digest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import orjson
import pytest

from hashmatch.config import Settings
from tests.madeup import command, digests, hashmatch, take_in, write_list

LISTED, ABSENT = digests(20), digests(20, "absent")
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Settings:
    """A store of one list under a category."""
    take_in(settings, write_list(tmp_path / "list", LISTED), scheme="lab", category="2")
    return settings


def question() -> str:
    return "".join(f"{a.hex()}\n{b.hex()}\n" for a, b in zip(LISTED, ABSENT, strict=True)) + EMPTY + "\n"


def test_one_flag_a_line_in_order(store: Settings, tmp_path: Path) -> None:
    """From a file, from standard input, and from standard input by its name."""
    path = tmp_path / "asked"
    path.write_text(question())
    ask = ("lookup", "--algorithm", "md5")
    expected = "match\tnotable made-up 1 weak_only lab:2\nno_match\n" * 20 + "excluded\n"
    for done in (
        hashmatch(store, *ask, path),
        hashmatch(store, *ask, input=question()),
        hashmatch(store, *ask, "-", input=question()),
    ):
        assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


def test_one_json_document(store: Settings) -> None:
    """The snapshot and a result for each line."""
    done = hashmatch(store, "lookup", "--algorithm", "MD5", "--json", input=question())
    document = json.loads(done.stdout)
    assert len(document["snapshot"]) == 64
    assert [result["outcome"] for result in document["results"]] == ["match", "no_match"] * 20 + ["excluded"]
    assert document["results"][0]["flags"] == [
        {
            "list": "made-up",
            "release": "1",
            "type": "notable",
            "scheme": "lab",
            "category": "2",
            "strength": "weak_only",
        }
    ]


def test_the_document_has_the_form_of_all_documents(store: Settings) -> None:
    """It is printed in pieces, and is byte for byte what one piece would be, with and without results."""
    for text in (question(), ABSENT[0].hex(), ""):
        printed = hashmatch(store, "lookup", "--algorithm", "md5", "--json", input=text).stdout
        form = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
        assert printed == orjson.dumps(json.loads(printed), option=form).decode() + "\n"


def test_no_digests_are_no_answers(store: Settings) -> None:
    """Nothing asked, nothing said, no error."""
    assert hashmatch(store, "lookup", "--algorithm", "md5", input="").stdout == ""


@pytest.mark.parametrize("text", [b"abc\n", b"\xff\xfe\n", b"\n", b"0" * 1_000_000])
def test_a_wrong_line_ends_it_with_its_number(store: Settings, tmp_path: Path, text: bytes) -> None:
    """Exit code 26; what was answered before stays, and the line itself is not shown."""
    path = tmp_path / "asked"
    path.write_bytes(LISTED[0].hex().encode() + b"\n" + text)
    done = hashmatch(store, "lookup", "--algorithm", "md5", path)
    assert done.returncode == 26
    assert done.stdout.startswith("match\t")
    assert done.stdout.count("\n") == 1
    assert done.stderr.startswith("hashmatch: line 2: expected 32 hexadecimal digits for md5, got ")
    assert len(done.stderr) < 200
    assert json.loads(hashmatch(store, "lookup", "--algorithm", "md5", "--json", path).stdout)["error"]["exit"] == 26


def test_nothing_to_look_in(settings: Settings, store: Settings) -> None:
    """Without an active list there is no answer at all."""
    hashmatch(store, "lists", "retire", "made-up")
    done = hashmatch(store, "lookup", "--algorithm", "md5", input=question())
    assert (done.returncode, done.stdout) == (10, "")
    nowhere = Settings(store.store.with_name("nowhere"), store.sealing_key)
    assert hashmatch(nowhere, "lookup", "--algorithm", "md5", input=question()).returncode == 10


def test_a_wrong_key_answers_nothing(store: Settings) -> None:
    """Exit code 16 and no line."""
    store.sealing_key.write_text("hashmatch-sealing-key-1 " + "ab" * 32 + "\n")
    done = hashmatch(store, "lookup", "--algorithm", "md5", input=question())
    assert (done.returncode, done.stdout) == (16, "")


@pytest.mark.parametrize("words", [[], ["--algorithm", "md6"], ["--algorithm", "md5", "/nonexistent/file"]])
def test_wrong_usage(store: Settings, words: list[str]) -> None:
    """No algorithm, an unknown one, a file that is not there: exit code 2."""
    done = hashmatch(store, "lookup", *words, input="")
    assert (done.returncode, done.stdout) == (2, "")


def many(path: Path, size: int) -> Path:
    """Write a file of about `size` bytes of digests."""
    path.write_text(question() * (size // len(question())))
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of so many blocks that it is not read to its end while its first answers wait to be taken."""
    return many(tmp_path / "large", 45_000_000)


def test_several_processes_answer_a_large_file_as_one_does(store: Settings, tmp_path: Path) -> None:
    """Lines and JSON are those of a small file many times over, from a file and from standard input."""
    large = many(tmp_path / "large", 8_500_000)
    ask = ("lookup", "--algorithm", "md5")
    times = large.stat().st_size // len(question())
    expected = ("match\tnotable made-up 1 weak_only lab:2\nno_match\n" * 20 + "excluded\n") * times
    with large.open() as opened:
        assert hashmatch(store, *ask, "--workers", "2", stdin=opened).stdout == expected
    done = hashmatch(store, *ask, large, "--workers", "2")
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")
    document = json.loads(hashmatch(store, *ask, large, "--json", "--workers", "2").stdout)
    outcomes = [line.split("\t")[0] for line in expected.splitlines()]
    assert [result["outcome"] for result in document["results"]] == outcomes


def test_a_wrong_line_ends_a_large_file_as_a_small_one(store: Settings, large: Path) -> None:
    """All lines before it are answered, and its number is exact."""
    lines = large.read_bytes().count(b"\n")
    with large.open("a") as opened:
        opened.write("wrong\n" + question())
    done = hashmatch(store, "lookup", "--algorithm", "md5", large, "--workers", "2")
    assert (done.returncode, done.stdout.count("\n")) == (26, lines)
    assert done.stderr.startswith(f"hashmatch: line {lines + 1}: expected 32 ")


def begun(store: Settings, large: Path) -> subprocess.Popen[bytes]:
    """Start a large look-up in a session of its own, and read one line: it then waits for us to read more."""
    words = command(store, "lookup", "--algorithm", "md5", large, "--workers", "2")
    asking = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, bufsize=0)
    assert asking.stdout is not None
    assert asking.stdout.read(1) == b"m"
    return asking


def test_interrupted_in_the_middle(store: Settings, large: Path) -> None:
    """Ctrl-C, which reaches every process of the terminal, gives exit code 130 and leaves no view behind."""
    with begun(store, large) as asking:
        os.killpg(asking.pid, signal.SIGINT)
        _, said = asking.communicate(timeout=60)
    assert (asking.returncode, said.strip()) == (130, b"hashmatch: interrupted")
    assert [path.name for path in (store.store / "views").iterdir()] == ["lock"]


def test_a_worker_that_dies_is_a_store_error(store: Settings, large: Path) -> None:
    """Exit code 12 and words that say so; what was answered is a beginning of the answers."""
    with begun(store, large) as asking:
        children = Path(f"/proc/{asking.pid}/task/{asking.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
        answers, said = asking.communicate(timeout=60)
    assert asking.returncode == 12
    assert said == b"hashmatch: a worker process of the look-up died; the answers are not complete\n"
    assert 0 < answers.count(b"\n") < large.read_bytes().count(b"\n")
