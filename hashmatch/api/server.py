"""The parent process of the service: it holds the sockets, keeps workers alive, and speaks no HTTP itself."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import msgspec

from hashmatch.api.orders import LOOK, READY, Orders
from hashmatch.api.settings import BACKLOG, NSRLSVR_HOST, RUNS, UPLOADS, ServiceSettings
from hashmatch.api.tls import server_context
from hashmatch.custody.events import Action, EventOutcome
from hashmatch.custody.opening import recording
from hashmatch.custody.trail import Trail
from hashmatch.errors import AuditError, HashmatchError, StoreLocked, UsageError
from hashmatch.runs.files import Places
from hashmatch.runs.register import Register
from hashmatch.runs.supervisor import Supervisor

_log: Final = logging.getLogger("hashmatch.server")

_AGAIN_SECONDS: Final = 0.5  # before a worker that died is replaced
_CHECKPOINTS_EVERY: Final = 5.0  # seconds between looks
_ALLOCATOR: Final = ("MALLOC_MMAP_THRESHOLD_=8388608", "MALLOC_TRIM_THRESHOLD_=67108864")  # bytes
_FAILURES: Final = 5  # workers in a row that died before they were ready


def serve(settings: ServiceSettings, announce: Callable[[str], None]) -> None:
    """Run the service until SIGTERM or SIGINT.

    Args:
        settings: of the service.
        announce: called with each address once every worker accepts connections, that of HTTP first.

    Raises:
        UsageError: the address cannot be listened at, or what TLS needs cannot be used.
        StoreLocked: a service runs on this store already.
        AuditUnwritable: that the service starts cannot be recorded.
        HashmatchError: workers do not come up.
    """
    server_context(settings)  # each worker makes its own; what is wrong is told before there are any
    with ExitStack() as stack:
        stack.enter_context(_only_service(settings.state))
        doors = _doors(settings)
        for door in doors:
            for listening in door.sockets():
                stack.enter_context(listening)
        if settings.tls_certificate is None and not ip_address(doors[0].http.getsockname()[0]).is_loopback:
            _log.warning("no TLS: tokens and digests cross the network for anybody to read")
        metrics = stack.enter_context(_private_directory())
        recorder = stack.enter_context(recording(settings.places))
        recorder.record(Action.SERVICE_START, EventOutcome.DONE, counts={"workers": settings.workers})
        asyncio.run(_Parent(settings, doors, metrics, recorder.trail, announce).run())
        recorder.record(Action.SERVICE_END, EventOutcome.DONE)


@dataclass(frozen=True, slots=True)
class _Door:
    """The listening sockets of one worker."""

    http: socket.socket
    nsrlsvr: socket.socket | None

    def sockets(self) -> list[socket.socket]:
        return [self.http] if self.nsrlsvr is None else [self.http, self.nsrlsvr]


class _Parent:
    def __init__(
        self,
        settings: ServiceSettings,
        doors: list[_Door],
        metrics: Path,
        trail: Trail,
        announce: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._doors = doors
        self._metrics = metrics
        self._trail = trail
        self._announce = announce
        self._stopping = asyncio.Event()
        self._ready = 0
        self._supervisor = _supervisor(settings, trail)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        async with asyncio.TaskGroup() as group:
            for door in self._doors:
                group.create_task(self._keep_a_worker(door))
            group.create_task(self._supervisor.run())
            group.create_task(self._stop_what_is_shared())
            group.create_task(self._sign_checkpoints())

    async def _stop_what_is_shared(self) -> None:
        """End runs once the service stops, and let go of the sockets: what is new is refused, not left waiting."""
        await self._stopping.wait()
        self._supervisor.stop()
        for door in self._doors:
            for listening in door.sockets():
                listening.close()

    async def _sign_checkpoints(self) -> None:
        """Have a checkpoint signed when one is due, also where nothing more is recorded."""
        while not self._stopping.is_set():
            try:
                await asyncio.to_thread(self._trail.checkpoint_if_due)
            except AuditError as error:
                _log.error("no checkpoint", extra={"fields": {"code": error.code, "detail": str(error)}})
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _CHECKPOINTS_EVERY)

    async def _keep_a_worker(self, door: _Door) -> None:
        failures = 0
        while not self._stopping.is_set():
            worker = await self._start(door)
            stopping = asyncio.create_task(self._stop(worker))
            failures = 0 if await self._came_up(worker) else failures + 1
            await self._heed(worker)
            status = await worker.wait()
            stopping.cancel()
            _forget(self._metrics, worker.pid)
            if self._stopping.is_set():
                return
            _log.error("a worker process ended", extra={"fields": {"ended": _how_it_ended(status)}})
            if failures == _FAILURES:
                raise HashmatchError(f"worker processes end before they are ready: {_how_it_ended(status)}")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _AGAIN_SECONDS)

    async def _start(self, door: _Door) -> asyncio.subprocess.Process:
        # prometheus_client takes the directory that processes share from the environment alone, and so does the C
        # library its thresholds: by the usual ones it asks the kernel for new pages for every piece of a stream.
        worker = await asyncio.create_subprocess_exec(
            *("env", f"PROMETHEUS_MULTIPROC_DIR={self._metrics}", *_ALLOCATOR),
            *(sys.executable, "-m", "hashmatch.api.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[listening.fileno() for listening in door.sockets()],
        )
        assert worker.stdin is not None
        nsrlsvr = None if door.nsrlsvr is None else door.nsrlsvr.fileno()
        orders = Orders(self._settings, door.http.fileno(), nsrlsvr, os.fspath(self._metrics))
        worker.stdin.write(msgspec.json.encode(orders) + b"\n")
        return worker

    async def _came_up(self, worker: asyncio.subprocess.Process) -> bool:
        assert worker.stdout is not None
        if await worker.stdout.readline() != READY:
            return False
        self._ready += 1
        if self._ready == len(self._doors):
            first = self._doors[0]
            self._announce(address(self._settings, first.http.getsockname()[1]))
            if first.nsrlsvr is not None:
                self._announce(f"{NSRLSVR_HOST}:{first.nsrlsvr.getsockname()[1]} (nsrlsvr)")
        return True

    async def _heed(self, worker: asyncio.subprocess.Process) -> None:
        """Wake the supervisor whenever the worker says that there is something to do, until it ends."""
        assert worker.stdout is not None
        while await worker.stdout.readline() == LOOK:
            self._supervisor.wake()

    async def _stop(self, worker: asyncio.subprocess.Process) -> None:
        await self._stopping.wait()
        with suppress(ProcessLookupError):
            worker.terminate()
            # What is under way has its time; a worker that does not end by itself after that is ended.
            await asyncio.sleep(self._settings.stop_seconds + 5)
            worker.kill()


def _supervisor(settings: ServiceSettings, trail: Trail) -> Supervisor:
    uploads = os.fspath(settings.state / UPLOADS)
    return Supervisor(
        Register(settings.state / RUNS),
        Places(
            settings.store,
            settings.sealing_key,
            uploads,
            settings.evidence_roots,
            settings.trail_key,
            settings.checkpoint_copies,
        ),
        lambda: datetime.now(UTC),
        trail.record,
        at_once=settings.scans_at_once,
    )


def address(settings: ServiceSettings, port: int) -> str:
    """Return the base of the service's URLs."""
    scheme = "https" if settings.tls_certificate else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{port}"


def _doors(settings: ServiceSettings) -> list[_Door]:
    """Return what each worker listens at."""
    http = _listen(settings.host, settings.port, settings.workers)
    if settings.nsrlsvr_port is None:
        return [_Door(listening, None) for listening in http]
    nsrlsvr = _listen(NSRLSVR_HOST, settings.nsrlsvr_port, settings.workers)
    return [_Door(*both) for both in zip(http, nsrlsvr, strict=True)]


def _listen(host: str, port: int, count: int) -> list[socket.socket]:
    """Return as many listening sockets at one address as there are workers.

    Each worker has a socket, not all the same: the kernel then spreads connections evenly, and a worker that takes a
    dead one's place takes over what waits there.
    """
    try:
        (family, kind, protocol, _, at), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with socket.socket(family, kind, protocol) as probe:
            # Sockets that share an address would share it with another service of the same user as well.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(at)
            at = (at[0], probe.getsockname()[1], *at[2:])
        sockets = []
        for _ in range(count):
            made = socket.socket(family, kind, protocol)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            made.bind(at)
            made.listen(BACKLOG)
            sockets.append(made)
    except OSError as error:
        raise UsageError(f"cannot listen at {host}, port {port}: {error.strerror}") from None
    return sockets


@contextmanager
def _only_service(state: Path) -> Iterator[None]:
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(state / "lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StoreLocked(f"{state}: a service runs on this store already") from None
    finally:
        os.close(lock)


@contextmanager
def _private_directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="hashmatch-metrics-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _forget(metrics: Path, pid: int) -> None:
    """Remove what a worker that ended said of its state; what it has counted stays."""
    for figures in metrics.glob(f"gauge_live*_{pid}.db"):
        figures.unlink()


def _how_it_ended(status: int) -> str:
    return f"exit code {status}" if status >= 0 else signal.Signals(-status).name
