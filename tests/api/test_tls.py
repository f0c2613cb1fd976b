"""TLS: 1.3 alone, certificates of clients where they are asked for, and no start with files that cannot be used."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from hashmatch.access.roles import Role
from hashmatch.api.orders import READY, Orders
from hashmatch.api.settings import Limits, ServiceSettings
from hashmatch.config import Settings
from tests.api.certificates import Authority, Files, write_key
from tests.api.service import Running, bearer, serving, token_store
from tests.api.test_service import until
from tests.madeup import digests, hashmatch, take_in, write_list

QUESTION = {"algorithm": "md5", "digests": [digests(1)[0].hex()]}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "made-up authority")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    base = tmp_path_factory.mktemp("tls")
    settings = Settings(base / "store", base / "keys" / "sealing.key")
    take_in(settings, write_list(base / "list", digests(10)))
    return settings


@pytest.fixture(scope="module")
def service(store: Settings, authority: Authority) -> Iterator[Running]:
    """A service that asks clients for certificates."""
    with serving(store, *tls_words(authority.server()), "--client-ca", authority.certificate) as running:
        yield running


def tls_words(files: Files) -> tuple[str | Path, ...]:
    return "--tls-certificate", files.certificate, "--tls-key", files.key


def trusting(authority: Authority, client: Files | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.certificate)
    if client is not None:
        context.load_cert_chain(client.certificate, client.key)
    return context


def encrypting(store: Settings, authority: Authority, limits: Limits) -> ServiceSettings:
    files = authority.server("limited")
    return ServiceSettings(
        os.fspath(store.store),
        os.fspath(store.sealing_key),
        tls_certificate=os.fspath(files.certificate),
        tls_key=os.fspath(files.key),
        limits=limits,
    )


@contextmanager
def worker(settings: ServiceSettings, listening: socket.socket, metrics: Path) -> Iterator[str]:
    """Run one worker without its parent, and give the base of its URLs."""
    words = ["env", f"PROMETHEUS_MULTIPROC_DIR={metrics}", sys.executable, "-m", "hashmatch.api.worker"]
    orders = Orders(settings, listening.fileno(), None, os.fspath(metrics))
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(listening.fileno(),)
    ) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        started.stdin.write(msgspec.json.encode(orders) + b"\n")
        started.stdin.flush()
        assert started.stdout.readline() == READY
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        started.stdin.close()  # as its parent's death would
    assert started.returncode == 0


async def asked(service: Running, context: ssl.SSLContext, headers: dict[str, str]) -> int:
    """Return the status that a look-up gets, on a connection of its own."""
    async with (
        aiohttp.ClientSession(service.base, headers=headers) as session,
        session.post("/v1/lookups", json=QUESTION, ssl=context) as response,
    ):
        return response.status


async def refused(service: Running, context: ssl.SSLContext, headers: dict[str, str]) -> None:
    """See that a client gets no answer at all; that its certificate is refused may reach it after it has asked."""
    with pytest.raises((aiohttp.ClientError, ssl.SSLError, ConnectionError)):
        await asked(service, context, headers)


async def test_the_service_speaks_tls(settings: Settings, authority: Authority, tmp_path: Path) -> None:
    """Clients that trust its certificate are answered, others see whom they do not trust; plain HTTP gets nothing."""
    take_in(settings, write_list(tmp_path / "list", digests(10)))
    with serving(settings, "--workers", "2", *tls_words(authority.server("another"))) as service:
        assert service.base.startswith("https://127.0.0.1:")
        headers = bearer(settings)
        for _ in range(4):
            assert await asked(service, trusting(authority), headers) == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await asked(service, ssl.create_default_context(), headers)
        with socket.create_connection(("127.0.0.1", service.port)) as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"HTTP" not in plain.recv(1000)


@pytest.mark.parametrize(
    ("host", "encrypted", "warned"), [("127.0.0.2", False, False), ("0.0.0.0", False, True), ("0.0.0.0", True, False)]
)
def test_what_crosses_the_network_in_the_clear_is_warned_of(
    settings: Settings, authority: Authority, host: str, encrypted: bool, warned: bool
) -> None:
    """Where the service can be reached from elsewhere and has no certificate, its log says so."""
    words = tls_words(authority.server("network")) if encrypted else ()
    with serving(settings, "--host", host, *words) as service:
        assert ("no TLS" in service.log.read_text()) is warned


async def test_curl_speaks_with_it(service: Running, authority: Authority) -> None:
    """As the page about the service says."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    client = authority.client("curl")
    words: list[str | Path] = ["--cacert", authority.certificate, "--cert", client.certificate, "--key", client.key]
    done = subprocess.run([curl, "-sf", *words, f"{service.base}/healthz"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, '{"status": "ok"}')


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1])
async def test_earlier_versions_are_refused(service: Running, authority: Authority, version: ssl.TLSVersion) -> None:
    """A client that has no 1.3 is not answered, whatever else it has; what is spoken is 1.3."""
    context = trusting(authority, authority.client("old"))
    context.maximum_version = version
    context.minimum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", service.port)) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname="127.0.0.1")
    current = trusting(authority, authority.client("current"))
    with (
        socket.create_connection(("127.0.0.1", service.port)) as plain,
        current.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
    ):
        assert wrapped.version() == "TLSv1.3"


async def test_a_client_shows_its_certificate(service: Running, authority: Authority) -> None:
    """With one of the authority and a token it is answered; a certificate takes no token's place."""
    context = trusting(authority, authority.client("workstation"))
    assert await asked(service, context, bearer(service.settings)) == 200
    assert await asked(service, context, {}) == 401


async def test_a_client_without_a_good_certificate_gets_nothing(
    service: Running, authority: Authority, tmp_path: Path
) -> None:
    """None, another authority's of the same name, an expired one, one that is a server's: a token does not help."""
    headers = bearer(service.settings)
    expired = authority.client("expired", until=datetime.now(UTC) - timedelta(minutes=1))
    foreign = Authority(tmp_path, "made-up authority").client("foreign")
    for client in (None, foreign, expired, authority.server("a server")):
        await refused(service, trusting(authority, client), headers)
    assert await asked(service, trusting(authority, authority.client("good")), headers) == 200


async def test_a_session_is_not_taken_up_again(service: Running, authority: Authority) -> None:
    """Every connection shows its certificate."""
    context = trusting(authority, authority.client("again"))

    def session() -> ssl.SSLSession | None:
        with (
            socket.create_connection(("127.0.0.1", service.port)) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
        ):
            wrapped.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert wrapped.recv(1000).startswith(b"HTTP/1.1 200")
            return wrapped.session

    found = await asyncio.to_thread(session)
    assert found is None or not found.has_ticket


def test_a_client_that_does_not_take_its_answer_is_let_go(
    store: Settings, authority: Authority, tmp_path: Path
) -> None:
    """What waits for it encrypted is seen as well as what would wait in the clear."""
    limits = Limits(stall_seconds=1.0, pace=1 << 20)
    body = msgspec.json.encode({"algorithm": "md5", "digests": [digests(1)[0].hex()] * 100_000})
    _, secret = token_store(store).create("slow", Role.EXAMINER, now=datetime.now(UTC))
    head = f"POST /v1/lookups HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        worker(encrypting(store, authority, limits), listening, tmp_path),
        socket.create_connection(listening.getsockname()) as plain,
        trusting(authority).wrap_socket(plain, server_hostname="127.0.0.1") as client,
    ):
        client.sendall(head.encode() + body)
        begin = client.recv(1000)
        length = int(begin.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
        time.sleep(4)
        taken = len(begin)
        with suppress(ConnectionError):
            while piece := client.recv(1 << 20):
                taken += len(piece)
        assert taken < length


async def test_handshakes_that_go_nowhere_are_bounded(store: Settings, authority: Authority, tmp_path: Path) -> None:
    """A connection counts from its first packet; one that is too many is closed at once, and there is room again."""
    settings = encrypting(store, authority, Limits(connections=5, handshake_seconds=1.0))
    with socket.create_server(("127.0.0.1", 0)) as listening, worker(settings, listening, tmp_path) as base:
        address = listening.getsockname()
        opened = [socket.create_connection(address) for _ in range(5)]
        with socket.create_connection(address, timeout=5) as refused_one:
            assert refused_one.recv(1) == b""
        for each in opened:
            each.settimeout(30)
            assert each.recv(1) == b""
            each.close()

        async def answers() -> bool:
            try:
                async with aiohttp.ClientSession(base) as session:
                    return (await session.get("/healthz", ssl=trusting(authority))).status == 200
            except aiohttp.ClientConnectionError:
                return False

        await until(answers)


def test_files_that_cannot_be_used(settings: Settings, authority: Authority, tmp_path: Path) -> None:
    """Each is a usage error that names the file, before anything is made or listened at."""
    good, other = authority.server("good"), authority.server("other")
    absent, garbage, secret = tmp_path / "absent", tmp_path / "garbage", tmp_path / "secret.key"
    garbage.write_bytes(b"garbage")
    garbage.chmod(0o600)
    write_key(secret, ec.generate_private_key(ec.SECP256R1()), b"a passphrase")
    shown = tmp_path / "open.key"
    shutil.copy(good.key, shown)
    shown.chmod(0o644)
    for words, said in (
        (("--tls-certificate", good.certificate), "a certificate and its key"),
        (("--tls-key", good.key), "a certificate and its key"),
        (("--client-ca", authority.certificate), "a certificate and its key"),
        (tls_words(Files(absent, good.key)), "absent"),
        (tls_words(Files(good.certificate, absent)), "absent"),
        (tls_words(Files(garbage, good.key)), "garbage"),
        (tls_words(Files(good.certificate, garbage)), "garbage"),
        (tls_words(Files(good.certificate, other.key)), "key values mismatch"),
        (tls_words(Files(good.certificate, secret)), "passphrase"),
        (tls_words(Files(good.certificate, shown)), "got 0644"),
        ((*tls_words(good), "--client-ca", absent), "absent"),
        ((*tls_words(good), "--client-ca", garbage), "garbage"),
    ):
        done = hashmatch(settings, "serve", "--port", "0", *words, stdin=subprocess.DEVNULL, timeout=60)
        assert done.returncode == 2, (words, done.stderr)
        assert said in done.stderr
        assert "PRIVATE KEY" not in done.stderr
