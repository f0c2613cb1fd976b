"""Patterns of the places and names that are examined first.

A pattern without a slash is one of names: of a file, or of a directory and everything beneath it, wherever it lies. A
pattern with slashes is one of paths beneath the source, component by component from its root. `*`, `?` and `[...]` are
those of fnmatch(3) with FNM_PATHNAME and FNM_CASEFOLD, on bytes: they match no slash, and ASCII letters of either case.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from hashmatch.errors import UsageError
from hashmatch.evidence.mounts import readable

READY: Final = {
    "pictures": (
        *("pictures", "photos", "dcim", "camera", "screenshots", "downloads"),
        *("*.jpg", "*.jpeg", "*.jpe", "*.jfif", "*.png", "*.gif", "*.bmp", "*.webp", "*.tif", "*.tiff"),
        *("*.heic", "*.heif", "*.avif", "*.jp2", "*.dng", "*.cr2", "*.cr3", "*.nef", "*.arw", "*.orf", "*.raf"),
    ),
    "videos": (
        *("videos", "movies", "dcim", "camera", "downloads"),
        *("*.mp4", "*.m4v", "*.mov", "*.avi", "*.mkv", "*.webm", "*.wmv", "*.asf", "*.flv", "*.f4v", "*.3gp", "*.3g2"),
        *("*.mpg", "*.mpeg", "*.mpe", "*.vob", "*.mts", "*.m2ts", "*.ogv", "*.rm", "*.rmvb", "*.divx"),
    ),
}

_EXTENSION: Final = re.compile(rb"\*\.[^.*?\[]+")
_Path = tuple[re.Pattern[bytes], ...]


class Place(NamedTuple):
    """What the patterns say of a directory.

    Attributes:
        inside: it, or one above it, matches: all of it is likely.
        paths: what is still to be matched of the paths that may lead on from here.
    """

    inside: bool
    paths: tuple[_Path, ...]

    @property
    def rank(self) -> int:
        """0 for a directory to be listed first, 1 for one that may lead to such a one, 2 for any other."""
        return 0 if self.inside else 1 if self.paths else 2


_INSIDE: Final = Place(True, ())
_OUTSIDE: Final = Place(False, ())


class Likely:
    """Compiled patterns. Without any, everything is likely."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        """Compile patterns, and names of ready sets among them.

        Raises:
            UsageError: one is empty, or has an empty component.
        """
        split = [_components(each) for pattern in patterns for each in READY.get(pattern, (pattern,))]
        names = [components[0] for components in split if len(components) == 1]
        # Nearly all patterns of names are of extensions, which need no search.
        self._extensions = frozenset(name[2:].lower() for name in names if _EXTENSION.fullmatch(name))
        others = [name for name in names if not _EXTENSION.fullmatch(name)]
        self._names = _compiled(others) if others else None
        paths = tuple(tuple(_compiled([c]) for c in components) for components in split if len(components) > 1)
        self.root = Place(False, paths) if split else _INSIDE

    def below(self, place: Place, name: bytes) -> Place:
        """Return the place of a directory that is called `name` in a directory of this place."""
        if place.inside or self._is_named(name):
            return _INSIDE
        if not place.paths:
            return _OUTSIDE
        rest = tuple(path[1:] for path in place.paths if path[0].match(name))
        return _INSIDE if () in rest else Place(False, rest) if rest else _OUTSIDE

    def has(self, place: Place, name: bytes) -> bool:
        """Tell whether a file that is called `name` in a directory of this place is likely."""
        if place.inside or self._is_named(name):
            return True
        return any(len(path) == 1 and path[0].match(name) for path in place.paths)

    def _is_named(self, name: bytes) -> bool:
        _, dot, extension = name.rpartition(b".")
        if dot and extension.lower() in self._extensions:
            return True
        return self._names is not None and self._names.match(name) is not None


def _components(pattern: str) -> Sequence[bytes]:
    components = os.fsencode(pattern).strip(b"/").split(b"/")
    if b"" in components:
        raise UsageError(f"first: expected a name or a path beneath the source, got {readable(os.fsencode(pattern))!r}")
    return components


def _compiled(patterns: Sequence[bytes]) -> re.Pattern[bytes]:
    """Return one expression for what matches any of several patterns."""
    # Latin-1 has a character for every byte, and none is more than one.
    translated = (fnmatch.translate(pattern.decode("latin-1")) for pattern in patterns)
    return re.compile("|".join(translated).encode("latin-1"), re.IGNORECASE)
