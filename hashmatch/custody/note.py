"""The format of checkpoints: C2SP signed-note and tlog-checkpoint, with Ed25519 keys (signature type 0x01).

Reading and writing of bytes alone: signing is in `signing.py`, checking of signatures in `verify.py`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final

_ED25519: Final = b"\x01"
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_ROOT_BYTES: Final = 32
_DASH: Final = "\u2014 ".encode()
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_NAME: Final = re.compile(r"[^\s+\x00-\x1f]+")
_MAX_NOTE: Final = 64 << 10  # bytes; the specification has verifiers take 16 signatures at least


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A named Ed25519 key to verify with; `octets` as RFC 8032 has them."""

    name: str
    octets: bytes

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that a signature names its key with."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.octets).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_base64(_ED25519 + self.octets)}"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note."""

    name: str
    key_id: bytes
    octets: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends with a line break, and what is said to be signatures of it."""

    text: bytes
    signatures: tuple[Signature, ...]

    def __bytes__(self) -> bytes:
        lines = (f"\u2014 {s.name} {_base64(s.key_id + s.octets)}\n" for s in self.signatures)
        return self.text + b"\n" + "".join(lines).encode()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log's tree: which log, how many leaves, and the root that RFC 6962 gives them."""

    origin: str
    size: int
    root: bytes

    def text(self) -> bytes:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n".encode()


def parse_public_key(text: str) -> PublicKey:
    """Read a key from `name+id+key`, as `str` writes it.

    Raises:
        ValueError: it has another form or type, or an id that is not its own.
    """
    parts = text.split("+", 2)
    if len(parts) != 3 or not _NAME.fullmatch(parts[0]):
        raise ValueError("expected NAME+ID+KEY")
    octets = _octets(parts[2], 1 + _KEY_BYTES)
    if not octets.startswith(_ED25519):
        raise ValueError("expected an Ed25519 key (type 1)")
    key = PublicKey(parts[0], octets[1:])
    if parts[1] != key.key_id.hex():
        raise ValueError("the key does not have the id that stands before it")
    return key


def parse_note(content: bytes) -> Note:
    """Read a signed note.

    Raises:
        ValueError: it is none.
    """
    if len(content) > _MAX_NOTE:
        raise ValueError(f"expected a note of at most {_MAX_NOTE} bytes, got {len(content)}")
    try:
        content.decode()
    except UnicodeDecodeError:
        raise ValueError("expected a note in UTF-8") from None
    text, blank, lines = content.rpartition(b"\n\n")
    if not blank or not lines.endswith(b"\n") or any(byte < 0x20 and byte != 0x0A for byte in content):
        raise ValueError("expected a text, a blank line and signatures")
    return Note(text + b"\n", tuple(_signature(line) for line in lines.split(b"\n")[:-1]))


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Read the text of a checkpoint's note; lines that extend it are passed over, as the specification has it.

    Raises:
        ValueError: it is none.
    """
    lines = text.decode().split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
        raise ValueError("expected an origin, a size and a root, a line each")
    if not _SIZE.fullmatch(lines[1]):
        raise ValueError("expected a size in decimal digits")
    return Checkpoint(lines[0], int(lines[1]), _octets(lines[2], _ROOT_BYTES))


def joined(note: bytes) -> bytes:
    """Return a note as it stands in a file of several: with a blank line behind it."""
    return note + b"\n"


def split(content: bytes) -> tuple[list[bytes], bytes]:
    """Return the checkpoints of a file, and what is left behind the last whole one.

    The text of a checkpoint has no blank line, so blank lines stand in turn within and behind notes.
    """
    parts = content.split(b"\n\n")
    whole = (len(parts) - 1) // 2 * 2
    notes = [b"%b\n\n%b\n" % (parts[n], parts[n + 1]) for n in range(0, whole, 2)]
    return notes, b"\n\n".join(parts[whole:])


def _signature(line: bytes) -> Signature:
    dash, name, encoded = line[: len(_DASH)], *line[len(_DASH) :].decode().partition(" ")[::2]
    if dash != _DASH or not _NAME.fullmatch(name):
        raise ValueError("expected a signature line")
    octets = _octets(encoded, None)
    if len(octets) < 5:
        raise ValueError("expected a key id and a signature")
    return Signature(name, octets[:4], octets[4:])


def _octets(text: str, size: int | None) -> bytes:
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("expected base64") from None
    if (size is not None and len(octets) != size) or _base64(octets) != text:
        raise ValueError("expected base64 of another length or form")
    return octets


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
