"""The one JSON form that is signed: what two readers of the same bytes cannot read differently.

Sorted keys, no blanks, UTF-8, integers within 53 bits, no other numbers. Reading is the inverse of writing and of
nothing else: bytes that `encode` would not have written are refused, whatever a lenient reader makes of them.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Final, NoReturn, TypeVar

import msgspec
import orjson

LIMIT: Final = 1 << 20  # bytes; a root with hundreds of keys takes a tenth
_DIGITS: Final = 17  # of the longest integer within 53 bits, with its sign

_Kind = TypeVar("_Kind")


def encode(value: object) -> bytes:
    """Return the canonical form of a value of texts, integers, truth values, None, lists and mappings."""
    return orjson.dumps(msgspec.to_builtins(value), option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)


def decode(content: bytes, kind: type[_Kind]) -> _Kind:
    """Read a document of one kind, a `msgspec.Struct` that forbids unknown fields.

    Raises:
        ValueError: longer than `LIMIT`, not JSON, not in canonical form, or not of that kind; says what is wrong.
    """
    if len(content) > LIMIT:
        raise ValueError(f"expected at most {LIMIT} bytes, got {len(content)}")
    if content.startswith(b"\xef\xbb\xbf"):
        raise ValueError("begins with a byte order mark")
    value = _parse(content)
    try:
        written = encode(value)
    except TypeError as error:  # a lone surrogate, or an integer beyond 53 bits
        raise ValueError(f"not in canonical form: {error}") from None
    if written != content:
        raise ValueError("not in canonical form: sorted keys, no blanks, UTF-8 unescaped")
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def _parse(content: bytes) -> object:
    try:
        return json.loads(
            content.decode(),
            object_pairs_hook=_without_duplicates,
            parse_int=_integer,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError("an integer is beyond 53 bits")
    return int(text)


def _no_float(_: str) -> NoReturn:
    raise ValueError("a number is not an integer")


def to_base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def from_base64(text: str | bytes) -> bytes:
    """Return the octets of a base64 text (RFC 4648, section 4) that nothing could be written differently in.

    Raises:
        ValueError: it is not base64, or has blanks, wrong padding or bits that say nothing.
    """
    written = text.encode() if isinstance(text, str) else text
    try:
        octets = base64.b64decode(written, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from None
    if base64.b64encode(octets) != written:
        raise ValueError("not base64 as it is written: bits that say nothing are set")
    return octets
