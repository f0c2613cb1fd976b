"""Public keys that may sign: Ed25519 (RFC 8032), plain or in a FIDO authenticator as OpenSSH names them."""

from __future__ import annotations

import enum
import hashlib
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hashmatch.authority.fields import Name, Octets32, Text

_FIELD: Final = 2**255 - 19  # RFC 8032, section 5.1

# The y coordinates of the eight points of small order. A signature by such a "key" can be made for any message by
# anybody, so it is no key. Worked out anew from the curve in tests/authority/test_keys.py.
_SMALL_ORDER: Final = frozenset(
    (
        0,
        1,
        _FIELD - 1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    )
)


class KeyKind(enum.StrEnum):
    """What kind of key it is, in OpenSSH's words."""

    ED25519 = "ssh-ed25519"
    AUTHENTICATOR = "sk-ssh-ed25519@openssh.com"


class PublicKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A key and whose it is.

    Attributes:
        public: the 32 octets of the point, in hexadecimal digits.
        name: whose it is, for people; nothing is decided by it.
        application: what an authenticator's key was made for, `ssh:` as a rule; empty for a plain key.
    """

    kind: KeyKind
    public: Octets32
    name: Name
    application: Text = ""

    @property
    def octets(self) -> bytes:
        return bytes.fromhex(self.public)

    @property
    def key_id(self) -> str:
        """Tells keys apart; 16 hexadecimal digits, from the point alone, so that one key has one id."""
        return hashlib.sha256(b"hashmatch key 1\0" + self.octets).hexdigest()[:16]


def check_key(key: PublicKey) -> None:
    """Refuse what is no key or is not written as keys are.

    Raises:
        ValueError: it is a point of small order, not the canonical form of a point, or its fields contradict its kind.
    """
    y = int.from_bytes(key.octets, "little") & ((1 << 255) - 1)
    if y >= _FIELD:
        raise ValueError("a public key is not in canonical form")
    if y in _SMALL_ORDER:
        raise ValueError("a public key is a point of small order: anybody could sign in its name")
    if bool(key.application) != (key.kind is KeyKind.AUTHENTICATOR):
        raise ValueError("a public key names an application exactly where it lies in an authenticator")


def holds(public: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether a signature of 64 octets by a point of 32 octets holds for a message."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
