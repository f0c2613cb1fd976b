"""An open generation: a view of one sealed list, checked before it answers and asked again at the end."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, TypeVar

from hashmatch.digests import Algorithm
from hashmatch.errors import SealingKeyError, StoreDamaged
from hashmatch.hashlists.entries import Category
from hashmatch.hashlists.postings import Posting
from hashmatch.store.database import Database
from hashmatch.store.filter import Filter, open_filter
from hashmatch.store.layout import DATABASE
from hashmatch.store.manifest import Manifest
from hashmatch.store.portable import NUMBER_OTHER
from hashmatch.store.postings import decode, decode_number, decode_statements
from hashmatch.store.sealing import Sealer
from hashmatch.store.views import open_view

_ABSENT_CANARIES: Final = 64

_Encoded = TypeVar("_Encoded")


class Generation:
    """Answers sealed keys of one list. Threads may share it."""

    def __init__(self, manifest: Manifest, database: Database, filter_: Filter | None, sealer: Sealer) -> None:
        self.manifest = manifest
        self.algorithms = frozenset(Algorithm.named(label) for label in manifest.digests)
        self.entry_masks = frozenset(int(mask) for mask in manifest.entry_masks)
        self.categories: tuple[Category | None, ...] = (None, *manifest.categories)
        self.filter = filter_
        self._database = database
        self._sealer = sealer

    def find(self, key: bytes) -> tuple[Posting, ...]:
        """Return the postings of a sealed key; empty only where LevelDB has proved it absent.

        Raises:
            StoreDamaged: a record is damaged.
            StoreError: the store could not be read.
        """
        value = self._database.get(key)
        return () if value is None else self._decoded(decode, value)

    def number(
        self, keys: bytes, positions: bytes, numbers: array[int], others: dict[tuple[Posting, ...], int]
    ) -> None:
        """Enter for each key the number of what its postings say, but for their ordinals and sizes.

        Args:
            keys: sealed, end to end; in order they are the quickest.
            positions: for each key, where in `numbers` its number belongs; see `inner_loops.ask`.
            numbers: of absent keys stay what they are.
            others: gets the numbers of what several postings say together.

        Raises:
            StoreDamaged: a record is damaged.
            StoreError: the store could not be read.
        """
        for position, value in self._database.number(keys, positions, numbers):
            postings = self._decoded(decode_statements, value)
            numbers[position] = others.setdefault(postings, NUMBER_OTHER + len(others))

    def said(self, number: int) -> tuple[Posting, ...]:
        """Return what one posting says that has a number, with ordinal 0 and without size.

        Raises:
            StoreDamaged: a record that has this number is damaged.
        """
        return self._decoded(decode_number, number)

    def _decoded(self, decoder: Callable[[_Encoded], tuple[Posting, ...]], value: _Encoded) -> tuple[Posting, ...]:
        try:
            return decoder(value)
        except ValueError as error:
            raise StoreDamaged(f"list {self.manifest.list}: a record is damaged: {error}") from None

    def check_canaries(self) -> None:
        """Ask for keys that must be there and for keys that cannot.

        Raises:
            StoreDamaged: an answer is wrong; no other answer of this generation is to be believed.
        """
        for canary in self.manifest.canaries:
            key = bytes.fromhex(canary.key)
            if self._database.get(key) != bytes.fromhex(canary.value) or (
                self.filter and not self.filter.may_hold(key)
            ):
                raise StoreDamaged(f"list {self.manifest.list}: a canary that was sealed in it is not found")
        for number in range(_ABSENT_CANARIES):
            for algorithm in self.algorithms:
                if self._database.get(self._sealer.absent_canary(algorithm, number)) is not None:
                    raise StoreDamaged(f"list {self.manifest.list}: a canary that cannot be in it is found")


@contextmanager
def open_generation(views: Path, directory: Path, manifest: Manifest, sealer: Sealer) -> Iterator[Generation]:
    """Open a generation through a private view and check its canaries.

    Raises:
        SealingKeyError: it was sealed with another key.
        StoreDamaged: it is not what was sealed.
    """
    check_key(manifest, sealer)
    with (
        open_filter(directory, manifest) as filter_,
        open_view(views, directory / DATABASE, manifest.files) as view,
        closing(Database(view)) as database,
    ):
        generation = Generation(manifest, database, filter_, sealer)
        generation.check_canaries()
        yield generation


def check_key(manifest: Manifest, sealer: Sealer) -> None:
    """Refuse a key under which every digest of the list would be absent.

    Raises:
        SealingKeyError: it was sealed with another key.
    """
    if manifest.sealing_key_id != sealer.key_id:
        raise SealingKeyError(
            f"list {manifest.list}, release {manifest.release}: sealed with key {manifest.sealing_key_id}, "
            f"got key {sealer.key_id}"
        )
