"""A JSON document as a stream of events, whatever its size; the only module that knows the parser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import ijson

from hashmatch.errors import ListFormatError
from hashmatch.hashlists.listfile import ListFile
from hashmatch.hashlists.text import decoded_chunks

Event = tuple[str, Any]
"""A kind (`start_map`, `map_key`, `string`, …) and its value."""

_SLICE: Final = 64 * 1024  # bytes; what they hold stands in memory as events, some thirty times as large

_OPENING: Final = frozenset({"start_map", "start_array"})
_CLOSING: Final = frozenset({"end_map", "end_array"})


def json_events(list_file: ListFile) -> Iterator[Event]:
    """Yield the events of the one document that a list is.

    Raises:
        ListFormatError: the document is not JSON, is cut, or something follows it.
    """
    found = ijson.sendable_list()
    parser = ijson.basic_parse_coro(found)
    for chunk in decoded_chunks(list_file.chunks()):
        for start in range(0, len(chunk), _SLICE):
            _guarded(parser.send, chunk[start : start + _SLICE])
            yield from found
            del found[:]
    _guarded(parser.close)
    yield from found


def skip_value(event: Event, events: Iterator[Event]) -> bool:
    """Read past the value that begins with `event`; says whether there was anything in it."""
    if event[0] not in _OPENING:
        return event[1] is not None and event[1] != ""
    depth, seen = 1, 0
    for kind, _ in events:
        if kind in _OPENING:
            depth += 1
        elif kind in _CLOSING:
            depth -= 1
            if not depth:
                break
        seen += 1
    return seen > 0


def _guarded(step: Callable[..., object], *chunk: bytes) -> None:
    # The parser's message quotes the document around the fault, digests included, so nothing of it is kept. A
    # number of thousands of digits surfaces as SystemError around Python's own refusal.
    try:
        step(*chunk)
    except (ijson.JSONError, ValueError, ArithmeticError, SystemError):
        fault = True
    else:
        fault = False
    if fault:
        raise ListFormatError("the document is not JSON, is cut, or is followed by something else")
