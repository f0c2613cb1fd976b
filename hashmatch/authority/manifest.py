"""The signed manifest of a list release: what custodians say of a list file, and which file that is."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec

from hashmatch.authority import canonical, fields
from hashmatch.authority.fields import Count, ListId, Name, Octets32, Text, Time, Version
from hashmatch.digests import Algorithm
from hashmatch.errors import ListExpired, ListNotAuthorised

MANIFEST_TYPE: Final = "application/vnd.hashmatch.list+json"
WHAT: Final = "list manifest"


class SourceFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The list file, byte for byte; `format` as `lists import --format` names it."""

    format: Name
    sha256: Octets32
    size: Count


class ListManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One release of one list.

    Attributes:
        format: of this document.
        list: its id, the same for all its releases.
        release: what people call this one.
        version: each release of a list has a greater one than those before it.
        supersedes: the version of the release it takes the place of, if it was made for one.
        issuer: who answers for what is listed.
        type: what being listed means; the words are those of `ListType`, fixed here as part of a signed form.
        scheme: what category numbers mean; None where there are no categories.
        category: of every entry, for a list that has none of its own.
        expires: from when on results made with it are stale.
        entries: those that an import keeps.
        digests: how many digests they have, by the algorithm's label.
        source: the file that all this is said of.
        terms: how the list may be used.
    """

    format: Literal[1]
    list: ListId
    release: Name
    version: Version
    supersedes: Version | None
    issuer: Name
    type: Literal["notable", "known", "uncategorised"]
    scheme: Name | None
    category: Name | None
    issued: Time
    expires: Time
    entries: Version
    digests: dict[str, Version]
    source: SourceFile
    terms: Text

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        return tuple(sorted(Algorithm.named(label) for label in self.digests))


def read_manifest(payload: bytes) -> ListManifest:
    """Read the document itself, and check that it does not contradict itself.

    Raises:
        ListNotAuthorised: it does, or is no manifest.
    """
    manifest = fields.read(payload, ListManifest, WHAT)
    fields.check_period(manifest.issued, manifest.expires, WHAT)
    if manifest.supersedes is not None and manifest.supersedes >= manifest.version:
        raise ListNotAuthorised(f"{WHAT}: version {manifest.version} cannot supersede {manifest.supersedes}")
    if not manifest.digests or not manifest.digests.keys() <= {algorithm.label for algorithm in Algorithm}:
        raise ListNotAuthorised(f"{WHAT}: expected digests of some of {', '.join(a.label for a in Algorithm)}")
    return manifest


def write_manifest(manifest: ListManifest) -> bytes:
    return canonical.encode(manifest)


def check_in_time(manifest: ListManifest, now: datetime) -> None:
    """Refuse a release whose time is over, before it is taken in.

    Raises:
        ListExpired: it is.
    """
    if now >= fields.moment(manifest.expires):
        raise ListExpired(f"list {manifest.list}, release {manifest.release}: expired {manifest.expires}")


def check_source(manifest: ListManifest, size: int, sha256: str) -> None:
    """Refuse a file that is not the one that was signed.

    Raises:
        ListNotAuthorised: its size or its digest is another.
    """
    if size != manifest.source.size:
        raise ListNotAuthorised(f"{WHAT}: signed for a file of {manifest.source.size} bytes, got {size}")
    if sha256 != manifest.source.sha256:
        raise ListNotAuthorised(f"{WHAT}: signed for a file with other content")


def check_counts(manifest: ListManifest, entries: int, digests: dict[str, int]) -> None:
    """Refuse a list that holds more or fewer entries or digests than was signed.

    Raises:
        ListNotAuthorised: it does.
    """
    if (entries, digests) != (manifest.entries, manifest.digests):
        raise ListNotAuthorised(
            f"{WHAT}: signed for {_counted(manifest.entries, manifest.digests)}, got {_counted(entries, digests)}"
        )


def _counted(entries: int, digests: dict[str, int]) -> str:
    return f"{entries} entries ({', '.join(f'{count} {label}' for label, count in sorted(digests.items()))})"
