"""Digests a second over the network: `python -m benchmarks.lookups_over_network --place DIR --into DIR [--entries N]`.

nsrlsvr's protocol and `POST /v1/lookups` of one service with one worker process, side by side: the same digests, one
connection, each batch sent when the answer to the one before it is there. Client and server share the machine's cores.
Times are the client's, processor time and memory the worker's. Every answer is counted against what it should be. A
row for every run goes to `raw.csv`, the medians to `summary.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from benchmarks.service_load import HASHMATCH, Service
from hashmatch.bench import figures, listfiles, machine, raw
from hashmatch.bench.measuring import Measured

MARK: Final = 400_000  # digests a second that nsrlsvr answers in batches of 500 on one connection, measured elsewhere
MIXES: Final = ("present", "absent", "mixed")
NSRLSVR: Final = "nsrlsvr's protocol, 500 a line"


@dataclass(frozen=True)
class Conversation:
    """How one program asks: its requests, and how an answer is read.

    Attributes:
        requests: as they are sent, one after another.
        hits: reads one answer and returns how many digests of it are listed.
    """

    port: int
    requests: Sequence[bytes]
    hits: Callable[[BinaryIO], int]

    def hold(self) -> tuple[float, int]:
        """Have it; return the seconds it took and the number of digests that were found."""
        found = 0
        with socket.create_connection(("127.0.0.1", self.port)) as connection, connection.makefile("rb") as answers:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            started = time.perf_counter()
            for request in self.requests:
                connection.sendall(request)
                found += self.hits(answers)
            return time.perf_counter() - started, found


@dataclass(frozen=True)
class Asked:
    """Digests of one mix, and how many of them are listed."""

    mix: str
    digests: Sequence[str]
    listed: int

    def batches(self, size: int) -> Iterator[Sequence[str]]:
        return (self.digests[at : at + size] for at in range(0, len(self.digests), size))


@dataclass(frozen=True)
class Served:
    """A service that speaks both."""

    service: Service
    nsrlsvr: int

    def programs(self, asked: Asked) -> Iterator[tuple[str, Conversation]]:
        """Yield every way to ask, with its name."""
        for size in (500, 1):
            lines = [f"query {' '.join(some)}\r\n".encode() for some in asked.batches(size)]
            if size == 1:
                lines = lines[: len(lines) // 100]
            name = NSRLSVR if size == 500 else "nsrlsvr's protocol, one a line"
            yield name, Conversation(self.nsrlsvr, lines, _nsrlsvr_hits)
        for size in (500, 10_000, 100_000):
            for kind, body in (("application/json", _as_json), ("application/octet-stream", _as_octets)):
                requests = [self._request(kind, body(some)) for some in asked.batches(size)]
                yield (
                    f"POST /v1/lookups, {kind}, {size:,} a request",
                    Conversation(self.service.port, requests, _http_hits),
                )

    def _request(self, kind: str, body: bytes) -> bytes:
        headers = [
            "POST /v1/lookups HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {self.service.token}",
            f"Content-Type: {kind}",
            "Hashmatch-Algorithm: md5",
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(headers).encode() + b"\r\n\r\n" + body


def _as_json(some: Sequence[str]) -> bytes:
    return json.dumps({"algorithm": "md5", "digests": some}).encode()


def _as_octets(some: Sequence[str]) -> bytes:
    return bytes.fromhex("".join(some))


def _nsrlsvr_hits(answers: BinaryIO) -> int:
    line = answers.readline()
    if not line.startswith(b"OK "):
        raise SystemExit("nsrlsvr's protocol: no answer")
    return line.count(b"1")


def _http_hits(answers: BinaryIO) -> int:
    status, length = answers.readline(), 0
    while (header := answers.readline()) != b"\r\n":
        name, _, value = header.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    body = answers.read(length)
    if b" 200 " not in status:
        raise SystemExit(f"POST /v1/lookups: {status.decode().strip()}")
    return body.count(b'"outcome":"match"')


def make_store(place: Path, entries: int) -> dict[str, str]:
    """Import a list of known files, unless it is there; return the environment in which it is found."""
    directory = place / f"network-{entries}"
    directory.mkdir(parents=True, exist_ok=True)
    places = {"HASHMATCH_STORE": directory / "store", "HASHMATCH_SEALING_KEY": directory / "keys" / "sealing.key"}
    environment = {**os.environ, **{name: str(path) for name, path in places.items()}}
    if not (directory / "store" / "active.json").exists():
        source = listfiles.md5_list(directory / "known.md5", entries)
        declared = ("--id", "known", "--release", "1", "--type", "known", "--algorithm", "md5", "--unsigned")
        words: list[str | Path] = [HASHMATCH, "lists", "import", source, *declared, "--authority", "nobody: made up"]
        subprocess.run(words, env=environment, check=True, stdout=subprocess.DEVNULL)
    return environment


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[Served]:
    words: list[str | Path] = [HASHMATCH, "serve", "--port", "0", "--nsrlsvr", "0", "--no-log-requests"]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        addresses = (line.split()[2] for line in process.stdout if line.startswith("listening at "))
        http, nsrlsvr = (int(next(addresses).rpartition(":")[2]) for _ in range(2))
        token = (Path(environment["HASHMATCH_STORE"]) / "service" / "first-token").read_text().strip()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        try:
            yield Served(Service(http, token, int(children[0])), nsrlsvr)
        finally:
            process.send_signal(signal.SIGTERM)


def questions(entries: int, count: int) -> Iterator[Asked]:
    """Yield as many digests of each mix."""
    present, absent = listfiles.present(entries, count), listfiles.absent(count)
    half = count // 2
    mixed = [digest for pair in zip(present[:half], absent[:half], strict=True) for digest in pair]
    yield Asked("present", present, count)
    yield Asked("absent", absent, 0)
    yield Asked("mixed", mixed, half)


def measured(served: Served, asked: Asked, run: int) -> Iterator[raw.Record]:
    for name, conversation in served.programs(asked):
        before = served.service.cpu_seconds()
        seconds, found = conversation.hold()
        cpu = served.service.cpu_seconds() - before
        one_a_line = name.endswith("one a line")
        items = len(conversation.requests) if one_a_line else len(asked.digests)
        right = one_a_line or found == asked.listed
        problem = "" if right else f"expected {asked.listed} listed, got {found}"
        result = Measured(seconds, cpu, 0.0, served.service.memory(), 0 if right else 1, problem)
        yield raw.Record(f"network/{asked.mix}", name, run, result, items, "digests", 0)


def summary(records: Sequence[raw.Record], facts: dict[str, object]) -> str:
    """Return the medians as tables."""
    on = f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB, {facts['kernel']}"
    lines = [f"# Digests over the network, {facts['date']}", ""]
    lines += [f"{on}. A list of {facts['entries']:,} MD5, one worker process, one connection; client and server on the"]
    lines += [
        "same machine. Each batch waits for the answer to the one before. The mark is what nsrlsvr was measured at"
    ]
    lines += [f"elsewhere, in batches of 500: {MARK:,} a second. Medians; every run is in raw.csv."]
    for mix in MIXES:
        lines += ["", f"## {mix.capitalize()}", ""]
        lines += [
            "| asked by | runs | digests a second | of the mark | worker's CPU, us a digest | worker's PSS, MiB |"
        ]
        lines += ["|---|---|---|---|---|---|"]
        for row in figures.rows(records, f"network/{mix}"):
            if row.problem or row.rate is None or row.cpu is None or row.peak is None:
                lines.append(f"| {row.program} | {row.runs} | failed: {row.problem} | | | |")
                continue
            items = next(r.items for r in records if r.program == row.program)
            cells = [row.program, str(row.runs), f"{row.rate:,.0f}", f"{row.rate / MARK:.2f}"]
            cells += [f"{row.cpu / items * 1e6:.2f}", f"{row.peak / (1 << 20):.0f}"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--place", type=Path, required=True, help="where the store is made, or was made before")
    parser.add_argument("--into", type=Path, required=True, help="a folder for the figures")
    parser.add_argument("--entries", type=int, default=10_000_000)
    parser.add_argument("--digests", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    environment = make_store(options.place, options.entries)
    options.into.mkdir(parents=True, exist_ok=True)
    facts = {"date": f"{datetime.now(UTC):%Y-%m-%d}", **machine.facts(options.place), "entries": options.entries}
    records: list[raw.Record] = []
    with (options.into / raw.FILE).open("w", newline="") as file, serving(environment) as served:
        table = raw.RawFile(file)
        everything = list(questions(options.entries, options.digests))
        for run in range(1, options.runs + 1):
            for asked in everything:
                for record in measured(served, asked, run):
                    records.append(record)
                    table.write(record)
                    rate = record.items / record.measured.seconds
                    print(f"{asked.mix}, run {run}: {record.program}: {rate:,.0f} a second", flush=True)
    (options.into / "machine.json").write_text(json.dumps(facts, indent=2) + "\n")
    (options.into / "summary.md").write_text(summary(records, facts))


if __name__ == "__main__":
    main()
