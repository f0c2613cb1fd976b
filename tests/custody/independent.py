"""A second verifier of checkpoints: written from RFC 6962 and C2SP's pages alone, with openssl for the signatures.

It shares no line with hashmatch, and follows the recursive definitions of the RFC instead of keeping subtrees.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

# RFC 8410: an Ed25519 public key as SubjectPublicKeyInfo is these bytes and the key.
SPKI = bytes.fromhex("302a300506032b6570032100")


def tree_head(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1: the Merkle Tree Hash of a list of inputs."""
    if len(leaves) < 2:
        return hashlib.sha256(b"\x00" + leaves[0] if leaves else b"").digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\x01" + tree_head(leaves[:half]) + tree_head(leaves[half:])).digest()


def check_checkpoints(trail: bytes, checkpoints: str, verifier_key: str, scratch: Path) -> list[int]:
    """Check every checkpoint of a file by hand; return the sizes that were signed."""
    name, key_id, encoded = verifier_key.strip().split("+", 2)
    key = base64.b64decode(encoded)
    assert key[0] == 1
    assert key_id == hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8]
    lines = trail.splitlines()
    notes = checkpoints.split("\n\n")
    assert notes.pop() == ""
    sizes = []
    for body, signature_line in zip(notes[::2], notes[1::2], strict=True):
        origin, size, root = body.split("\n")
        assert origin == name
        assert base64.b64decode(root) == tree_head(lines[: int(size)])
        dash, signer, signed = signature_line.split(" ")
        assert (dash, signer) == ("\u2014", name)
        octets = base64.b64decode(signed)
        assert octets[:4].hex() == key_id
        openssl_verifies(key[1:], f"{body}\n".encode(), octets[4:], scratch)
        sizes.append(int(size))
    return sizes


def openssl_verifies(key: bytes, message: bytes, signature: bytes, scratch: Path) -> None:
    """Have openssl(1) check an Ed25519 signature."""
    names = {"key.der": SPKI + key, "message": message, "signature": signature}
    for file, content in names.items():
        (scratch / file).write_bytes(content)
    words = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.der", "-keyform", "DER", "-rawin"]
    done = subprocess.run(
        [*words, "-in", "message", "-sigfile", "signature"], cwd=scratch, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Signature Verified Successfully" in done.stdout
