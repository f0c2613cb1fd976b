"""`hashmatch tokens` as a person or a machine runs it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hashmatch.access.budgets import Budget
from hashmatch.access.roles import Role
from hashmatch.access.tokens import SERVICE, TOKENS, Token, TokenStore
from hashmatch.config import Settings
from hashmatch.errors import NotAuthenticated
from tests.cli.test_lists_command import as_json, refused
from tests.cli.test_startup import HEAVY, loaded_by
from tests.madeup import hashmatch


def store(settings: Settings) -> TokenStore:
    return TokenStore(settings.store / SERVICE / TOKENS)


def opened(settings: Settings, secret: str) -> Token:
    return store(settings).authenticate(secret, datetime.now(UTC))


def created(settings: Settings, *words: str) -> dict[str, Any]:
    done = hashmatch(settings, "tokens", "create", *words, "--json")
    assert done.returncode == 0, done.stderr
    document = as_json(done)
    assert isinstance(document, dict)
    return document


def test_create_prints_the_secret_and_nothing_else(settings: Settings) -> None:
    """Standard output is the secret, so that it can go to a file; what is told beside it is on standard error."""
    done = hashmatch(settings, "tokens", "create", "Workstation 4", "--role", "examiner")
    assert done.returncode == 0, done.stderr
    (secret,) = done.stdout.splitlines()
    token = opened(settings, secret)
    assert (token.name, token.role, token.cases, token.expires, token.budget) == (
        "Workstation 4", Role.EXAMINER, (), None, Budget(),
    )  # fmt: skip
    assert done.stderr == (
        f"token {token.id} for Workstation 4, examiner, until it is revoked; "
        "this is the only time that its secret is shown\n"
    )


def test_create_with_everything(settings: Settings) -> None:
    """Cases, end and budgets are those that were asked for."""
    before = datetime.now(UTC)
    document = created(
        settings, "A. Examiner", "--role", "examiner", "--case", "17", "--case", "JB/1", "--expires", "90d",
        "--requests-per-hour", "100", "--digests-per-hour", "20000", "--misses-per-hour", "10000",
    )  # fmt: skip
    token = opened(settings, document["secret"])
    assert token.cases == ("17", "JB/1")
    assert token.budget == Budget(100, 20_000, 10_000)
    assert token.expires is not None
    assert timedelta(0) <= token.expires - before - timedelta(days=90) < timedelta(minutes=2)
    described = document["token"]
    assert described["id"] == token.id
    assert described["budget"] == {"requests": 100, "digests": 20_000, "misses": 10_000}
    assert (described["role"], described["state"], described["revoked"]) == ("examiner", "active", None)
    assert datetime.fromisoformat(described["expires"]) == token.expires


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("2999-12-31", datetime(2999, 12, 31, tzinfo=UTC)),
        ("2999-12-31T18:30Z", datetime(2999, 12, 31, 18, 30, tzinfo=UTC)),
        ("2999-12-31T18:30:00+02:00", datetime(2999, 12, 31, 16, 30, tzinfo=UTC)),
    ],
)
def test_when_a_token_ends(settings: Settings, asked: str, expected: datetime) -> None:
    """A date is the beginning of that day; a time says its zone."""
    secret = created(settings, "somebody", "--role", "auditor", "--expires", asked)["secret"]
    assert opened(settings, secret).expires == expected


@pytest.mark.parametrize(
    "words",
    [
        ["tokens", "create", "a"], ["tokens", "create", "--role", "admin"], ["tokens", "create", "a", "--role", "root"],
        ["tokens", "revoke"], ["tokens", "nonsense"],
        *(
            ["tokens", "create", "a", "--role", "examiner", *more]
            for more in (
                ["--expires", "tomorrow"], ["--expires", "0d"], ["--expires", "-1d"], ["--expires", "999999d"],
                ["--expires", "2999-12-31T18:30"], ["--expires", "90"], ["--misses-per-hour", "0"],
                ["--requests-per-hour", "many"],
            )
        ),
    ],
)  # fmt: skip
def test_wrong_usage(settings: Settings, words: list[str]) -> None:
    """A call that cannot mean anything exits with 2, says why, and makes nothing."""
    done = hashmatch(settings, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage:")
    assert not settings.store.exists()


def test_refusals(settings: Settings) -> None:
    """What the rules of tokens refuse has the code of usage; damage has its own."""
    for words in (
        ["", "--role", "admin"], ["two\nlines", "--role", "admin"], ["a", "--role", "custodian", "--case", "17"],
        ["a", "--role", "admin", "--expires", "2020-01-01"], ["5a" * 16, "--role", "admin"],
    ):  # fmt: skip
        refused(hashmatch(settings, "tokens", "create", *words, "--json"), 2, "usage")
    assert store(settings).all() == ()
    token = created(settings, "somebody", "--role", "admin")["token"]
    refused(hashmatch(settings, "tokens", "revoke", "0" * 12, "--json"), 2, "access.no_such_token")
    path = settings.store / SERVICE / TOKENS
    path.chmod(0o644)
    refused(hashmatch(settings, "tokens", "list", "--json"), 19, "access.damaged")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"somebody", b"nobody"))
    for words in (["list"], ["revoke", token["id"]], ["create", "another", "--role", "admin"]):
        refused(hashmatch(settings, "tokens", *words, "--json"), 19, "access.damaged")


def test_list(settings: Settings) -> None:
    """Every token with its state, as a table and as a document, and no secret in either."""
    assert "no tokens" in hashmatch(settings, "tokens").stdout
    assert as_json(hashmatch(settings, "tokens", "list", "--json")) == {"tokens": []}
    assert not settings.store.exists()
    secrets = [
        created(settings, "A. :smile: [bold]", "--role", "examiner", "--case", "17", "--misses-per-hour", "10000"),
        created(settings, "B", "--role", "admin", "--expires", "2999-12-31"),
    ]
    now = datetime.now(UTC)
    store(settings).create("C", Role.AUDITOR, expires=now - timedelta(days=1), now=now - timedelta(days=2))
    hashmatch(settings, "tokens", "revoke", secrets[1]["token"]["id"])
    done = hashmatch(settings, "tokens")
    assert done.stdout == hashmatch(settings, "tokens", "list").stdout
    ids = [token.id for token in store(settings).all()]
    assert [" ".join(line.split()) for line in done.stdout.splitlines()[1:]] == [
        f"{ids[0]} A. :smile: [bold] examiner 17 active - 10,000 misses",
        f"{ids[1]} B admin - revoked 2999-12-31 00:00 UTC -",
        f"{ids[2]} C auditor - expired {now - timedelta(days=1):%Y-%m-%d %H:%M} UTC -",
    ]
    document = hashmatch(settings, "tokens", "--json").stdout
    assert [token["state"] for token in json.loads(document)["tokens"]] == ["active", "revoked", "expired"]
    for each in secrets:
        assert each["secret"][16:] not in done.stdout + document
    assert "secret" not in document


def test_revoke(settings: Settings) -> None:
    """It opens nothing from then on; again is no error and changes nothing."""
    made = created(settings, "somebody", "--role", "examiner")
    token_id = made["token"]["id"]
    opened(settings, made["secret"])
    assert hashmatch(settings, "tokens", "revoke", token_id).stdout == f"{token_id} somebody: revoked\n"
    with pytest.raises(NotAuthenticated, match="revoked"):
        opened(settings, made["secret"])
    again = as_json(hashmatch(settings, "tokens", "revoke", token_id, "--json"))["token"]
    assert (again["state"], datetime.fromisoformat(again["revoked"])) == ("revoked", store(settings).all()[0].revoked)


def test_changes_are_on_the_record(settings: Settings) -> None:
    """The trail says which account made and revoked which token; never a secret. Looking at them is not recorded."""
    made = created(settings, "Workstation 4", "--role", "examiner", "--misses-per-hour", "5")
    named = f"{made['token']['id']} Workstation 4"
    hashmatch(settings, "tokens", "list")
    hashmatch(settings, "tokens", "revoke", made["token"]["id"])
    hashmatch(settings, "tokens", "revoke", made["token"]["id"])
    hashmatch(settings, "tokens", "create", "", "--role", "admin")
    trail = (settings.store / "audit" / "trail.jsonl").read_text()
    events = [event for event in map(json.loads, trail.splitlines()) if event["action"] == "token_change"]
    assert [(event["outcome"], event["subject"], event.get("reason"), event.get("counts", {})) for event in events] == [
        ("begun", "a new examiner", None, {}),
        ("done", named, "created: examiner", {"misses_an_hour": 5}),
        ("begun", named, None, {}),
        ("done", named, "revoked: examiner", {"misses_an_hour": 5}),
        ("begun", "a new admin", None, {}),
        ("refused", "a new admin", "usage", {}),
    ]
    assert all(event["role"] == "local" and event["actor"].startswith("os:") for event in events)
    assert made["secret"][16:] not in trail


def test_no_secret_without_its_event(settings: Settings) -> None:
    """Where the trail cannot be written, nothing is shown and nothing changes."""
    made = created(settings, "somebody", "--role", "examiner")
    trail = settings.store / "audit" / "trail.jsonl"
    trail.rename(trail.with_name("kept"))
    trail.mkdir()
    for words in (["create", "another", "--role", "admin"], ["revoke", made["token"]["id"]]):
        done = hashmatch(settings, "tokens", *words)
        assert (done.returncode, done.stdout) == (14, ""), done.stderr
    assert [token.state(datetime.now(UTC)) for token in store(settings).all()] == ["active"]


def test_creating_a_token_loads_only_what_it_needs(settings: Settings) -> None:
    """Neither the service nor the lists."""
    loaded = loaded_by(settings, "tokens", "create", "somebody", "--role", "examiner")
    assert not loaded & (HEAVY | {"hashmatch.store.snapshot", "plyvel", "hashmatch.api"})
