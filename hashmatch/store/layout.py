"""Where things lie in a store. Path arithmetic only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hashmatch.errors import UsageError

MANIFEST: Final = "manifest.json"
DATABASE: Final = "db"
FILTER: Final = "filter.bin"
QUARANTINE: Final = "quarantine.jsonl"
SIZES: Final = "sizes.bin"

_LIST_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RELEASE: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,128}")


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one store."""

    root: Path

    @property
    def lists(self) -> Path:
        return self.root / "lists"

    @property
    def active(self) -> Path:
        return self.root / "active.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def staging(self) -> Path:
        """Generations being built; on the file system of the finished ones, so that a rename moves them."""
        return self.root / "staging"

    @property
    def views(self) -> Path:
        return self.root / "views"

    def generation(self, list_id: str, generation: str) -> Path:
        return self.lists / list_id / generation


def check_list_id(text: str) -> str:
    """Return `text` if it can name a list, which is also the name of a directory.

    Raises:
        UsageError: it cannot.
    """
    if not _LIST_ID.fullmatch(text):
        raise UsageError("list id: expected 1 to 64 letters, digits, '.', '_' or '-', a letter or digit first")
    return text


def check_release(text: str) -> str:
    """Return `text` if it can name a release.

    Raises:
        UsageError: it is empty, too long or holds control characters.
    """
    if not _RELEASE.fullmatch(text):
        raise UsageError("release: expected 1 to 128 characters without control characters")
    return text
