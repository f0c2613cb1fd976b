"""Signing: private keys in OpenSSH's own form, so that `ssh-keygen` makes, shows and re-encrypts them as well."""

from __future__ import annotations

import struct
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashmatch.authority import canonical
from hashmatch.authority.envelope import Envelope, Signature
from hashmatch.authority.keys import KeyKind, PublicKey
from hashmatch.authority.sshsig import read_signature, signature_holds, unarmoured
from hashmatch.errors import SigningKeyError, UsageError

_ROUNDS: Final = 32  # of bcrypt's key derivation; half a second for whoever opens a key, or guesses


class SigningKey:
    """A private key and whose it is; its `repr` shows nothing of it."""

    def __init__(self, private: Ed25519PrivateKey, name: str) -> None:
        self._private = private
        public = private.public_key().public_bytes_raw()
        self.public = PublicKey(KeyKind.ED25519, public.hex(), name)

    def __repr__(self) -> str:
        return f"SigningKey(key_id={self.public.key_id!r})"

    def sign(self, envelope: Envelope) -> Envelope:
        """Return the envelope with this key's signature."""
        octets = self._private.sign(envelope.signed_bytes)
        return envelope.with_signature(Signature(self.public.key_id, canonical.to_base64(octets)))

    def written(self, passphrase: bytes | None) -> bytes:
        """Return the content of a key file, encrypted where there is a passphrase."""
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            builder = serialization.PrivateFormat.OpenSSH.encryption_builder()
            encryption = builder.kdf_rounds(_ROUNDS).build(passphrase)
        return self._private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, encryption)


def make_signing_key(name: str) -> SigningKey:
    return SigningKey(Ed25519PrivateKey.generate(), name)


def read_signing_key(content: bytes, passphrase: bytes | None, where: str) -> SigningKey:
    """Read a key file.

    Raises:
        SigningKeyError: it is no Ed25519 key in OpenSSH's form, or the passphrase is absent or another.
    """
    try:
        private = serialization.load_ssh_private_key(content, passphrase)
    except TypeError:
        said = "encrypted, and there is no passphrase" if passphrase is None else "not encrypted: give no passphrase"
        raise SigningKeyError(f"{where}: {said}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise SigningKeyError(f"{where}: not a private key in OpenSSH's form, or another passphrase") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise SigningKeyError(f"{where}: expected an Ed25519 key; sign with ssh-keygen for one in an authenticator")
    return SigningKey(private, "unnamed")


def is_encrypted(content: bytes) -> bool:
    """Tell whether a key file needs a passphrase."""
    try:
        serialization.load_ssh_private_key(content, None)
    except TypeError:
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return False


def add_ssh_signature(envelope: Envelope, text: bytes) -> Envelope:
    """Return the envelope with a signature that `ssh-keygen -Y sign` made over its signed bytes.

    Raises:
        UsageError: it is no such signature, or one over something else.
    """
    try:
        octets = unarmoured(text)
        found = read_signature(octets)
    except ValueError as error:
        raise UsageError(f"SSH signature: {error}") from None
    if not signature_holds(found, envelope.signed_bytes):
        raise UsageError("SSH signature: it is not over this document, or nobody touched the authenticator")
    return envelope.with_signature(Signature(found.key.key_id, canonical.to_base64(octets), "sshsig"))


def public_line(key: PublicKey) -> str:
    """Return the line of a `.pub` file."""
    parts = [key.kind.encode(), key.octets, *([key.application.encode()] if key.application else [])]
    blob = b"".join(struct.pack(">I", len(part)) + part for part in parts)
    return f"{key.kind} {canonical.to_base64(blob)} {key.name}\n"
