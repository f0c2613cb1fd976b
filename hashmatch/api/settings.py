"""What a service is told when it starts; its worker processes get the same from their parent."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from hashmatch.config import Settings

PORT: Final = 8460
BACKLOG: Final = 1024  # connections that wait to be accepted
RUNS: Final = "runs"
UPLOADS: Final = "uploads"
NSRLSVR_PORT: Final = 9120  # nsrlsvr's own
NSRLSVR_HOST: Final = "127.0.0.1"  # and nowhere else: its protocol has no place for a token


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one client can take of the service.

    What each is for, and how a service without it fails, was reproduced before the values were chosen: aiohttp keeps an
    idle connection for an hour, waits for a slow body without end, and holds a refused body's connection for 10 s.

    Attributes:
        items: digests or records in one look-up.
        body: bytes of a request's body, streams and lists apart.
        list_file: bytes of an uploaded list.
        idle_seconds: how long a connection may be silent between requests or within headers.
        handshake_seconds: how long the handshake of TLS may take.
        stall_seconds: how long a body may stay behind `pace`, and an answer may wait to be taken.
        pace: bytes a second that a body has to come at, on average from its beginning.
        answer_seconds: how long an answer may be worked on.
        connections: open at once, in each process.
    """

    items: int = 100_000
    body: int = 32 << 20
    list_file: int = 64 << 30
    idle_seconds: float = 15.0
    handshake_seconds: float = 10.0
    stall_seconds: float = 10.0
    pace: int = 16 << 10
    answer_seconds: float = 60.0
    connections: int = 4096


class ServiceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything a process of the service needs to know.

    Attributes:
        evidence_roots: directories beneath which scans may be asked for; none means that none may.
        workers: processes that answer.
        scans_at_once: further scans wait their turn.
        client_ca: certificates that a client's own has to be signed by; None asks for none.
        nsrlsvr_port: where nsrlsvr's protocol is spoken; None for nowhere.
        hashlookup: CIRCL hashlookup's paths are served as well.
        log_requests: a line for each request.
        stop_seconds: how long what is under way may take once the service is told to stop.
    """

    store: str
    sealing_key: str
    trail_key: str | None = None
    checkpoint_copies: str | None = None
    host: str = "127.0.0.1"
    port: int = PORT
    workers: int = 1
    evidence_roots: tuple[str, ...] = ()
    scans_at_once: int = 1
    tls_certificate: str | None = None
    tls_key: str | None = None
    client_ca: str | None = None
    nsrlsvr_port: int | None = None
    hashlookup: bool = False
    log_requests: bool = True
    stop_seconds: float = 20.0
    limits: Limits = Limits()

    @property
    def places(self) -> Settings:
        """Where the store and its keys are."""
        return Settings(
            Path(self.store), Path(self.sealing_key), _optional(self.trail_key), _optional(self.checkpoint_copies)
        )

    @property
    def state(self) -> Path:
        """What the service itself keeps: tokens, budgets, runs."""
        return Path(self.store) / "service"


def _optional(path: str | None) -> Path | None:
    return None if path is None else Path(path)
