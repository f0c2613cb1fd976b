"""Scans that are gone on with: whatever ended them, and whenever, the result is that of a scan in one part."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hashmatch.hashing.choice import EngineChoice
from hashmatch.scan import journal
from tests.integration.command import engines
from tests.scan.scanning import Report, Scans
from tests.scan.test_scan import fill, plant, stopping_after

FILES = ("flags.jsonl", "flags.csv", "not_examined.jsonl", "excluded.jsonl")
# Of a source that can be written to, no file is believed that was changed after the scan was begun.
BEGUN = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scans:
    (tmp_path / "source").mkdir()
    monkeypatch.setattr(journal, "CHECKPOINT_EVERY", 0.01)
    return Scans(tmp_path / "source", tmp_path / "outputs", started=BEGUN)


@pytest.fixture
def source(scans: Scans) -> Path:
    return scans.source


def make_tree(source: Path, chance: random.Random, files: int) -> None:
    """Make a tree of everything: links in several directories, listed and empty files, one that is too large."""
    fill(source, chance, files)
    for number in range(20):
        plant(source, {f"Pictures/{number}.jpg": b"listed", f"{number}/n:{number}": b"listed", f"e/{number}": b""})
        os.link(source / f"Pictures/{number}.jpg", source / f"{number}/link")
        os.link(source / f"Pictures/{number}.jpg", source / f"{number}/link too")
    plant(source, {"large": b"x" * 80_000})


def same(report: Report, whole: Report) -> None:
    """Hold that two reports say the same of the evidence."""
    assert report.head["result_digest"] == whole.head["result_digest"]
    assert report.head["counts"] == whole.head["counts"]
    assert report.head["status"] == whole.head["status"]
    for name in FILES:
        assert (report.directory / name).read_bytes() == (whole.directory / name).read_bytes()
    assert sorted(os.listdir(report.directory)) == sorted([*FILES, "report.json"])


def resumed(scans: Scans, report: Report, **changes: Any) -> Report:
    return scans(output=report.directory, resume=True, **changes)


@pytest.mark.parametrize("engine", engines())
def test_a_scan_that_was_stopped_is_gone_on_with(engine: str, scans: Scans, source: Path) -> None:
    """Stopped after ever more steps, part after part, with links and likely places: in the end nothing is different."""
    make_tree(source, random.Random(1), 600)
    options: dict[str, Any] = {"engine": EngineChoice(engine), "first": ("*.jpg",), "max_file_size": 70_000}
    whole = scans(**options)
    report = scans(**options, stopped=stopping_after(5))
    parts = 0
    while report.head["status"] == "interrupted":
        parts += 1
        report = resumed(scans, report, **options, stopped=stopping_after(5 + 8 * parts))
    assert parts > 2
    same(report, whole)
    assert report.head["resumed"]["times"] == parts
    assert report.head["resumed"]["entries_from_earlier_parts"] > 0


def dying(source: Path, output: Path, engine: str, moment: object, *, resume: bool) -> int:
    """Do a part of a scan in a process of its own; return how that ended."""
    asked = {
        "source": str(source), "output": str(output), "engine": engine, "first": ["*.jpg"], "moment": moment,
        "resume": resume, "started": BEGUN.isoformat(), "max_file_size": 70_000, "checkpoint_every": 0.005,
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.scan.dying", json.dumps(asked)]
    return subprocess.run(command, cwd=Path(__file__).parents[2], check=False, timeout=300).returncode


@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_a_scan_that_was_killed_is_gone_on_with(engine: str, kills: int, scans: Scans, source: Path) -> None:
    """Part after part is killed, each at a moment of its own, in the middle of a write too: nothing is different."""
    make_tree(source, random.Random(2), 600)
    whole = scans(engine=EngineChoice(engine), max_file_size=70_000)
    chance = random.Random(kills)
    output = source.parent / "killed"
    done = carried = 0
    while done < kills or output.exists():
        # What is written first is the head of a part: without that of the first there is nothing to go on with.
        moment = chance.choice([("ask", chance.randrange(1, 50)), ("write", chance.randrange(2, 60))])
        there = (output / "journal").exists()
        code = dying(source, output, engine, moment if done < kills else None, resume=there)
        assert code in (-signal.SIGKILL, 0)
        done += code != 0
        if code == 0:
            report = replace(whole, directory=output)
            same(report, whole)
            carried += report.head["resumed"]["entries_from_earlier_parts"] if there else 0
            shutil.rmtree(output)
    assert carried > 100
