"""The words of a VICS document: its envelope, and one Media record read from the stream.

A record is bound by its place in the document, because `MD5` also occurs inside `MediaFiles` and `Exifs`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from hashmatch.digests import Algorithm, parse_hex
from hashmatch.errors import ListFormatError
from hashmatch.hashlists.fields import category_of, checked_size, size_of
from hashmatch.hashlists.jsonstream import Event, skip_value

CONTEXT_KEYS: Final = frozenset({"odata.metadata", "@odata.context"})

_CONTEXT: Final = re.compile(
    r"https?://[^\s#]*/DataModels/(?P<model>[0-9]+\.[0-9]+)\.xml"
    r"(?:/(?P<region>[A-Za-z0-9_-]{1,30})/\$metadata)?#(?P<kind>[A-Za-z]+)"
)
_DIGESTS: Final = (("MD5", Algorithm.MD5), ("SHA1", Algorithm.SHA1))
_KEPT: Final = frozenset({"MD5", "SHA1", "MediaSize", "Category", "MediaID"})
_NESTED: Final = frozenset({"start_map", "start_array"})
_ABSENT: Final[Event] = ("null", None)
_NOTHING: Final = (None, "")
_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,19}")
_KEY_LIMIT: Final = 1000  # keys in one record; real ones have about thirty


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a document says of itself; a region from model 2.0 on, none before."""

    model: str
    region: str | None


class Media(NamedTuple):
    """One record.

    Attributes:
        media_id: None where it is absent or no whole number.
        left: the fields that were left behind with something in them.
        notes: its oddities.
    """

    digests: list[tuple[Algorithm, bytes]]
    size: int | None
    category: str | None
    media_id: int | None
    left: list[str]
    notes: list[str]


def parse_context(event: Event) -> Envelope:
    """Return the envelope that a context names.

    Raises:
        ListFormatError: the model is unknown, or the document is a case and no hash set.
    """
    found = _CONTEXT.fullmatch(event[1]) if event[0] == "string" else None
    if found is None:
        raise ListFormatError("expected the address of a VICS data model in the envelope, got something else")
    model, region = found["model"], found["region"]
    if model.partition(".")[0] not in ("1", "2") or (region is None) != model.startswith("1."):
        raise ListFormatError(f"expected a VICS model 1.x, or 2.x with its region, got {model[:10]}")
    if found["kind"] == "Cases":
        raise ListFormatError("this is a VICS case, whose files are somebody's evidence; expected a hash set (#Media)")
    if found["kind"] != "Media":
        raise ListFormatError("expected a VICS document of Media, got another kind")
    return Envelope(model, region)


def parse_media(events: Iterator[Event], number: int) -> Media:
    """Read one record, whose opening event has been taken already.

    Raises:
        ListFormatError: with the record's number.
    """
    try:
        return _media(events)
    except ValueError as exc:
        raise ListFormatError(str(exc), place=number, unit="record") from None


def _media(events: Iterator[Event]) -> Media:
    fields = _fields(events)
    notes = []
    digests = []
    for name, algorithm in _DIGESTS:
        if text := _text(fields.get(name, _ABSENT)):
            digests.append((algorithm, parse_hex(algorithm, text.encode("utf-8", "surrogatepass"))))
        else:
            notes.append(f"no_{name.lower()}")
    if not digests:
        raise ValueError("expected an MD5 or SHA1, got neither")
    size = _size(fields.get("MediaSize", _ABSENT))
    # Some exporters write 0 for "not known"; an empty file is never looked up, so 0 could only contradict.
    if size == 0:
        size = None
        notes.append("zero_size")
    category = _category(fields.get("Category", _ABSENT))
    if category is None:
        notes.append("no_category")
    left = [name for name, event in fields.items() if event[1] not in _NOTHING and name not in _KEPT]
    return Media(digests, size, category, _media_id(fields.get("MediaID", _ABSENT)), left, notes)


def _fields(events: Iterator[Event]) -> dict[str, Event]:
    """Return the record's fields; an object or a list counts only as being there or empty."""
    fields: dict[str, Event] = {}
    for _, key in events:
        if key is None:
            break
        # A JSON reader that keeps the last of two equal keys would take whichever digest came later.
        if key in fields or len(fields) > _KEY_LIMIT:
            raise ValueError("expected each key once, got one twice or too many")
        event = next(events)
        if event[0] in _NESTED:
            if key in _KEPT:
                raise ValueError(f"expected one value for {key}, got an object or a list")
            if key == "Media":
                raise ValueError("this is a VICS case, whose files are somebody's evidence; expected a hash set")
            event = (event[0], skip_value(event, events) or None)
        fields[key] = event
    return fields


def _text(event: Event) -> str:
    if event[1] is None:
        return ""
    if event[0] != "string":
        raise ValueError("expected a digest as a string, got another type")
    return str(event[1])


def _size(event: Event) -> int | None:
    kind, value = event
    if value in _NOTHING:
        return None
    if kind == "string":
        return size_of(value)
    if kind != "number" or not isinstance(value, int):
        raise ValueError("expected a file size in bytes for MediaSize, got another type")
    return checked_size(value)


def _media_id(event: Event) -> int | None:
    """Return a whole number, which some exporters write as a string."""
    kind, value = event
    if kind == "string" and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    return value if kind == "number" and isinstance(value, int) else None


@functools.lru_cache(maxsize=256)
def _category(event: Event) -> str | None:
    """Return a number or a name as text. Zero is a value: it means uncategorised."""
    kind, value = event
    if value in _NOTHING:
        return None
    if kind == "string":
        return category_of(value)
    if kind != "number" or not isinstance(value, int):
        raise ValueError("expected a whole number or a name for Category, got another type")
    return category_of(str(value))
