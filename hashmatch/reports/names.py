r"""Names of the evidence as text that can be printed, and back again without loss.

A name is bytes chosen by whoever made the evidence: it may not be UTF-8, may turn the reading direction, move the
cursor of a terminal or end a line. Written out, each character stands for itself where it is printable; a backslash
is doubled; any other byte of ASCII or outside UTF-8 is `\xNN`, any other character `\uNNNN` or `\UNNNNNNNN`.
"""

from __future__ import annotations

import base64
import re
from typing import Final

_ESCAPE: Final = re.compile(r"\\(?:(\\)|x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")


def shown(name: bytes) -> str:
    """Return a name as printable text on one line; `original` takes it back."""
    text = name.decode("utf-8", "surrogateescape")
    return text if _stands_for_itself(text) else "".join(map(_shown_character, text))


def shown_text(text: str) -> str:
    """Return text from a list as printable text on one line, by the rules for names."""
    return text if _stands_for_itself(text) else "".join(map(_shown_character, text))


def original(text: str) -> bytes:
    """Return the bytes of a name from the text that `shown` made of it."""
    return _ESCAPE.sub(_unescaped, text).encode("utf-8", "surrogateescape")


def exact(name: bytes, text: str) -> str | None:
    """Return a name in base64 where its shown `text` is not the name letter for letter, and None where it is."""
    return None if text.encode("utf-8") == name else base64.b64encode(name).decode("ascii")


def _stands_for_itself(text: str) -> bool:
    return text.isprintable() and "\\" not in text


def _shown_character(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    point = ord(character)
    if 0xDC80 <= point <= 0xDCFF:  # how `surrogateescape` carries a byte that is not UTF-8
        return f"\\x{point - 0xDC00:02x}"
    if point < 0x80:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def _unescaped(found: re.Match[str]) -> str:
    backslash, byte, short, long = found.groups()
    if backslash:
        return "\\"
    if byte:
        value = int(byte, 16)
        return chr(value if value < 0x80 else 0xDC00 + value)
    return chr(int(short or long, 16))
