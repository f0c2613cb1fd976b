"""Tokens: shown once, kept as a hash, found by their secret alone, and gone at once when revoked."""

from __future__ import annotations

import base64
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from hashmatch.access.budgets import Budget
from hashmatch.access.roles import Role
from hashmatch.access.token_file import Token
from hashmatch.access.tokens import FIRST_TOKEN, TOKENS, TokenStore, first_token
from hashmatch.errors import NoSuchToken, NotAuthenticated, StoreUnwritable, UsageError

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "service" / TOKENS


def made(path: Path, name: str = "somebody", role: Role = Role.EXAMINER) -> tuple[Token, str]:
    return TokenStore(path).create(name, role, now=NOW)


def test_a_secret_opens_what_it_was_made_for(path: Path) -> None:
    """Everything that a token was made with is there again when its secret comes, in this process and in another."""
    budget = Budget(requests=10, digests=1000, misses=100)
    expires = NOW + timedelta(days=90)
    store = TokenStore(path)
    token, secret = store.create(
        "A. Examiner", Role.EXAMINER, cases=["17", "18"], expires=expires, budget=budget, now=NOW
    )
    assert token == Token(token.id, "A. Examiner", Role.EXAMINER, ("17", "18"), NOW, expires, None, budget)
    assert store.authenticate(secret, NOW) == token
    assert TokenStore(path).authenticate(secret, NOW) == token
    assert store.all() == (token,)


def test_a_secret_has_256_random_bits_and_is_not_kept(path: Path) -> None:
    """Its form is `hm_<id>_<base64url>`; neither its text nor its bytes are in the file, whose mode is 0600."""
    secrets = [made(path)[1] for _ in range(20)]
    content = path.read_bytes()
    for secret in secrets:
        prefix, token_id, text = secret.split("_", 2)
        octets = base64.urlsafe_b64decode(text + "=")
        assert (prefix, len(token_id), len(octets)) == ("hm", 12, 32)
        assert token_id.encode() in content
        for form in (text, octets.hex(), base64.b64encode(octets).decode().rstrip("=")):
            assert form.encode() not in content
    assert len(set(secrets)) == 20
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_any_other_secret_opens_nothing(path: Path) -> None:
    """One character more, less or another, another token's id, or no secret at all: the same error."""
    _, secret = made(path)
    _, other = made(path)
    store = TokenStore(path)
    wrong = [secret[:at] + ("A" if secret[at] != "A" else "B") + secret[at + 1 :] for at in range(len(secret))]
    wrong += [
        "",
        "hm_",
        secret + "=",
        secret + "\n",
        " " + secret,
        secret[:-1],
        secret.upper(),
        "\udcff" * 59,
        "é" * 59,
    ]
    wrong += [other[:16] + secret[16:], secret[3:], secret.replace("hm_", "hm-"), secret + "A"]
    for each in wrong:
        with pytest.raises(NotAuthenticated) as caught:
            store.authenticate(each, NOW)
        assert secret[16:] not in str(caught.value)
    assert store.authenticate(secret, NOW).id != store.authenticate(other, NOW).id


def test_a_token_expires(path: Path) -> None:
    """It opens everything until its time, and nothing from then on."""
    expires = NOW + timedelta(hours=1)
    store = TokenStore(path)
    _, secret = store.create("somebody", Role.AUDITOR, expires=expires, now=NOW)
    store.authenticate(secret, expires - timedelta(microseconds=1))
    for later in (expires, expires + timedelta(days=9)):
        with pytest.raises(NotAuthenticated, match="expired"):
            store.authenticate(secret, later)


def test_a_revocation_holds_at_once_for_whoever_has_the_file_open(path: Path) -> None:
    """Of many changes in quick succession none is overlooked, though each file is as long as the one before."""
    watching = TokenStore(path)
    tokens = [made(path) for _ in range(60)]
    for _, secret in tokens:
        watching.authenticate(secret, NOW)
    for token, secret in tokens:
        revoked = TokenStore(path).revoke(token.id, NOW)
        assert revoked.revoked == NOW
        with pytest.raises(NotAuthenticated, match="revoked"):
            watching.authenticate(secret, NOW)
    assert all(token.revoked for token in watching.all())


def test_another_process_revokes(path: Path) -> None:
    """A service that runs sees what `hashmatch tokens revoke` does beside it."""
    token, secret = made(path)
    store = TokenStore(path)
    store.authenticate(secret, NOW)
    program = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from hashmatch.access.tokens import TokenStore\n"
        "TokenStore(Path(sys.argv[1])).revoke(sys.argv[2], datetime.now(UTC))"
    )
    subprocess.run([sys.executable, "-c", program, path, token.id], check=True)
    with pytest.raises(NotAuthenticated, match="revoked"):
        store.authenticate(secret, NOW)


def test_revoking_again_keeps_the_first_time(path: Path) -> None:
    """When a token ended is not rewritten; an id that no token has is an error."""
    token, _ = made(path)
    store = TokenStore(path)
    first = store.revoke(token.id, NOW + timedelta(hours=1))
    assert store.revoke(token.id, NOW + timedelta(hours=2)) == first
    with pytest.raises(NoSuchToken):
        store.revoke("0" * 12, NOW)


def test_processes_that_create_at_once_lose_nothing(path: Path) -> None:
    """Each waits for the other; every token that was shown is there afterwards."""
    program = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from hashmatch.access.roles import Role\n"
        "from hashmatch.access.tokens import TokenStore\n"
        "store = TokenStore(Path(sys.argv[1]))\n"
        "for n in range(25): print(store.create(f'{sys.argv[2]}-{n}', Role.EXAMINER, now=datetime.now(UTC))[1])"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, path, str(n)], stdout=subprocess.PIPE, text=True)
        for n in range(4)
    ]
    secrets = [secret for each in running for secret in each.communicate(timeout=60)[0].split()]
    assert [each.returncode for each in running] == [0] * 4
    store = TokenStore(path)
    assert {store.authenticate(secret, datetime.now(UTC)).name for secret in secrets} == {
        f"{process}-{n}" for process in range(4) for n in range(25)
    }


def test_no_file_is_no_token(path: Path) -> None:
    """Before the first token nobody is let in, and asking makes nothing; a file that goes takes its tokens along."""
    store = TokenStore(path)
    assert store.all() == ()
    with pytest.raises(NotAuthenticated):
        store.authenticate("hm_" + "0" * 12 + "_" + "A" * 43, NOW)
    assert not path.parent.exists()
    _, secret = made(path)
    store.authenticate(secret, NOW)
    path.unlink()
    with pytest.raises(NotAuthenticated):
        store.authenticate(secret, NOW)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("", {}), ("x" * 101, {}), ("two\nlines", {}), ("\x1b[31m", {}), ("5a" * 16, {}), ("a", {"cases": [""]}),
        ("a", {"cases": ["x" * 257]}), ("a", {"cases": ["5A" * 32]}), ("a", {"cases": ["17"] * 101}),
        ("a", {"expires": NOW}), ("a", {"expires": NOW.replace(year=2999, tzinfo=None)}),
        ("a", {"expires": datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12)))}),
        ("a", {"expires": NOW - timedelta(1)}), ("a", {"budget": Budget(misses=0)}),
        ("a", {"budget": Budget(requests=-1)}), ("a", {"budget": Budget(digests=10**12 + 1)}),
        ("a", {"role": Role.ADMIN, "cases": ["17"]}), ("a", {"role": Role.CUSTODIAN, "cases": ["17"]}),
    ],
)  # fmt: skip
def test_what_makes_no_token(path: Path, name: str, more: dict[str, object]) -> None:
    """Texts the audit trail could not repeat, a time that is over, senseless budgets and cases; nothing is written."""
    given_ = {"role": Role.EXAMINER, "now": NOW} | more
    with pytest.raises(UsageError):
        TokenStore(path).create(name, **given_)  # type: ignore[arg-type]
    assert not path.parent.exists()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """It is said, and no secret is shown for a token that is not there."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnwritable):
        made(tmp_path / "file" / TOKENS)


def test_the_first_start_makes_one_token(tmp_path: Path) -> None:
    """An examiner's, its secret in a file of mode 0600; no later start makes another."""
    directory = tmp_path / "service"
    secret_path = first_token(directory, NOW)
    assert secret_path == directory / FIRST_TOKEN
    assert secret_path.stat().st_mode & 0o777 == 0o600
    store = TokenStore(directory / TOKENS)
    token = store.authenticate(secret_path.read_text().rstrip("\n"), NOW)
    assert (token.role, token.expires, token.cases) == (Role.EXAMINER, None, ())
    assert first_token(directory, NOW) is None
    store.revoke(token.id, NOW)
    assert first_token(directory, NOW) is None
    assert len(store.all()) == 1


def test_no_first_token_where_somebody_made_one(tmp_path: Path) -> None:
    """Whoever made tokens before the first start wants those; nor does damage bring a new one about."""
    directory = tmp_path / "service"
    made(directory / TOKENS)
    assert first_token(directory, NOW) is None
    (directory / TOKENS).write_bytes(b"damage")
    assert first_token(directory, NOW) is None
    assert not (directory / FIRST_TOKEN).exists()


def test_a_first_start_that_died_is_made_up_for(tmp_path: Path) -> None:
    """Where the secret was written and its token was not, the next start makes both anew."""
    directory = tmp_path / "service"
    first_token(directory, NOW)
    (directory / TOKENS).unlink()
    secret_path = first_token(directory, NOW)
    assert secret_path is not None
    TokenStore(directory / TOKENS).authenticate(secret_path.read_text().strip(), NOW)
