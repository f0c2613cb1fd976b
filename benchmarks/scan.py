"""Whole scans beside md5deep, hashdeep and sha256sum: `python -m benchmarks.scan [--runs N] [--place DIR]`."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.corpora import MIXED, SMALL, digests_of, make_list
from benchmarks.measuring import Program, in_turn, summary, write_run

HASHMATCH = Path(sys.executable).with_name("hashmatch")
ENTRIES = 10_000_000
ALL_THREE = "hashmatch, MD5 + SHA-1 + SHA-256"
MD5_ALONE = "hashmatch, MD5"


def main() -> None:
    """Make the corpora, run everything in turn, and keep the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--place", type=Path, default=Path("/var/tmp/hashmatch-benchmarks"))
    options.add_argument("--keep", type=Path, help="folder for the figures, e.g. benchmarks/runs/2026-11-24-2-cores")
    chosen = options.parse_args()
    place = chosen.place
    place.mkdir(parents=True, exist_ok=True)
    trees = {corpus.name: corpus.make(place) for corpus in (SMALL, MIXED)}
    known = make_list(place / "known-10m.md5", ENTRIES, digests_of(trees["small"], 10))
    keep = chosen.keep or place / "figures"

    for name, tree in trees.items():
        environment = _store(place, known, "md5")
        print(f"{name}, list of {ENTRIES:,}")
        big = [_scan(MD5_ALONE, tree, place, environment), *_peer("md5deep -m", ["md5deep", "-r", "-m", known, tree])]
        results = in_turn(big, 1, place / "output")
        write_run(keep, f"{name}: a list of 10 million MD5", results, summary(results, MD5_ALONE))

        environment = _store(place, _three(place), "three")
        print(f"{name}, three digests")
        peers = [
            _scan(ALL_THREE, tree, place, environment),
            *_peer("hashdeep -c md5,sha1,sha256 -j2", ["hashdeep", "-c", "md5,sha1,sha256", "-j2", "-r", tree]),
            *_peer("xargs -P2 sha256sum", ["sh", "-c", f"find {tree} -type f -print0 | xargs -0 -P2 -n 500 sha256sum"]),
        ]
        results = in_turn(peers, chosen.runs, place / "output")
        write_run(keep, f"{name}: three digests", results, summary(results, ALL_THREE))


def _store(place: Path, source: Path, name: str) -> dict[str, str]:
    store = place / f"store-{name}"
    environment = {"HASHMATCH_STORE": str(store), "HASHMATCH_SEALING_KEY": str(place / "key" / "sealing.key")}
    release = f"{source.name}-{source.stat().st_size}"
    listed = subprocess.run([HASHMATCH, "lists"], env=environment, capture_output=True, text=True, check=True).stdout
    if release not in listed:
        arguments = [
            "--id",
            "made-up",
            "--type",
            "known",
            "--release",
            release,
            "--authority",
            "benchmark",
            "--unsigned",
        ]
        if source.suffix == ".md5":
            arguments += ["--algorithm", "md5"]
        subprocess.run([HASHMATCH, "lists", "import", source, *arguments], env=environment, check=True)
    return environment


def _three(place: Path) -> Path:
    """Write a small list that has all three algorithms, so that a scan computes all three."""
    path = place / "three.csv"
    if not path.exists():
        lines = (f"{n:032x},{n:040x},{n:064x}\n" for n in range(1, 1001))
        path.write_text("md5,sha1,sha256\n" + "".join(lines))
    return path


def _scan(name: str, tree: Path, place: Path, environment: dict[str, str]) -> Program:
    report = place / "report"
    command = f"rm -rf {report} && exec {HASHMATCH} scan {tree} --output {report} --allow-writable benchmark"
    return Program(name, ["sh", "-c", command], environment)


def _peer(name: str, command: list[str | Path]) -> list[Program]:
    if shutil.which(str(command[0])) is None:
        print(f"left out: {command[0]} is not installed")
        return []
    # md5deep's exit code says whether anything matched or not.
    return [Program(name, [str(word) for word in command], accepted=frozenset({0, 1, 2}))]


if __name__ == "__main__":
    main()
