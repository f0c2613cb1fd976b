"""The key that checkpoints are signed with: made with the first trail, kept outside the store, for its owner alone.

`cryptography` is loaded when something is signed: most commands record an event or two before they get so far.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from hashmatch.custody.note import Checkpoint, Note, PublicKey, Signature, joined
from hashmatch.custody.places import make_directory, open_file, sync_directory, write_new, writing
from hashmatch.errors import AuditUnwritable

_HEADER: Final = "hashmatch-trail-key-1 "
_LINE: Final = re.compile(rb"hashmatch-trail-key-1 ([0-9a-f]{64})\n")
_KEY_BYTES: Final = 32


class SigningKey:
    """An Ed25519 key. Its `repr` never shows it."""

    def __init__(self, seed: bytes) -> None:
        self.seed = seed

    def __repr__(self) -> str:
        return "SigningKey()"

    def public(self, name: str) -> PublicKey:
        """Return the key that verifies, under a name."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return PublicKey(name, Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw())

    def sign(self, checkpoint: Checkpoint) -> bytes:
        """Return a checkpoint as a note signed under the name of its log, and the blank line behind it."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        text = checkpoint.text()
        signed = Ed25519PrivateKey.from_private_bytes(self.seed).sign(text)
        signature = Signature(checkpoint.origin, self.public(checkpoint.origin).key_id, signed)
        return joined(bytes(Note(text, (signature,))))


def load_key(path: Path) -> SigningKey:
    """Read the key.

    Raises:
        AuditUnwritable: absent, unreadable, readable by others, or not a key; without it nothing can be recorded.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(4096)
    except FileNotFoundError:
        raise AuditUnwritable(
            f"trail key {path}: absent, although there is a trail; restore it, or say where it is with --trail-key"
        ) from None
    except OSError as error:
        raise AuditUnwritable(f"trail key {path}: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        raise AuditUnwritable(f"trail key {path}: expected a file")
    if mode & 0o077:
        raise AuditUnwritable(f"trail key {path}: expected mode 0600, got {mode & 0o777:04o}; others may read it")
    match = _LINE.fullmatch(text)
    if not match:
        raise AuditUnwritable(f"trail key {path}: expected one line '{_HEADER}' and 64 hexadecimal digits")
    return SigningKey(bytes.fromhex(match[1].decode()))


def make_key(path: Path) -> SigningKey:
    """Make a key, or read the one that is there already.

    Raises:
        AuditUnwritable: it cannot be written, or what is there is none.
    """
    if not os.path.lexists(path):
        with _draft(path, secrets.token_bytes(_KEY_BYTES)) as draft, suppress(FileExistsError):
            # A link never replaces: of two processes that make the first key, one wins and both read the same.
            os.link(draft, path)
    return load_key(path)


def new_key() -> SigningKey:
    """Return a key that is in no file yet."""
    return SigningKey(secrets.token_bytes(_KEY_BYTES))


def replace_key(path: Path, key: SigningKey) -> None:
    """Put a key in the place of another, which is gone then.

    Raises:
        AuditUnwritable: it cannot be written; the other is still there.
    """
    with _draft(path, key.seed) as draft:
        os.rename(draft, path)


@contextmanager
def _draft(path: Path, seed: bytes) -> Iterator[Path]:
    """Give a file beside `path` that holds a key, and flush the names when it has its own."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    with writing(path):
        make_directory(path.parent)
        try:
            write_new(draft, f"{_HEADER}{seed.hex()}\n".encode())
            yield draft
        finally:
            draft.unlink(missing_ok=True)
        sync_directory(path.parent)


def public_path(key: Path) -> Path:
    """Return where the public keys that belong to a private one are."""
    return key.with_name(f"{key.stem}.pub")


def publish(key: SigningKey, path: Path, name: str) -> None:
    """Add the public key of a trail to the file beside the private key: a line for each trail signed with it.

    Raises:
        AuditUnwritable: the file cannot be written.
    """
    with writing(path):
        descriptor = open_file(public_path(path), os.O_APPEND)
        try:
            line = f"{key.public(name)}\n".encode()
            if line not in os.pread(descriptor, os.fstat(descriptor).st_size, 0):
                os.write(descriptor, line)
                os.fsync(descriptor)
                sync_directory(path.parent)
        finally:
            os.close(descriptor)
