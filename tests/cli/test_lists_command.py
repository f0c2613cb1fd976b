"""`hashmatch lists` as a person or a machine runs it: exit codes, one JSON document, plain words."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hashmatch.config import Settings
from tests.madeup import digests, hashmatch, import_words, take_in, write_list

LISTED = digests(300)


@pytest.fixture
def first(settings: Settings, tmp_path: Path) -> Settings:
    """A store of one active list."""
    take_in(settings, write_list(tmp_path / "first", LISTED), list_id="first")
    return settings


def as_json(done: subprocess.CompletedProcess[str]) -> Any:
    """Return what stdout holds, which must be one JSON document and nothing else."""
    return json.loads(done.stdout)


def refused(done: subprocess.CompletedProcess[str], code: int, error: str) -> str:
    """Check the exit code and the error document; return the message, which stderr must say too."""
    assert done.returncode == code, done.stderr
    document = as_json(done)["error"]
    assert (document["code"], document["exit"]) == (error, code)
    assert document["message"] in done.stderr
    assert "Traceback" not in done.stderr
    return str(document["message"])


def test_import_says_what_it_did(settings: Settings, tmp_path: Path) -> None:
    """Counts, format, content root and the missing signature; progress stays on stderr."""
    path = write_list(tmp_path / "list", [*LISTED, bytes(16)])
    done = hashmatch(settings, *import_words(path))
    assert done.returncode == 0, done.stderr
    assert "made-up 1: 300 entries (300 md5), notable, active" in done.stdout
    assert "1 digests held back: all_zero" in done.stdout
    assert "UNSIGNED" in done.stdout
    assert "sealing entries" not in done.stdout
    assert settings.sealing_key.stat().st_mode & 0o777 == 0o600


def test_import_as_json(settings: Settings, tmp_path: Path) -> None:
    """The document names everything the text does, and the release that was replaced."""
    path = write_list(tmp_path / "list", [*LISTED, LISTED[0]])
    assert as_json(hashmatch(settings, *import_words(path, "made-up", "1", "--json")))["replaced"] is None
    document = as_json(hashmatch(settings, *import_words(path, "made-up", "2", "--json")))
    expected = {
        "list": "made-up", "release": "2", "replaced": "1", "type": "notable", "format": "plain",
        "signature": "unsigned", "entries": 301, "duplicates": 1, "digests": {"md5": 300}, "quarantined": {},
        "contradictions": [],
    }  # fmt: skip
    assert {key: document[key] for key in expected} == expected
    assert Path(document["quarantine_file"]).read_bytes() == b""


def test_import_without_activating(first: Settings, tmp_path: Path) -> None:
    """What is left inactive is said to be, in words and for machines, and can be activated."""
    path = write_list(tmp_path / "list", LISTED)
    done = hashmatch(first, *import_words(path, "made-up", "1", "--no-activate"))
    assert "made-up 1: 300 entries (300 md5), notable, not active" in done.stdout
    assert as_json(hashmatch(first, *import_words(path, "made-up", "2", "--no-activate", "--json")))["active"] is False
    assert hashmatch(first, "lists", "activate", "made-up", "2").stdout == "made-up 2: active\n"


def test_show(first: Settings, tmp_path: Path) -> None:
    """Both forms of the command show every release and which is active; an empty store says what to do."""
    hashmatch(first, *import_words(tmp_path / "first", "first", "2"))
    shown = hashmatch(first, "lists")
    assert shown.stdout == hashmatch(first, "lists", "show").stdout
    states = [line.split()[:4] for line in shown.stdout.splitlines()[1:]]
    assert states == [["first", "1", "notable", "-"], ["first", "2", "notable", "active"]]
    for words in (["lists", "--json"], ["lists", "show", "--json"]):
        found = as_json(hashmatch(first, *words))["lists"]
        assert [(item["release"], item["active"], item["entries"]) for item in found] == [
            ("1", False, 300),
            ("2", True, 300),
        ]
    empty = Settings(tmp_path / "none", first.sealing_key)
    assert "no lists" in hashmatch(empty, "lists").stdout
    assert as_json(hashmatch(empty, "lists", "--json")) == {"lists": []}
    assert not empty.store.exists()


def test_verify_activate_retire(first: Settings, tmp_path: Path) -> None:
    """The whole life of a list, each step with its words and its document."""
    hashmatch(first, *import_words(tmp_path / "first", "first", "2"))
    assert hashmatch(first, "lists", "verify").stdout == "first 2: 300 records read, all as sealed\n"
    verified = as_json(hashmatch(first, "lists", "verify", "first", "--json"))["verified"]
    assert [(item["release"], item["records"], item["verified"]) for item in verified] == [
        ("1", 300, True),
        ("2", 300, True),
    ]
    assert hashmatch(first, "lists", "activate", "first", "1").stdout == "first 1: active\n"
    assert as_json(hashmatch(first, "lists", "activate", "first", "2", "--json"))["active"] is True
    assert hashmatch(first, "lists", "retire", "first").stdout == "first 2: retired\n"
    refused(hashmatch(first, "lists", "retire", "first", "--json"), 10, "list.none_active")
    refused(hashmatch(first, "lists", "verify", "--json"), 10, "list.none_active")
    refused(hashmatch(first, "lists", "verify", "absent", "--json"), 10, "list.none_active")
    refused(hashmatch(first, "lists", "activate", "first", "9", "--json"), 2, "list.no_such_release")


def test_refusals_of_a_list(first: Settings, tmp_path: Path) -> None:
    """Each kind has its exit code and its stable error code, and leaves the one list there is."""
    good, wrong = write_list(tmp_path / "good", LISTED), tmp_path / "wrong"
    wrong.write_text(good.read_text() + "abc\n")
    words = import_words(wrong, "second", "1", "--json")
    assert refused(hashmatch(first, *words), 20, "list.format").startswith("line 301: expected 32")
    words = import_words(good, "second", "1", "--json")
    undecided = [word for word in words if word not in ("--algorithm", "md5")]
    assert "--algorithm" in refused(hashmatch(first, *undecided), 20, "list.ambiguous")
    unsigned = [word for word in words if word != "--unsigned"]
    assert "--unsigned" in refused(hashmatch(first, *unsigned), 21, "list.not_authorised")
    assert "first" in refused(
        hashmatch(first, *import_words(good, "first", "1", "--json")), 24, "list.duplicate_release"
    )
    xways = tmp_path / "xways"
    xways.write_text("SHA-1\n" + "".join(f"{digest.hex()}\n" for digest in digests(3)))
    refused(hashmatch(first, *import_words(xways, "second", "1", "--json")), 25, "list.contradiction")
    refused(hashmatch(first, *import_words(tmp_path / "absent", "second", "1", "--json")), 20, "list.format")
    refused(hashmatch(first, *import_words(good, "../second", "1", "--json")), 2, "usage")
    assert [item["list"] for item in as_json(hashmatch(first, "lists", "--json"))["lists"]] == ["first"]


@pytest.mark.parametrize(
    "words",
    [["lists", "import"], ["lists", "import", "x", "--id", "a"], ["lists", "nonsense"], ["lists", "activate", "a"], [
        "lists", "retire"], ["nonsense"], ["lists", "show", "--nonsense"]],
)  # fmt: skip
def test_wrong_usage(settings: Settings, words: list[str]) -> None:
    """A call that cannot mean anything exits with 2, says why on stderr, and makes no store."""
    done = hashmatch(settings, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage:")
    assert not settings.store.exists()


def test_states_of_a_store(first: Settings, tmp_path: Path) -> None:
    """Key and damage each have a code of their own."""
    kept = first.sealing_key.read_bytes()
    first.sealing_key.unlink()
    refused(hashmatch(first, "lists", "verify", "--json"), 16, "store.sealing_key")
    first.sealing_key.write_bytes(kept)
    first.sealing_key.chmod(0o644)
    refused(hashmatch(first, "lists", "verify", "--json"), 16, "store.sealing_key")
    first.sealing_key.chmod(0o600)
    (table,) = first.store.glob("lists/*/*/db/*.ldb")
    content = bytearray(table.read_bytes())
    content[1000] ^= 1
    table.write_bytes(content)
    refused(hashmatch(first, "lists", "verify", "--json"), 12, "store.damaged")
    (first.store / "active.json").write_text("{}")
    refused(hashmatch(first, "lists", "--json"), 12, "store.damaged")


def test_a_store_in_use(first: Settings, tmp_path: Path) -> None:
    """Whoever wants to change a store that another process is changing is told with exit code 11."""
    import fcntl

    with (first.store / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        words = import_words(tmp_path / "first", "first", "2", "--json")
        refused(hashmatch(first, *words), 11, "store.locked")
        assert hashmatch(first, "lists", "verify").returncode == 0


def test_a_store_whose_place_is_a_file(tmp_path: Path) -> None:
    """Where no store can be made, no event can be recorded: exit code 14."""
    place = tmp_path / "file"
    place.write_bytes(b"")
    settings = Settings(place, tmp_path / "key")
    words = import_words(write_list(tmp_path / "list", LISTED), "second", "1", "--json")
    refused(hashmatch(settings, *words), 14, "audit.unwritable")
    assert place.read_bytes() == b""


def test_places_from_the_environment(first: Settings) -> None:
    """The store and the key are found by variables too, and what the command line says goes before them."""
    environment = {"HASHMATCH_STORE": str(first.store), "HASHMATCH_SEALING_KEY": str(first.sealing_key)}
    nowhere = Settings(first.store.with_name("nowhere"), first.sealing_key)
    words = hashmatch(nowhere, "lists", "--json").args
    assert as_json(hashmatch(nowhere, "lists", "--json", env=environment)) == {"lists": []}
    done = subprocess.run([words[0], "lists", "verify"], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (0, "first 1: 300 records read, all as sealed\n")
