"""Settings of a run. Reading the environment and the command line is the shells' work."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the store and its keys are.

    Attributes:
        store: the lists, and the audit trail of their use.
        sealing_key: the file of the key that lists are sealed with.
        trail_key: that of the key that checkpoints of the trail are signed with; None for one beside the sealing key.
        checkpoint_copies: a second directory for those checkpoints; None for none.
    """

    store: Path
    sealing_key: Path
    trail_key: Path | None = None
    checkpoint_copies: Path | None = None


def settings_from(
    environment: Mapping[str, str],
    store: Path | None,
    sealing_key: Path | None,
    trail_key: Path | None = None,
    checkpoint_copies: Path | None = None,
) -> Settings:
    """Choose each place: what the command line says, else the environment, else the user's own directories.

    The directories are those of the XDG Base Directory Specification 0.8.
    """
    home = Path(environment.get("HOME") or "/")
    return Settings(
        store or _path(environment, "HASHMATCH_STORE") or _base(environment, "XDG_DATA_HOME", home / ".local/share"),
        sealing_key
        or _path(environment, "HASHMATCH_SEALING_KEY")
        or _base(environment, "XDG_CONFIG_HOME", home / ".config") / "sealing.key",
        trail_key or _path(environment, "HASHMATCH_TRAIL_KEY"),
        checkpoint_copies or _path(environment, "HASHMATCH_CHECKPOINT_COPIES"),
    )


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    value = environment.get(name)
    return Path(value) if value else None


def _base(environment: Mapping[str, str], name: str, default: Path) -> Path:
    value = environment.get(name)
    # The specification has relative paths ignored.
    base = Path(value) if value and os.path.isabs(value) else default
    return base / "hashmatch"
