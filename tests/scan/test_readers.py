"""How many readers there are where nobody has said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hashmatch.evidence.source import inspect_source
from hashmatch.scan.readers import readers
from tests.scan.scanning import Scans


@pytest.mark.parametrize("rotational", [True, False, None])
def test_readers_fit_the_device(rotational: bool | None) -> None:
    """One head, one reader; else one for each usable core; and what is asked for goes before either."""
    cores = len(os.sched_getaffinity(0))
    assert readers(None, rotational=rotational) == (1 if rotational else cores)
    assert readers(3, rotational=rotational) == 3


def test_the_report_says_how_many_and_why(tmp_path: Path) -> None:
    """The number, whether somebody asked for it, and what is known of the device."""
    (tmp_path / "source").mkdir()
    scans = Scans(tmp_path / "source", tmp_path / "outputs")
    asked, fitting = scans(workers=2).head, scans(workers=None).head
    rotational = inspect_source(tmp_path).rotational
    assert [head["source"]["rotational"] for head in (asked, fitting)] == [rotational, rotational]
    assert (asked["options"]["workers"], asked["options"]["workers_asked"]) == (2, True)
    expected = readers(None, rotational=rotational)
    assert (fitting["options"]["workers"], fitting["options"]["workers_asked"]) == (expected, False)
