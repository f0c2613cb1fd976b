"""Fixtures of every test here."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashmatch.config import Settings
from tests.runs.supervised import Lab, make_lab


@pytest.fixture
def lab(settings: Settings, tmp_path: Path) -> Lab:
    return make_lab(settings, tmp_path)
