"""Which generations there are, and which of them are active.

`active.json` is replaced by rename, so a reader sees the old set or the new one. It pins each active generation's
manifest by SHA-256 and itself by a check value: a flipped byte in either is an error, not another list.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec
import orjson

from hashmatch.errors import DuplicateRelease, NoActiveList, NoSuchRelease, StoreDamaged, StoreLocked, StoreUnwritable
from hashmatch.store.durable import make_directories, replace, sync_directory, sync_file, write_new
from hashmatch.store.layout import MANIFEST, Layout, check_list_id, check_release
from hashmatch.store.manifest import Manifest, canonical, fingerprint, parse_manifest
from hashmatch.store.views import sweep

_FORMAT: Final = 1


class ActiveGeneration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One active generation: the directory it lies in and the manifest it must have."""

    list: str
    release: str
    generation: str
    manifest_sha256: str


class _ActiveFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    generations: tuple[ActiveGeneration, ...]
    check: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A sealed generation on disk."""

    directory: Path
    manifest: Manifest
    manifest_sha256: str

    @property
    def as_active(self) -> ActiveGeneration:
        return ActiveGeneration(self.manifest.list, self.manifest.release, self.directory.name, self.manifest_sha256)


class Catalogue:
    """The generations of one store. Reading needs no lock; changing needs `locked`."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the store for a change; what dead processes left half built is removed first.

        Raises:
            StoreLocked: another process is changing the store.
            StoreUnwritable: no permission, or no space.
        """
        with writing(self._layout.root):
            make_directories(self._layout.root)
            lock = os.open(self._layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreLocked(f"{self._layout.root}: another process is changing this store") from None
            with writing(self._layout.root):
                shutil.rmtree(self._layout.staging, ignore_errors=True)
                if self._layout.views.is_dir():
                    sweep(self._layout.views)
            yield
        finally:
            os.close(lock)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Give an empty directory for a generation; what is still there at the end is removed."""
        directory = self._layout.staging / uuid4().hex
        directory.mkdir(parents=True, mode=0o700)
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def generations(self, list_id: str | None = None) -> list[Stored]:
        """Return every sealed generation, by list and then in the order they were built.

        Raises:
            StoreDamaged: a manifest cannot be read.
        """
        ids = self._list_ids() if list_id is None else [check_list_id(list_id)]
        return [
            self._read(directory)
            for name in ids
            for directory in sorted((self._layout.lists / name).glob("*"))
            if directory.is_dir()
        ]

    def release(self, list_id: str, release: str) -> Stored | None:
        """Return the generation built from one release of a list."""
        check_release(release)
        return next((s for s in self.generations(list_id) if s.manifest.release == release), None)

    def active(self) -> tuple[Stored, ...]:
        """Return the active generations, by list id; none where nothing was ever activated.

        Raises:
            StoreDamaged: the catalogue, or a manifest it pins, is not what was written.
        """
        stored = []
        for entry in self._active_entries():
            found = self._read(self._layout.generation(entry.list, entry.generation))
            if found.as_active != entry:
                raise StoreDamaged(f"{found.directory / MANIFEST}: not the manifest that was activated")
            stored.append(found)
        return tuple(stored)

    def refuse_duplicate(self, list_id: str, release: str) -> None:
        """Raise `DuplicateRelease` where this release is already there."""
        if self.release(list_id, release) is not None:
            raise DuplicateRelease(
                f"list {list_id}, release {release!r}: already in the store; release names are unique, "
                "and 'hashmatch lists activate' makes it the active one"
            )

    def commit(self, staging: Path, manifest: Manifest) -> Stored:
        """Make a finished generation visible, still inactive; everything of it is on disk before its name is."""
        number = len(list((self._layout.lists / manifest.list).glob("*"))) + 1
        content = canonical(manifest)
        target = self._layout.generation(manifest.list, f"{number:06d}-{_suffix(content)}")
        with writing(self._layout.root):
            if not self._layout.active.exists():
                self._write_active([])
            write_new(staging / MANIFEST, content)
            for directory, _, files in os.walk(staging, topdown=False):
                for name in files:
                    sync_file(Path(directory) / name)
                sync_directory(Path(directory))
            make_directories(target.parent)
            os.rename(staging, target)
            try:
                sync_directory(target.parent)
            except OSError:
                os.rename(target, staging)
                raise
        return Stored(target, manifest, fingerprint(content))

    def withdraw(self, stored: Stored) -> None:
        """Take back a generation that was committed but never became active."""
        with writing(self._layout.root):
            if stored.as_active in self._active_entries():
                return  # the disk refused even to put the old catalogue back
            withdrawn = self._layout.staging / uuid4().hex
            os.rename(stored.directory, withdrawn)
            sync_directory(stored.directory.parent)
            shutil.rmtree(withdrawn, ignore_errors=True)

    def activate(self, stored: Stored) -> None:
        """Put a generation in the place of its list's active one, if there is any."""
        others = [e for e in self._active_entries() if e.list != stored.manifest.list]
        self._write_active([*others, stored.as_active])

    def retire(self, list_id: str) -> ActiveGeneration:
        """Take a list out of use; its generations stay.

        Raises:
            NoActiveList: no generation of that list is active.
        """
        check_list_id(list_id)
        entries = self._active_entries()
        retired = next((e for e in entries if e.list == list_id), None)
        if retired is None:
            raise NoActiveList(f"list {list_id}: not active")
        self._write_active([e for e in entries if e.list != list_id])
        return retired

    def _list_ids(self) -> list[str]:
        try:
            return sorted(entry.name for entry in os.scandir(self._layout.lists) if entry.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreDamaged(f"{self._layout.lists}: {error.strerror}") from error

    def _read(self, directory: Path) -> Stored:
        path = directory / MANIFEST
        try:
            content = path.read_bytes()
        except OSError as error:
            raise StoreDamaged(f"{path}: {error.strerror}") from error
        manifest = parse_manifest(content, str(path))
        if not directory.name.endswith(f"-{_suffix(content)}"):
            raise StoreDamaged(f"{path}: not the manifest that was sealed")
        if manifest.list != directory.parent.name:
            raise StoreDamaged(f"{path}: expected list {directory.parent.name}, got {manifest.list}")
        return Stored(directory, manifest, fingerprint(content))

    def _active_entries(self) -> tuple[ActiveGeneration, ...]:
        path = self._layout.active
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            # It is written before the first list is committed, so without it nothing was ever active, or it was lost.
            if self._list_ids():
                raise StoreDamaged(f"{path}: missing, although there are lists") from None
            return ()
        except OSError as error:
            raise StoreDamaged(f"{path}: {error.strerror}") from error
        try:
            read = msgspec.convert(orjson.loads(content), _ActiveFile, strict=True)
        except (orjson.JSONDecodeError, msgspec.ValidationError) as error:
            raise StoreDamaged(f"{path}: not a catalogue: {error}") from None
        if content != canonical(_active_file(read.generations)) or read.format != _FORMAT:
            raise StoreDamaged(f"{path}: not the catalogue that was written")
        return read.generations

    def _write_active(self, entries: list[ActiveGeneration]) -> None:
        ordered = tuple(sorted(entries, key=lambda e: e.list))
        with writing(self._layout.root):
            replace(self._layout.active, canonical(_active_file(ordered)))


def _suffix(manifest: bytes) -> str:
    """Return the part of a generation's name that its manifest decides, so that damage to either is seen."""
    return fingerprint(manifest)[:16]


def _active_file(entries: tuple[ActiveGeneration, ...]) -> _ActiveFile:
    return _ActiveFile(_FORMAT, entries, fingerprint(canonical(entries)))


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Turn a refusal of the disk into one error that says that nothing was changed.

    Raises:
        StoreUnwritable: no space, no permission, or a failed flush.
    """
    try:
        yield
    except OSError as error:
        raise StoreUnwritable(
            f"{root}: cannot be written: {error.strerror or error}; the store is as it was"
        ) from error


def require_release(stored: Stored | None, list_id: str, release: str) -> Stored:
    """Return `stored`.

    Raises:
        NoSuchRelease: it is None.
    """
    if stored is None:
        raise NoSuchRelease(f"list {list_id}, release {release!r}: not in the store")
    return stored
