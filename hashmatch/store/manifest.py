"""What a sealed generation says of itself, and how that is read back strictly.

The manifest pins every file of the database by size and SHA-256. A reader can therefore see a damaged or exchanged
CURRENT or MANIFEST, whose loss LevelDB itself would take for an older state of the same database.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
import orjson

from hashmatch.errors import StoreDamaged
from hashmatch.hashlists.entries import Category, ListType

FORMAT: Final = 1


class PinnedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of the database directory; `sha256` in hexadecimal digits, `size` in bytes."""

    name: str
    size: int
    sha256: str


class Canary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sealed key that is present, and its value, both in hexadecimal digits."""

    key: str
    value: str


class Contradiction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many digests also stood in an active list of the opposite type when this one was imported."""

    list: str
    release: str
    type: ListType
    digests: int


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A sealed generation. Its defaults are left out when written, so older manifests stay canonical.

    Attributes:
        list, release, type, authority, signature: what the person and the list's authority declared.
        source_format, source_size, source_sha256: the list file that was imported.
        imported: UTC, ISO 8601.
        entries: entries taken in, duplicates included.
        duplicates: entries that said again what an earlier one said.
        sized_entries: entries that give a file size.
        records: keys in the database.
        digests: keys for each algorithm, by its label.
        entry_masks: entries by the set of algorithms they have, as a decimal bit mask.
        categories: the list's categories; postings count them from 1.
        quarantined: digests held back, by reason; each is named in `quarantine.jsonl`.
        dropped: fields that were not stored, by name, and how often.
        notes: oddities of the list, by name, and how often.
        contradictions: overlaps with active lists of the opposite type.
        content_root: see docs/store-format.md; hexadecimal digits.
        files: the database directory, every file.
        canaries: keys that must be found whenever the generation is opened.
        sealing_key_id: which key sealed it.
        tool: name and version that built it.
        filter: the file that rules out most absent keys; None in generations that were built without one.
        sizes: `sizes.bin`, where every entry gives a size; beside the database, not in it.
    """

    format: int
    list: str
    release: str
    type: ListType
    authority: str
    signature: str
    source_format: str
    source_size: int
    source_sha256: str
    imported: str
    entries: int
    duplicates: int
    sized_entries: int
    records: int
    digests: dict[str, int]
    entry_masks: dict[str, int]
    categories: tuple[Category, ...]
    quarantined: dict[str, int]
    dropped: dict[str, int]
    notes: dict[str, int]
    contradictions: tuple[Contradiction, ...]
    content_root: str
    files: tuple[PinnedFile, ...]
    canaries: tuple[Canary, ...]
    sealing_key_id: str
    tool: str
    filter: PinnedFile | None = None
    sizes: PinnedFile | None = None


def canonical(value: object) -> bytes:
    """Return the one JSON form that digests are taken over: sorted keys, no blanks."""
    return orjson.dumps(msgspec.to_builtins(value), option=orjson.OPT_SORT_KEYS)


def fingerprint(manifest: bytes) -> str:
    """Return the SHA-256 of a manifest's bytes, in hexadecimal digits."""
    return hashlib.sha256(manifest).hexdigest()


def parse_manifest(content: bytes, where: str) -> Manifest:
    """Read a manifest back.

    Raises:
        StoreDamaged: it is not what `canonical` wrote for a manifest of this format.
    """
    try:
        manifest = msgspec.convert(orjson.loads(content), Manifest, strict=True)
    except (orjson.JSONDecodeError, msgspec.ValidationError) as error:
        raise StoreDamaged(f"{where}: not a manifest: {error}") from None
    if manifest.format != FORMAT:
        raise StoreDamaged(f"{where}: expected format {FORMAT}, got {manifest.format}")
    if canonical(manifest) != content:
        raise StoreDamaged(f"{where}: not in canonical form")
    return manifest
