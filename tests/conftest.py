"""What tests of several rooms share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from hashmatch.config import Settings

# How long an example takes, or takes to be made, says how busy the machine is, not whether the behaviour is right.
hypothesis_settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def taking_sigint() -> Iterator[None]:
    """Take SIGINT, and let what tests start take it: a shell has what it starts in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the places of a store that is not there yet, and of its sealing key."""
    return Settings(store=tmp_path / "store", sealing_key=tmp_path / "keys" / "sealing.key")
