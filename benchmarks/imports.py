"""Imports beside `hfind -i` on the same list: `python -m benchmarks.imports [--runs N] [--entries N] [--place DIR]`."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from benchmarks.corpora import make_list
from benchmarks.measuring import Program, in_turn, summary, write_run

HASHMATCH = Path(sys.executable).with_name("hashmatch")
OURS = "hashmatch lists import, verified"


def main() -> None:
    """Index the same made-up list with both, in turn."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--entries", type=int, default=10_000_000)
    options.add_argument("--place", type=Path, default=Path("/var/tmp/hashmatch-benchmarks"))
    options.add_argument("--keep", type=Path)
    chosen = options.parse_args()
    place = chosen.place
    place.mkdir(parents=True, exist_ok=True)
    source = make_list(place / f"list-{chosen.entries}.md5", chosen.entries, iter(()))
    store, index = place / "store-import", place / "index"
    command = (
        f"rm -rf {store} && exec {HASHMATCH} --store {store} --sealing-key {place}/key/import.key lists import "
        f"{source} --id made-up --type known --release 1 --authority benchmark --algorithm md5 --unsigned"
    )
    programs = [Program(OURS, ["sh", "-c", command])]
    if shutil.which("hfind"):
        link = f"rm -rf {index} && mkdir {index} && ln {source} {index}/list && exec hfind -i md5sum {index}/list"
        programs.append(Program("hfind -i", ["sh", "-c", link]))
    results = in_turn(programs, chosen.runs, place / "output")
    keep = chosen.keep or place / "figures"
    write_run(keep, f"import of {chosen.entries:,} entries", results, summary(results, OURS))


if __name__ == "__main__":
    main()
