"""Signatures that `ssh-keygen -Y sign` makes, also with keys in FIDO authenticators.

Formats: PROTOCOL.sshsig and PROTOCOL.u2f of OpenSSH, RFC 4251 section 5 for `string`. Read without OpenSSH, strictly:
nothing may stand behind what is read.
"""

from __future__ import annotations

import hashlib
import re
import struct
from typing import Final, NamedTuple

from hashmatch.authority.canonical import from_base64
from hashmatch.authority.keys import KeyKind, PublicKey, check_key, holds

NAMESPACE: Final = "hashmatch"  # `ssh-keygen -Y sign -n hashmatch`: a signature made for anything else is refused

_PREAMBLE: Final = b"SSHSIG"
_VERSION: Final = 1
_HASHES: Final = {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}
_USER_PRESENT: Final = 0x01  # flag of the authenticator: somebody touched it
_ARMOUR: Final = re.compile(
    rb"-----BEGIN SSH SIGNATURE-----\r?\n((?:[A-Za-z0-9+/=]+\r?\n)+)-----END SSH SIGNATURE-----(?:\r?\n)?"
)


class SshSignature(NamedTuple):
    """A signature taken apart; that it holds is not yet known.

    Attributes:
        key: who claims to have signed, without a name.
        hash_name: of the digest of the message that was signed.
        signature: 64 octets.
        authenticator: flags and counter, as they were signed; empty for a plain key.
    """

    key: PublicKey
    hash_name: bytes
    signature: bytes
    authenticator: bytes


def unarmoured(text: bytes) -> bytes:
    """Return the octets of a signature file.

    Raises:
        ValueError: it is not one signature between its two lines.
    """
    match = _ARMOUR.fullmatch(text)
    if match is None:
        raise ValueError("expected one SSH signature, as ssh-keygen -Y sign writes it")
    return from_base64(b"".join(match[1].split()))


def read_signature(octets: bytes) -> SshSignature:
    """Take a signature apart.

    Raises:
        ValueError: it is not one for our namespace by a key of a kind that is accepted.
    """
    reader = _Reader(octets)
    if reader.octets(len(_PREAMBLE)) != _PREAMBLE or reader.number() != _VERSION:
        raise ValueError("expected an SSH signature of version 1")
    public, namespace, reserved = reader.string(), reader.string(), reader.string()
    hash_name, signature = reader.string(), reader.string()
    reader.end()
    if namespace != NAMESPACE.encode():
        raise ValueError(f"expected an SSH signature made with -n {NAMESPACE}, got one for another namespace")
    if reserved or hash_name not in _HASHES:
        raise ValueError("expected an SSH signature over SHA-256 or SHA-512")
    key = read_public(public, "unnamed")
    octets, authenticator = _read_inner(signature, key.kind)
    return SshSignature(key, hash_name, octets, authenticator)


def signature_holds(found: SshSignature, message: bytes) -> bool:
    """Tell whether a signature holds for a message; one of an authenticator that nobody touched does not."""
    digest = _HASHES[found.hash_name](message).digest()
    signed = _PREAMBLE + b"".join(map(_string, (NAMESPACE.encode(), b"", found.hash_name, digest)))
    if found.key.kind is KeyKind.AUTHENTICATOR:
        if not found.authenticator[0] & _USER_PRESENT:
            return False
        application = hashlib.sha256(found.key.application.encode()).digest()
        signed = application + found.authenticator + hashlib.sha256(signed).digest()
    return holds(found.key.octets, found.signature, signed)


def read_public_line(line: str, name: str = "") -> PublicKey:
    """Read a public key as `ssh-keygen` writes it into a `.pub` file; its comment names it unless `name` does.

    Raises:
        ValueError: it is not one line with an Ed25519 key, or nothing names it.
    """
    kind, _, rest = line.strip().partition(" ")
    blob, _, comment = rest.partition(" ")
    if kind not in [k.value for k in KeyKind]:
        raise ValueError("expected a public key of kind ssh-ed25519 or sk-ssh-ed25519@openssh.com")
    name = name or comment.strip()
    if not name:
        raise ValueError("a public key without a comment: say whose it is")
    key = read_public(from_base64(blob), name)
    if key.kind != kind:
        raise ValueError("a public key is of another kind than its line says")
    return key


def read_public(blob: bytes, name: str) -> PublicKey:
    """Read a public key in SSH's own form.

    Raises:
        ValueError: it is of another kind, or is no key.
    """
    reader = _Reader(blob)
    try:
        kind = KeyKind(reader.string().decode("ascii"))
    except ValueError:
        raise ValueError("expected an Ed25519 key, plain or in an authenticator") from None
    public = reader.string()
    application = reader.string().decode() if kind is KeyKind.AUTHENTICATOR else ""
    reader.end()
    if len(public) != 32:
        raise ValueError(f"a public key: expected 32 bytes, got {len(public)}")
    key = PublicKey(kind, public.hex(), name, application)
    check_key(key)
    return key


def _read_inner(signature: bytes, kind: KeyKind) -> tuple[bytes, bytes]:
    reader = _Reader(signature)
    if reader.string() != kind.encode():
        raise ValueError("an SSH signature is of another kind than its key")
    octets = reader.string()
    authenticator = reader.octets(5) if kind is KeyKind.AUTHENTICATOR else b""
    reader.end()
    if len(octets) != 64:
        raise ValueError(f"an SSH signature: expected 64 bytes, got {len(octets)}")
    return octets, authenticator


def _string(octets: bytes) -> bytes:
    return struct.pack(">I", len(octets)) + octets


class _Reader:
    """Takes octets apart from the front."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def octets(self, count: int) -> bytes:
        taken = self._octets[self._at : self._at + count]
        if len(taken) != count:
            raise ValueError("an SSH key or signature is cut")
        self._at += count
        return taken

    def number(self) -> int:
        return int.from_bytes(self.octets(4), "big")

    def string(self) -> bytes:
        return self.octets(self.number())

    def end(self) -> None:
        if self._at != len(self._octets):
            raise ValueError("something stands behind an SSH key or signature")
