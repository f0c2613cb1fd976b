"""`hashmatch bench`, whole, on corpora so small that the figures mean nothing."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest

from hashmatch.bench.ours import OURS
from tests.integration.command import HASHMATCH

HASHING = "hashing/small/md5+sha1+sha256"
LOOKUP = "lookup/present/one"


@dataclass(frozen=True, slots=True)
class Results:
    """One folder of results, and how the command ended that wrote it."""

    folder: Path
    place: Path
    done: subprocess.CompletedProcess[str]

    @property
    def summary(self) -> str:
        return (self.folder / "summary.md").read_text()

    @property
    def raw(self) -> list[dict[str, str]]:
        with (self.folder / "raw.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def cells(self, benchmark: str) -> dict[str, list[str]]:
        """Return the cells of a benchmark's table, by program."""
        section = self.summary.partition(f"`{benchmark}`")[2].partition("\n## ")[0]
        rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
        return {row[0]: row[1:] for row in rows[1:]}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Run it once for all tests, with an rhash that fails at the front of the path."""
    base = tmp_path_factory.mktemp("bench")
    place, failing = base / "new" / "place", base / "failing"
    failing.mkdir()
    (failing / "rhash").write_text("#!/bin/sh\necho 'rhash: made to fail' >&2\nexit 7\n")
    (failing / "rhash").chmod(0o755)
    words = ["--only", f"{HASHING},{LOOKUP}", "--scale", "0.0003", "--runs", "2", "--place", str(place)]
    done = subprocess.run(
        [HASHMATCH, "bench", *words, "--into", base / "runs"],
        env={**os.environ, "PATH": f"{failing}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    (folder,) = (base / "runs").iterdir()
    return Results(folder, place, done)


def test_it_writes_the_folder_and_removes_the_corpora(results: Results) -> None:
    """Figures, summary, facts and picture are written, under the day and the machine; nothing else is left."""
    assert {path.name for path in results.folder.iterdir()} == {"raw.csv", "summary.md", "machine.json", "plot.svg"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-[a-z0-9-]+-cores", results.folder.name)
    assert ET.parse(results.folder / "plot.svg").getroot().tag.endswith("svg")
    assert list(results.place.iterdir()) == []


def test_every_run_is_kept(results: Results) -> None:
    """Each program of each benchmark has its runs in the raw figures, in turn and of the same work."""
    ours = [row for row in results.raw if row["program"] == OURS]
    assert [(row["benchmark"], row["run"]) for row in ours] == [
        (HASHING, "1"),
        (HASHING, "2"),
        (LOOKUP, "1"),
        (LOOKUP, "2"),
    ]
    for row in results.raw:
        assert float(row["seconds"]) > 0
        assert int(row["items"]) == (30 if row["benchmark"] == HASHING else 1)
    order = [(row["run"], row["program"]) for row in results.raw if row["benchmark"] == HASHING]
    first = [program for run, program in order if run == "1"]
    assert [program for run, program in order if run == "2"] == [p for p in first if p != "rhash"]


def test_the_summary_says_what_the_figures_say(results: Results) -> None:
    """Every median and every ratio of the summary follows from the raw figures."""
    for benchmark in (HASHING, LOOKUP):
        seconds: dict[str, list[float]] = {}
        for row in results.raw:
            if row["benchmark"] == benchmark and not row["problem"]:
                seconds.setdefault(row["program"], []).append(float(row["seconds"]))
        medians = {program: statistics.median(values) for program, values in seconds.items()}
        cells = results.cells(benchmark)
        assert set(medians) == set(cells) - {"rhash"}
        for program, median in medians.items():
            assert cells[program][1] == f"{median:.3f}"
            assert cells[program][2] == f"{median / medians[OURS]:.2f}"


def test_a_peer_that_fails_is_said_to_have_failed(results: Results) -> None:
    """A failing peer has no figures, is named with its exit code and last words, and gives the command its own code."""
    assert results.done.returncode == 3
    assert "rhash: exit code 7: rhash: made to fail" in results.summary
    assert results.cells(HASHING)["rhash"][1:3] == ["-", "-"]
    (row,) = (row for row in results.raw if row["program"] == "rhash")
    assert row["exit"] == "7"


def test_the_facts_name_versions_and_no_host(results: Results) -> None:
    """The facts say which versions ran on what machine, and nothing says whose it is."""
    facts = json.loads((results.folder / "machine.json").read_text())
    assert facts["selftest_passed"] is True
    assert {"hashmatch", "engine", "openssl"} <= set(facts["versions"])
    assert facts["cores"] == len(os.sched_getaffinity(0))
    everything = "".join(path.read_text() for path in results.folder.iterdir())
    assert str(results.place) not in everything
    assert os.path.dirname(sys.executable) not in everything


def test_names_that_no_part_has_are_refused(tmp_path: Path) -> None:
    """An unknown part is a usage error, and nothing is made."""
    output = tmp_path / "output"
    done = subprocess.run([HASHMATCH, "bench", "--only", "hashing,speed", "--output", output], capture_output=True)
    assert done.returncode == 2
    assert not output.exists()


def test_results_are_never_written_over(tmp_path: Path) -> None:
    """A directory that holds something is refused."""
    (tmp_path / "raw.csv").write_text("earlier figures")
    done = subprocess.run([HASHMATCH, "bench", "--output", tmp_path], capture_output=True)
    assert done.returncode == 18
    assert (tmp_path / "raw.csv").read_text() == "earlier figures"


def test_a_stopped_benchmark_leaves_nothing_running_and_no_corpora(tmp_path: Path) -> None:
    """Terminated, as by Ctrl-C, it kills what it measures, removes what it made, and keeps the figures it has."""
    place, slow = tmp_path / "place", tmp_path / "slow"
    place.mkdir()
    slow.mkdir()
    (slow / "rhash").write_text("#!/bin/sh\n[ $1 = -V ] && exit\nsleep 600; echo never\n")
    (slow / "rhash").chmod(0o755)
    words = ["--only", HASHING, "--scale", "0.0003", "--place", str(place), "--output", str(tmp_path / "output")]
    environment = {**os.environ, "PATH": f"{slow}:{os.environ['PATH']}"}
    process = subprocess.Popen([HASHMATCH, "bench", *words], env=environment, stderr=subprocess.DEVNULL)
    while not (sleeping := [pid for pid in tree_of(process.pid) if name_of(pid) == "sleep"]):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 130
    assert name_of(sleeping[0]) != "sleep"
    assert list(place.iterdir()) == []
    assert f"{HASHING},{OURS},1," in (tmp_path / "output" / "raw.csv").read_text()


def name_of(pid: int) -> str:
    """Return the name of the program that a process runs; nothing for one that has ended and waits to be reaped."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return os.path.basename(command.partition(b"\0")[0]).decode()


def tree_of(pid: int) -> list[int]:
    """Return a process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(below for child in children for below in tree_of(int(child)))]
