"""Figures for Prometheus. No digest, path, case or count of matches is in any of them: each would be case
information.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 60.0)


class RouteMetrics:
    """The figures of one route; finding them by name at each request would cost more than a look-up does."""

    def __init__(self, seconds: Histogram, requests: Callable[[int], Counter]) -> None:
        self._seconds = seconds
        self._requests = requests
        self._by_status: dict[int, Counter] = {}

    def answered(self, status: int, seconds: float) -> None:
        """Count a request."""
        counter = self._by_status.get(status)
        if counter is None:
            counter = self._by_status[status] = self._requests(status)
        counter.inc()
        self._seconds.observe(seconds)


class Metrics:
    """The figures of one worker process; where several share a directory, each shows those of all."""

    def __init__(self, shared: str | None) -> None:
        """Begin at zero.

        Args:
            shared: the directory in which the processes of a service keep their figures; None for one process alone.
        """
        self._registry = CollectorRegistry()
        self._shared = shared
        registry = self._registry
        self._requests = Counter(
            "hashmatch_requests", "Requests by route and status.", ("method", "route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "hashmatch_request_seconds", "Time to an answer.", ("route",), buckets=_SECONDS, registry=registry
        )
        self._digests = Counter("hashmatch_digests_looked_up", "Digests and records looked up.", registry=registry)
        self._bytes = Counter("hashmatch_stream_bytes", "Bytes of streams hashed.", registry=registry)
        self._connections = Gauge(
            "hashmatch_connections", "Open connections.", registry=registry, multiprocess_mode="livesum"
        )
        self._ready = Gauge(
            "hashmatch_ready", "1 where a verified snapshot is open.", registry=registry, multiprocess_mode="livemin"
        )

    def route(self, method: str, route: str) -> RouteMetrics:
        """Return the figures of one route."""
        return RouteMetrics(
            self._seconds.labels(route), lambda status: self._requests.labels(method, route, str(status))
        )

    def looked_up(self, count: int) -> None:
        self._digests.inc(count)

    def hashed(self, octets: int) -> None:
        self._bytes.inc(octets)

    def connected(self, connections: int) -> None:
        self._connections.set(connections)

    def ready(self, *, ready: bool) -> None:
        self._ready.set(int(ready))

    def exposition(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        if self._shared is None:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, self._shared)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
