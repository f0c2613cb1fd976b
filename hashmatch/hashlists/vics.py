"""Project VIC hash sets: VICS JSON of the models 1.x and 2.0, streamed in constant memory.

A national set is one JSON document of gigabytes. Its envelope names the model and, from 2.0 on, the region, which
gives the category numbers their meaning; the envelope may stand behind the records, so it is looked for first.
"""

from __future__ import annotations

import functools
from collections.abc import Generator, Iterator
from typing import Final

from hashmatch.digests import Algorithm
from hashmatch.errors import ListContradiction, ListFormatError
from hashmatch.hashlists.columns import BLOCK_ENTRIES, BlockBuilder
from hashmatch.hashlists.entries import Category, ListType, ParsedPiece, Piece
from hashmatch.hashlists.fields import dropped_name
from hashmatch.hashlists.jsonstream import Event, json_events, skip_value
from hashmatch.hashlists.listfile import ListFile
from hashmatch.hashlists.reading import ListOptions, Reading, check_algorithm
from hashmatch.hashlists.repeats import Repeats
from hashmatch.hashlists.vicsmodel import CONTEXT_KEYS, Envelope, Media, parse_context, parse_media

NAME: Final = "vics"

# NIST publishes its known-good files in this shape: model 1.2, and every record with MediaID 0 and this category.
_KNOWN_MODEL: Final = "1.2"
_KNOWN_CATEGORY: Final = "8"

_MORE_PAGES: Final = frozenset({"odata.nextLink", "@odata.nextLink"})
_COUNTS: Final = frozenset({"odata.count", "@odata.count"})


def open_vics(list_file: ListFile, options: ListOptions) -> Reading:
    envelope = _find_envelope(list_file)
    check_algorithm((Algorithm.MD5, Algorithm.SHA1), options)
    if options.list_type is ListType.KNOWN and envelope.model != _KNOWN_MODEL:
        raise ListContradiction("a VICS hash set is never a list of known files, but --type says known")
    scheme = options.scheme or f"VICS/{envelope.region or envelope.model}"
    document = _Document(envelope, options.list_type)
    pieces = functools.partial(_pieces, list_file, document, scheme)
    return Reading(NAME, (Algorithm.MD5, Algorithm.SHA1), has_categories=True, _pieces=pieces)


def _pieces(list_file: ListFile, document: _Document, scheme: str) -> Iterator[Piece]:
    builder, ids = BlockBuilder(), Repeats()
    for number, media in document.records(json_events(list_file)):
        _add(builder, number, media, scheme)
        # NIST's files have 0 in every record; it is nobody's number.
        if media.media_id:
            repeated = ids.again(media.media_id)
            builder.notes["duplicate_media_id"] += repeated is True
            builder.notes["media_id_not_compared"] += repeated is None
        if len(builder) == BLOCK_ENTRIES:
            yield ParsedPiece(builder.finish())
            builder = BlockBuilder()
    if len(builder):
        yield ParsedPiece(builder.finish())


def _add(builder: BlockBuilder, number: int, media: Media, scheme: str) -> None:
    category = None if media.category is None else Category(scheme, media.category)
    builder.add(number, media.digests, media.size, category)
    builder.dropped.update(map(_counted_name, media.left))
    builder.notes.update(media.notes)


@functools.lru_cache(maxsize=256)
def _counted_name(name: str) -> str:
    # Addresses that the exchange protocol adds say nothing of their own, but there are several a record.
    return "odata" if "odata." in name else dropped_name(name)


def _find_envelope(list_file: ListFile) -> Envelope:
    """Return what the envelope says, reading past the records only where they stand before it."""
    events = json_events(list_file)
    _expect_object(next(events))
    for event, key in events:
        if event == "end_map":
            break
        value = next(events)
        if key in CONTEXT_KEYS:
            return parse_context(value)
        skip_value(value, events)
    raise ListFormatError("expected odata.metadata or @odata.context, which a VICS document names its model by")


class _Document:
    """Walks a hash set once, checking the envelope on the way; records come out with their 1-based number."""

    def __init__(self, envelope: Envelope, list_type: ListType) -> None:
        self._envelope = envelope
        self._list_type = list_type
        self._keys: set[object] = set()

    def records(self, events: Iterator[Event]) -> Iterator[tuple[int, Media]]:
        self._keys.clear()
        _expect_object(next(events))
        count, said = None, None
        for event, key in events:
            if event == "end_map":
                break
            self._check_key(key)
            value = next(events)
            if key == "value":
                count = yield from self._items(value, events)
            elif key in _COUNTS:
                said = value[1]
            elif key in CONTEXT_KEYS and parse_context(value) != self._envelope:
                raise ListFormatError("the list changed while it was read: its envelope says something else now")
            else:
                skip_value(value, events)
        # Only asking for the next event makes the parser look at what follows the document.
        if next(events, None) is not None:
            raise ListFormatError("expected the end of the document, got more")
        self._check_count(count, said)

    def _check_key(self, key: object) -> None:
        if key in self._keys:
            raise ListFormatError("expected each key of the envelope once, got one twice")
        if key in CONTEXT_KEYS and not self._keys.isdisjoint(CONTEXT_KEYS):
            raise ListFormatError("expected one of odata.metadata and @odata.context, got both")
        if key in _MORE_PAGES:
            raise ListFormatError("the document says that more pages follow: ask for the whole set")
        # The envelope has a handful of keys; a document of nothing but keys must not fill the memory.
        if len(self._keys) > 1000:
            raise ListFormatError("expected the envelope of a VICS document, got an object of over 1000 keys")
        self._keys.add(key)

    def _items(self, value: Event, events: Iterator[Event]) -> Generator[tuple[int, Media], None, int]:
        """Yield the records of the array; returns how many there were."""
        if value[0] != "start_array":
            raise ListFormatError("expected an array of records under value, got something else")
        number, known = 0, True
        for event, _ in events:
            if event == "end_array":
                break
            number += 1
            if event != "start_map":
                raise ListFormatError("expected an object, got something else", place=number, unit="record")
            media = parse_media(events, number)
            known = known and self._is_known(media)
            self._check_not_known(known, number)
            yield number, media
        if number and known and self._list_type is ListType.NOTABLE:
            raise ListContradiction(
                "every record has MediaID 0 and category 8, as NIST's list of known software has, but --type says "
                "notable"
            )
        return number

    def _is_known(self, media: Media) -> bool:
        return self._envelope.model == _KNOWN_MODEL and media.media_id == 0 and media.category == _KNOWN_CATEGORY

    def _check_not_known(self, known: bool, number: int) -> None:
        if not known and self._list_type is ListType.KNOWN:
            raise ListContradiction(
                f"record {number}: expected MediaID 0 and category 8 as in NIST's list of known software, got others, "
                "but --type says known"
            )

    @staticmethod
    def _check_count(count: int | None, said: object) -> None:
        if count is None:
            raise ListFormatError("expected an array of records under value, got none")
        if said is not None and str(said) != str(count):
            raise ListFormatError("the document says another number of records than it has: it is not complete")


def _expect_object(event: Event) -> None:
    if event[0] != "start_map":
        raise ListFormatError("expected a JSON object with the envelope of a VICS document, got something else")
