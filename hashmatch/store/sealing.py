"""The sealing key, and digests sealed with it.

A stolen store must not tell whether a digest is listed, so keys are keyed BLAKE2b of (algorithm, digest). The
key lives outside the store, in a file that only its owner can read. One key serves every list of a store: a file's
digest is then sealed once, whatever the number of lists.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hashmatch.digests import ALL_ALGORITHMS, Algorithm
from hashmatch.errors import SealingKeyError
from hashmatch.store.durable import make_directories, sync_directory
from hashmatch.store.inner_loops import key_state, seal
from hashmatch.store.portable import SEALED_BYTES

_KEY_BYTES: Final = 32
_HEADER: Final = "hashmatch-sealing-key-1 "
_LINE: Final = re.compile(rb"hashmatch-sealing-key-1 ([0-9a-f]{64})\n")


class Sealer:
    """Seals digests with one key. Cheap to copy to a worker process; its `repr` never shows the key."""

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_BYTES:
            raise SealingKeyError(f"sealing key: expected {_KEY_BYTES} bytes, got {len(key)}")
        self._key = key
        self._states = {a: self._keyed(bytes([a])) for a in ALL_ALGORITHMS}
        self.key_state = key_state(key)

    def __reduce__(self) -> tuple[object, ...]:
        return Sealer, (self._key,)

    def __repr__(self) -> str:
        return f"Sealer(key_id={self.key_id!r})"

    def _keyed(self, start: bytes) -> hashlib.blake2b:
        return hashlib.blake2b(start, key=self._key, digest_size=SEALED_BYTES)

    @property
    def key_id(self) -> str:
        """Tells keys apart without disclosing anything of them; 16 hexadecimal digits."""
        return self._keyed(b"\x00key id").hexdigest()[:16]

    def seal(self, algorithm: Algorithm, digest: bytes) -> bytes:
        """Return the 17-byte key that a digest has in a store."""
        state = self._states[algorithm].copy()
        state.update(digest)
        return bytes([algorithm]) + state.digest()

    def seal_many(self, algorithm: Algorithm, digests: Sequence[bytes | None]) -> bytes:
        """Return what `seal` gives for each digest that is not None, end to end and without the algorithm's byte."""
        return seal(self.key_state, bytes([algorithm]), digests)

    def absent_canary(self, algorithm: Algorithm, number: int) -> bytes:
        """Return a key that no digest has: its input is longer than any digest."""
        state = self._states[algorithm].copy()
        state.update(b"absent canary that is longer than any digest %d" % number)
        return bytes([algorithm]) + state.digest()

    def fingerprints(self, canonical: Sequence[bytes]) -> bytes:
        """Return 16 bytes for each entry, end to end, whose first 8 two share only if they are the same throughout."""
        return seal(self.key_state, b"\x00entry", canonical)


def load_key(path: Path) -> Sealer:
    """Read the sealing key.

    Raises:
        SealingKeyError: absent, unreadable, readable by others, or not a key.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(4096)
    except FileNotFoundError:
        raise SealingKeyError(
            f"sealing key {path}: absent; restore it, or say where it is with --sealing-key"
        ) from None
    except OSError as error:
        raise SealingKeyError(f"sealing key {path}: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        raise SealingKeyError(f"sealing key {path}: expected a file")
    if mode & 0o077:
        raise SealingKeyError(f"sealing key {path}: expected mode 0600, got {mode & 0o777:04o}; others may read it")
    match = _LINE.fullmatch(text)
    if not match:
        raise SealingKeyError(f"sealing key {path}: expected one line '{_HEADER}' and 64 hexadecimal digits")
    return Sealer(bytes.fromhex(match[1].decode()))


def make_key(path: Path) -> Sealer:
    """Make a new key, or read the one that another process has just made at the same place.

    Raises:
        SealingKeyError: the file cannot be written.
    """
    line = f"{_HEADER}{secrets.token_bytes(_KEY_BYTES).hex()}\n".encode()
    # Not the process's number: in a container it is the same after every start, and a killed one's draft stays.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    try:
        make_directories(path.parent)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            # A link never replaces: of two processes that make the first key, one wins and both read the same.
            os.link(draft, path)
            sync_directory(path.parent)
        finally:
            draft.unlink()
    except FileExistsError:
        pass
    except OSError as error:
        raise SealingKeyError(f"sealing key {path}: cannot be made: {error.strerror}") from error
    return load_key(path)
