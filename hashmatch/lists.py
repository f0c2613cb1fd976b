"""The use cases around hash lists: take one in, look at what is there, verify, activate, retire."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from hashmatch import __version__
from hashmatch.authority.decision import SignatureState, admit_unsigned
from hashmatch.config import Settings
from hashmatch.digests import Algorithm
from hashmatch.errors import ListFormatError, NoActiveList, StoreError
from hashmatch.hashlists.entries import ListType
from hashmatch.hashlists.formats import open_list
from hashmatch.hashlists.listfile import ListFile
from hashmatch.hashlists.reading import ListOptions
from hashmatch.store.build import Built, CategoryTable, build_generation
from hashmatch.store.catalogue import Catalogue, Stored, require_release, writing
from hashmatch.store.generation import open_generation
from hashmatch.store.layout import Layout, check_list_id, check_release
from hashmatch.store.manifest import FORMAT, Contradiction, Manifest
from hashmatch.store.opening import check_key_outside, sealer_for_use
from hashmatch.store.overlap import find_contradictions
from hashmatch.store.pool import Pool
from hashmatch.store.sealing import Sealer, load_key, make_key
from hashmatch.store.verify import verify_generation

SMALL_LIST: Final = 8 << 20  # bytes; below this, starting worker processes costs more than they save

Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What a person declares of a list file.

    Attributes:
        format: a format's name, or `auto`.
        algorithm: which digests an unlabelled list holds.
        scheme: what category numbers mean.
        category: the category of every entry, for a list that has none of its own.
        unsigned: that the person accepts a list nobody has signed.
        activate: make it the active release; else it is built and verified, and left for `activate`.
    """

    path: Path
    list_id: str
    list_type: ListType
    release: str
    authority: str
    format: str = "auto"
    algorithm: Algorithm | None = None
    scheme: str | None = None
    category: str | None = None
    unsigned: bool = False
    activate: bool = True


@dataclass(frozen=True, slots=True)
class Imported:
    """A generation that is now in the store; if it is active, the release it took the place of."""

    stored: Stored
    active: bool
    replaced: str | None


def import_list(
    settings: Settings, request: ImportRequest, *, now: datetime, processes: int, progress: Progress
) -> Imported:
    """Take a list in, whole or not at all, and make it the active release of its id unless told not to.

    Raises:
        ListError: the file, or what was declared of it, was refused.
        StoreError: the store is locked, damaged, full, or its sealing key is not to be had.
    """
    check_list_id(request.list_id)
    check_release(request.release)
    signature = admit_unsigned(request.unsigned, None, request.list_id, 0)
    layout = Layout(settings.store)
    catalogue = Catalogue(layout)
    with catalogue.locked():
        catalogue.refuse_duplicate(request.list_id, request.release)
        active = catalogue.active()
        sealer = sealer_for_import(settings, catalogue)
        with writing(layout.root), catalogue.staging() as staging, ListFile(request.path) as source:
            options = _options(request)
            reading = open_list(source, request.format, options)
            categories = CategoryTable(options.list_category())
            with Pool(processes if source.size >= SMALL_LIST else 0) as pool:
                built = build_generation(staging, layout.views, reading.pieces(), categories, sealer, pool, progress)
            if not built.tally.entries:
                raise ListFormatError("expected at least one entry that can be used, got none")
            contradictions = find_contradictions(
                request.list_type, request.list_id, staging, built.files, active, layout.views, sealer
            )
            manifest = _manifest(request, signature, reading.format_name, source, built, contradictions, sealer, now)
            stored = catalogue.commit(staging, manifest)
        if not request.activate:
            return Imported(stored, active=False, replaced=None)
        try:
            catalogue.activate(stored)
        except StoreError:
            catalogue.withdraw(stored)
            raise
    replaced = next((s.manifest.release for s in active if s.manifest.list == request.list_id), None)
    return Imported(stored, active=True, replaced=replaced)


def sealer_for_import(settings: Settings, catalogue: Catalogue) -> Sealer:
    """Load the sealing key; make it where nothing was ever sealed.

    Raises:
        SealingKeyError: it is beneath the store, unusable, or absent although lists were sealed with it.
    """
    check_key_outside(settings)
    if not os.path.lexists(settings.sealing_key) and not catalogue.generations():
        return make_key(settings.sealing_key)
    return load_key(settings.sealing_key)


@dataclass(frozen=True, slots=True)
class Listed:
    """A generation and whether it is active."""

    stored: Stored
    active: bool


def show(settings: Settings) -> list[Listed]:
    """Return every generation of the store."""
    catalogue = Catalogue(Layout(settings.store))
    active = {stored.directory for stored in catalogue.active()}
    return [Listed(stored, stored.directory in active) for stored in catalogue.generations()]


@dataclass(frozen=True, slots=True)
class Verified:
    """A generation of which every record was read and found as sealed."""

    stored: Stored
    records: int


def verify(settings: Settings, list_id: str | None, *, processes: int) -> list[Verified]:
    """Read every byte and every record of the active generations, or of every generation of one list.

    Raises:
        NoActiveList: there is nothing to verify.
        StoreDamaged: a generation is not what was sealed.
        SealingKeyError: it was sealed with another key.
    """
    layout = Layout(settings.store)
    catalogue = Catalogue(layout)
    active = catalogue.active()  # also where one list is asked for: this compares manifests with their pins
    chosen = active if list_id is None else tuple(catalogue.generations(list_id))
    if not chosen:
        raise NoActiveList(f"{settings.store}: no {'active list' if list_id is None else f'list {list_id}'} to verify")
    sealer = sealer_for_use(settings)
    return [_verify_one(layout, stored, sealer, processes) for stored in chosen]


def _verify_one(layout: Layout, stored: Stored, sealer: Sealer, processes: int) -> Verified:
    manifest = stored.manifest
    with open_generation(layout.views, stored.directory, manifest, sealer):
        large = sum(file.size for file in manifest.files) >= SMALL_LIST
        with Pool(processes if large else 0) as pool:
            found = verify_generation(layout.views, stored.directory, manifest, pool)
    return Verified(stored, found.records)


def activate(settings: Settings, list_id: str, release: str) -> Stored:
    """Make a release that is already in the store the active one of its list.

    Raises:
        NoSuchRelease: it is not there.
        SealingKeyError, StoreDamaged: it cannot be opened; what was active stays active.
    """
    layout = Layout(settings.store)
    catalogue = Catalogue(layout)
    with catalogue.locked():
        stored = require_release(catalogue.release(list_id, release), list_id, release)
        with open_generation(layout.views, stored.directory, stored.manifest, sealer_for_use(settings)):
            pass
        catalogue.activate(stored)
    return stored


def retire(settings: Settings, list_id: str) -> str:
    """Take a list out of use and return the release that was active.

    Raises:
        NoActiveList: it was not active.
    """
    catalogue = Catalogue(Layout(settings.store))
    with catalogue.locked():
        return catalogue.retire(list_id).release


def _options(request: ImportRequest) -> ListOptions:
    return ListOptions(
        list_type=request.list_type,
        algorithm=request.algorithm,
        scheme=request.scheme,
        category=request.category,
    )


def _manifest(
    request: ImportRequest,
    signature: SignatureState,
    format_name: str,
    source: ListFile,
    built: Built,
    contradictions: tuple[Contradiction, ...],
    sealer: Sealer,
    now: datetime,
) -> Manifest:
    tally = built.tally
    return Manifest(
        format=FORMAT,
        list=request.list_id,
        release=request.release,
        type=request.list_type,
        authority=request.authority,
        signature=signature.value,
        source_format=format_name,
        source_size=source.size,
        source_sha256=source.source_digest(),
        imported=now.isoformat(timespec="seconds"),
        entries=tally.entries,
        duplicates=tally.duplicates,
        sized_entries=tally.sized,
        records=built.records,
        digests=dict(tally.digests),
        entry_masks={str(mask): count for mask, count in tally.masks.items()},
        categories=built.categories,
        quarantined=dict(tally.quarantined),
        dropped=dict(tally.dropped),
        notes=dict(tally.notes),
        contradictions=contradictions,
        content_root=built.content_root,
        files=built.files,
        canaries=built.canaries,
        sealing_key_id=sealer.key_id,
        tool=f"hashmatch {__version__}",
        filter=built.filter,
        sizes=built.sizes,
    )
