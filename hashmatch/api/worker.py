"""One process of the service: `python -m hashmatch.api.worker`, started by `hashmatch.api.server`.

Standard input gives its orders, as one line of JSON, and then stays open for as long as the parent lives: where it
ends, nobody would hear of this process again, so it ends too. On standard output it says that it accepts connections.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from typing import Final

import msgspec

from hashmatch.access.budgets import Budgets
from hashmatch.access.tokens import TOKENS, TokenStore
from hashmatch.api.application import application, routes_of
from hashmatch.api.connections import Connections
from hashmatch.api.deadlines import Deadlines
from hashmatch.api.desk import Desk
from hashmatch.api.hashing import Hashing
from hashmatch.api.known_desk import KnownDesk
from hashmatch.api.logs import log_to_stderr
from hashmatch.api.metrics import Metrics
from hashmatch.api.nsrl_sessions import Sessions
from hashmatch.api.nsrlsvr import Nsrlsvr
from hashmatch.api.openapi import describe
from hashmatch.api.orders import LOOK, READY, Orders
from hashmatch.api.pinned import Pinned
from hashmatch.api.recording import Recording
from hashmatch.api.refusals import Refusals
from hashmatch.api.runs import RunPlaces
from hashmatch.api.service import Service
from hashmatch.api.settings import RUNS, UPLOADS, ServiceSettings
from hashmatch.api.tls import server_context
from hashmatch.api.under_way import UnderWay
from hashmatch.custody.opening import open_trail
from hashmatch.custody.trail import Trail
from hashmatch.errors import HashmatchError
from hashmatch.runs.register import Register

_CANARIES_EVERY: Final = 60.0  # seconds
# Seconds; by Python's 5 ms a thread that looks digests up would hold every other request up for longer than it takes.
_SWITCH_INTERVAL: Final = 0.0005


def main() -> None:
    """Serve until told to stop."""
    log_to_stderr()
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=Orders)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt at the terminal is the parent's to pass on
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sys.setswitchinterval(_SWITCH_INTERVAL)
    asyncio.run(_serve(orders))


async def _serve(orders: Orders) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_reader(sys.stdin.fileno(), stopped.set)
    settings = orders.settings
    trail = open_trail(settings.places)
    service = make_service(settings, trail, orders.metrics)
    connections = Connections(application(service, routes_of(settings)), settings.limits, service.metrics)
    nsrlsvr = Nsrlsvr(Sessions(service.pinned, service.recording, service.metrics), settings.limits)
    checking = loop.create_task(_check_canaries(service))
    with socket.socket(fileno=orders.listening) as listening:
        await connections.listen(listening, server_context(settings))
        if orders.nsrlsvr is not None:
            await nsrlsvr.listen(socket.socket(fileno=orders.nsrlsvr))
        gc.freeze()
        os.write(sys.stdout.fileno(), READY)
        await stopped.wait()
        checking.cancel()
        connections.stop_listening()
        nsrlsvr_closed = loop.create_task(nsrlsvr.close(settings.stop_seconds))
        await service.under_way.finish(settings.stop_seconds)
        await connections.close()
        await nsrlsvr_closed
    await service.close()
    trail.close()


def make_service(settings: ServiceSettings, trail: Trail, metrics_directory: str | None) -> Service:
    """Return what the routes work with."""
    metrics = Metrics(metrics_directory)
    recording = Recording(trail)
    budgets = Budgets(settings.state / "budgets.bin")
    pinned = Pinned(settings.places)
    return Service(
        settings=settings,
        pinned=pinned,
        desk=Desk(trail, budgets, metrics, settings.limits.items),
        known=KnownDesk(pinned),
        recording=recording,
        refusals=Refusals(recording),
        hashing=Hashing(),
        tokens=TokenStore(settings.state / TOKENS),
        budgets=budgets,
        metrics=metrics,
        openapi=describe(routes_of(settings)),
        deadlines=Deadlines(),
        under_way=UnderWay(),
        runs=RunPlaces(Register(settings.state / RUNS, _wake_supervisor), settings.state / UPLOADS),
    )


def _wake_supervisor() -> None:
    with suppress(OSError):  # it looks by itself as well
        os.write(sys.stdout.fileno(), LOOK)


async def _check_canaries(service: Service) -> None:
    """Open the lists before anybody asks, and look their canaries up again and again."""
    while True:
        ready = False
        with suppress(HashmatchError):
            await service.pinned.check()
            ready = True
        service.metrics.ready(ready=ready)
        await asyncio.sleep(_CANARIES_EVERY)


if __name__ == "__main__":
    main()
