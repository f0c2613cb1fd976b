"""What tests of several rooms share."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashmatch.config import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the places of a store that is not there yet, and of its sealing key."""
    return Settings(store=tmp_path / "store", sealing_key=tmp_path / "keys" / "sealing.key")
