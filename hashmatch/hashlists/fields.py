"""Reading single fields of a list: sizes, category names, names of what is left behind.

A `ValueError` from here says what was expected and found, and never repeats the field: it may be a digest that
slipped into the wrong column.
"""

from __future__ import annotations

import re
from typing import Final

from hashmatch.digests import Algorithm, parse_hex

_SIZE_LIMIT: Final = (1 << 63) - 1
_CATEGORY_LIMIT: Final = 64  # characters
_DIGITS: Final = re.compile(r"[0-9]{1,19}")
_FIELD_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_ .@-]{0,29}")
_DIGEST_LIKE: Final = re.compile(r"[0-9A-Fa-f]{32,}")
_EXPONENT: Final = re.compile(r"[0-9][0-9.,]*[Ee][+-]?[0-9]+")


def size_of(text: str) -> int:
    """Return the file size that decimal digits stand for.

    Raises:
        ValueError: anything else, foreign digits and underscores included.
    """
    if not _DIGITS.fullmatch(text):
        raise ValueError(f"expected a file size in decimal digits, got {len(text)} other characters")
    return checked_size(int(text))


def checked_size(size: int) -> int:
    if not 0 <= size <= _SIZE_LIMIT:
        raise ValueError("expected a file size below 2^63 bytes, got another number")
    return size


def category_of(text: str) -> str:
    """Return a category's name.

    Raises:
        ValueError: it cannot be shown to an examiner, or reads like a digest.
    """
    if len(text) > _CATEGORY_LIMIT or not text.isprintable():
        raise ValueError(f"expected a category of at most {_CATEGORY_LIMIT} printable characters, got {len(text)}")
    if _DIGEST_LIKE.search(text):
        raise ValueError("expected a category, got what reads like a digest")
    return text


def digest_of(algorithm: Algorithm, text: str) -> bytes:
    """Return the octets of a digest in a table's cell, naming the damage a spreadsheet does to digests.

    Raises:
        ValueError: the cell is no digest.
    """
    if _EXPONENT.fullmatch(text) and len(text) != 2 * algorithm.size:
        raise ValueError(f"expected a {algorithm.label} digest, got a number: a spreadsheet has damaged the list")
    if text.isascii() and text.isdigit() and len(text) != 2 * algorithm.size:
        raise ValueError(
            f"expected {2 * algorithm.size} hexadecimal digits for {algorithm.label}, got {len(text)} decimal ones: "
            "a spreadsheet may have removed leading zeros"
        )
    return parse_hex(algorithm, text.encode("utf-8", "surrogateescape"))


def dropped_name(text: str) -> str:
    """Return the name under which a field left behind is counted.

    The counts go into the manifest, and a damaged list may have anything in the place of a name.
    """
    return text if _FIELD_NAME.fullmatch(text) else "other"
