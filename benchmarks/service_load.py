"""How much the service carries: `python -m benchmarks.service_load --place DIR --into DIR [--entries N] [--minutes N]`.

Single look-ups under wrk, at several numbers of connections; a stream of 1 GiB beside hashing the same bytes in memory;
memory over minutes of look-ups and streams. Servers and clients are on one machine and share its cores. A row for every
measurement goes to `load.csv`, the medians to `load.md`.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from hashmatch.bench import listfiles, machine
from hashmatch.digests import ALL_ALGORITHMS, Algorithm, mask_of
from hashmatch.hashing.streams import Stream, description

HASHMATCH: Final = Path(sys.executable).with_name("hashmatch")
CONNECTIONS: Final = (1, 8, 32, 64)
GIB: Final = 1 << 30
PIECE: Final = 1 << 20
_SCRIPT: Final = """
local lines = {{}}
for line in io.lines("{digests}") do lines[#lines + 1] = line end
local at = 0
request = function()
  at = at % #lines + 1
  local headers = {{["Authorization"] = "Bearer {token}", ["Content-Type"] = "application/json"}}
  return wrk.format("POST", "/v1/lookups", headers, '{{"algorithm":"md5","digests":["' .. lines[at] .. '"]}}')
end
"""


class Row(NamedTuple):
    """One measurement."""

    benchmark: str
    program: str
    run: int
    figure: str
    value: float
    unit: str


@dataclass(frozen=True)
class Store:
    """A store with a long list of MD5s and, for streams, a short one of all algorithms."""

    directory: Path
    entries: int

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "HASHMATCH_STORE": str(self.directory / "store"),
            "HASHMATCH_SEALING_KEY": str(self.directory / "keys" / "sealing.key"),
        }

    def make(self) -> None:
        """Import the lists, unless they are there."""
        if (self.directory / "store" / "active.json").exists():
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        long = listfiles.md5_list(self.directory / "long.md5", self.entries)
        self._import(long, "long", "--algorithm", "md5")
        self._import(listfiles.full_list(self.directory / "full.csv", []), "full")

    def _import(self, path: Path, list_id: str, *more: str) -> None:
        words: list[str | Path] = [
            HASHMATCH,
            "lists",
            "import",
            path,
            "--id",
            list_id,
            "--release",
            "1",
            "--type",
            "notable",
            *more,
        ]
        run: list[str | Path] = [*words, "--authority", "nobody: made up", "--unsigned"]
        subprocess.run(run, env=self.environment(), check=True, stdout=subprocess.DEVNULL)


@dataclass(frozen=True)
class Service:
    """A running service of one worker process."""

    port: int
    token: str
    worker: int

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.worker}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Return the bytes of memory that the worker has for itself or shares: PSS."""
        text = Path(f"/proc/{self.worker}/smaps_rollup").read_text()
        found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
        assert found is not None
        return int(found[1]) << 10

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.worker}/fd"))


@contextmanager
def serving(store: Store) -> Iterator[Service]:
    words: list[str | Path] = [HASHMATCH, "serve", "--port", "0", "--no-log-requests"]
    with subprocess.Popen(words, env=store.environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = next(line for line in process.stdout if line.startswith("listening at "))
        token = (store.directory / "store" / "service" / "first-token").read_text().strip()
        below = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        try:
            yield Service(int(address.strip().rpartition(":")[2]), token, int(below[0]))
        finally:
            process.send_signal(signal.SIGTERM)


def single(store: Store, service: Service, seconds: int, runs: int) -> Iterator[Row]:
    """Measure requests of one digest each, half of them listed."""
    asked = store.directory / "asked"
    half = 50_000
    both = zip(listfiles.present(store.entries, half), listfiles.absent(half), strict=True)
    asked.write_text("".join(f"{listed}\n{absent}\n" for listed, absent in both))
    script = store.directory / "single.lua"
    script.write_text(_SCRIPT.format(digests=asked, token=service.token))
    url = f"http://127.0.0.1:{service.port}"
    for run in range(runs):
        for connections in CONNECTIONS:
            words: list[str | Path] = [
                "wrk",
                "-t1",
                f"-c{connections}",
                f"-d{seconds}s",
                "--latency",
                "-s",
                script,
                url,
            ]
            before = service.cpu_seconds()
            said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
            used = service.cpu_seconds() - before
            name = f"single/{connections} connections"
            if "Non-2xx" in said:
                raise SystemExit(f"{name}: {said}")
            requests = float(_found(r"(\d+) requests in", said))
            yield Row(name, "hashmatch", run, "requests", float(_found(r"Requests/sec:\s+([\d.]+)", said)), "1/s")
            for share in ("50", "99"):
                yield Row(name, "hashmatch", run, f"p{share}", _milliseconds(share, said), "ms")
            yield Row(name, "hashmatch", run, "cpu", used / requests * 1e6, "us a request")


def streams(service: Service, runs: int) -> Iterator[Row]:
    """Measure a stream of 1 GiB, and in turn the hashing of as many bytes that are in memory already."""
    for run in range(runs):
        yield Row("stream/1 GiB", description(), run, "rate", _hashing(ALL_ALGORITHMS), "MiB/s")
        before = service.cpu_seconds()
        yield Row("stream/1 GiB", "hashmatch", run, "rate", _streaming(service, GIB), "MiB/s")
        yield Row("stream/1 GiB", "hashmatch", run, "cpu", service.cpu_seconds() - before, "s")


def memory(store: Store, service: Service, minutes: float) -> Iterator[Row]:
    """Sample memory and descriptors over minutes of look-ups and streams."""
    script = store.directory / "single.lua"
    url = f"http://127.0.0.1:{service.port}"
    words: list[str | Path] = ["wrk", "-t1", "-c16", f"-d{int(minutes * 60)}s", "-s", script, url]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as load:
        started = time.monotonic()
        number = 0
        while load.poll() is None:
            _streaming(service, 64 << 20)
            if time.monotonic() - started >= number * 10:
                yield Row("memory", "hashmatch", number, "pss", service.memory() / (1 << 20), "MiB")
                yield Row("memory", "hashmatch", number, "descriptors", service.descriptors(), "")
                number += 1


def _hashing(algorithms: Sequence[Algorithm]) -> float:
    stream, piece = Stream(mask_of(algorithms)), bytes(PIECE)
    started = time.perf_counter()
    for _ in range(GIB // PIECE):
        stream.update(piece)
    return 1024 / (time.perf_counter() - started)


def _streaming(service: Service, size: int) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", service.port)
    piece = bytes(PIECE)
    started = time.perf_counter()
    headers = {"Authorization": f"Bearer {service.token}", "Content-Type": "application/octet-stream"}
    headers["Content-Length"] = str(size)
    connection.request("POST", "/v1/streams", (piece for _ in range(size // PIECE)), headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    seconds = time.perf_counter() - started
    connection.close()
    if response.status != http.client.OK or answer["results"][0]["outcome"] != "no_match":
        raise SystemExit(f"stream: {response.status}")
    return size / (1 << 20) / seconds


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, text
    return found[1]


def _milliseconds(share: str, said: str) -> float:
    found = re.search(rf"{share}%\s+([\d.]+)(us|ms|s)\b", said)
    assert found is not None, said
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


def summary(rows: Sequence[Row], facts: dict[str, object]) -> str:
    """Return the medians as a table, and what memory did."""
    on = f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB, {facts['kernel']}"
    lines = [
        "# Load of the service",
        "",
        f"{on}. One worker process; clients on the same machine.",
        "",
        "| benchmark | program | figure | median | |",
        "|---|---|---|---|---|",
    ]
    grouped: dict[tuple[str, str, str, str], list[float]] = {}
    for row in rows:
        grouped.setdefault((row.benchmark, row.program, row.figure, row.unit), []).append(row.value)
    for (benchmark, program, figure, unit), values in grouped.items():
        if benchmark != "memory":
            lines.append(f"| {benchmark} | {program} | {figure} | {statistics.median(values):,.1f} | {unit} |")
        else:
            span = f"{values[0]:,.1f} at first, {max(values):,.1f} at most, {values[-1]:,.1f} at last"
            lines.append(f"| {benchmark} | {program} | {figure} | {span} | {unit} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--place", type=Path, required=True, help="where the store is made, or was made before")
    parser.add_argument("--into", type=Path, required=True, help="a folder for the figures")
    parser.add_argument("--entries", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    store = Store(asked.place / f"service-{asked.entries}", asked.entries)
    store.make()
    asked.into.mkdir(parents=True, exist_ok=True)
    facts = machine.facts(asked.place)
    rows: list[Row] = []
    with (asked.into / "load.csv").open("w") as file, serving(store) as service:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(Row._fields)
        for measured in (
            single(store, service, asked.seconds, asked.runs),
            streams(service, asked.runs),
            memory(store, service, asked.minutes),
        ):
            for row in measured:
                rows.append(row)
                table.writerow(row)
                print(*row)
    (asked.into / "load-machine.json").write_text(json.dumps(facts, indent=2) + "\n")
    (asked.into / "load.md").write_text(summary(rows, facts))


if __name__ == "__main__":
    main()
