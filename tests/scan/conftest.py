"""What most tests of scans begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scan.scanning import Scans


@pytest.fixture
def scans(tmp_path: Path) -> Scans:
    """Scans of an empty source that a test fills."""
    (tmp_path / "source").mkdir()
    return Scans(tmp_path / "source", tmp_path / "outputs")


@pytest.fixture
def source(scans: Scans) -> Path:
    return scans.source
