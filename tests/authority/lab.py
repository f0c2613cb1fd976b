"""A made-up laboratory: people with keys, the roots and manifests they sign, and ways to forge them."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from hashmatch.authority import canonical
from hashmatch.authority.envelope import Envelope, write_envelope
from hashmatch.authority.fields import stamp
from hashmatch.authority.manifest import MANIFEST_TYPE
from hashmatch.authority.root import ROOT_TYPE, Role, Roles, Root, TrustedRoot, fingerprint_of, first_root, write_root
from hashmatch.authority.signing import SigningKey, make_signing_key

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)

ROOT_PEOPLE = ("ana", "ben")
CUSTODIANS = ("cleo", "dev", "eva")


@cache
def key(name: str) -> SigningKey:
    """Return the one key that a person has in this test run."""
    return make_signing_key(name)


def role(names: Sequence[str], threshold: int = 2) -> Role:
    return Role(tuple(sorted(key(name).public.key_id for name in names)), threshold)


def root(version: int = 1, **changed: Any) -> Root:
    """Return a root of two root people and three custodians, two of whom must sign."""
    people = {key(name).public.key_id: key(name).public for name in (*ROOT_PEOPLE, *CUSTODIANS, "fay", "gus")}
    fields: dict[str, Any] = {
        "format": 1,
        "version": version,
        "issued": stamp(NOW - 10 * DAY),
        "expires": stamp(NOW + 365 * DAY),
        "keys": people,
        "roles": Roles(role(ROOT_PEOPLE), role(CUSTODIANS)),
        "grace_days": 14,
        "two_people": False,
        "unsigned_lists": "allowed",
    }
    return Root(**(fields | changed))


def root_file(version: int = 1, signers: Sequence[str] = ROOT_PEOPLE, **changed: Any) -> bytes:
    return signed(ROOT_TYPE, write_root(root(version, **changed)), signers)


def trusted(**changed: Any) -> TrustedRoot:
    """Return a root that the laboratory has begun to trust."""
    return first_root(root_file(**changed), fingerprint_of(write_root(root(**changed))), NOW)


def signed(payload_type: str, payload: bytes, signers: Sequence[str]) -> bytes:
    """Return the file of a document that these people have signed."""
    envelope = Envelope(payload_type, payload)
    for name in signers:
        envelope = key(name).sign(envelope)
    return write_envelope(envelope)


def manifest_fields(content: bytes, **changed: Any) -> dict[str, Any]:
    """Return the fields of a manifest for a plain list of MD5s, one a line."""
    lines = content.count(b"\n")
    fields: dict[str, Any] = {
        "format": 1,
        "list": "national",
        "release": "2026-05",
        "version": 5,
        "supersedes": None,
        "issuer": "the made-up authority",
        "type": "notable",
        "scheme": "demo",
        "category": "1",
        "issued": stamp(NOW - DAY),
        "expires": stamp(NOW + 90 * DAY),
        "entries": lines,
        "digests": {"md5": lines},
        "source": {"format": "plain", "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)},
        "terms": "for tests",
    }
    return fields | changed


def manifest_file(content: bytes, signers: Sequence[str] = CUSTODIANS[:2], **changed: Any) -> bytes:
    return signed(MANIFEST_TYPE, canonical.encode(manifest_fields(content, **changed)), signers)


def ssh_sign(directory: Path, signing: SigningKey, message: bytes, namespace: str = "hashmatch") -> bytes:
    """Have the real ssh-keygen sign a message with a key that hashmatch made."""
    path = directory / "ssh.key"
    path.write_bytes(signing.written(None))
    path.chmod(0o600)
    words = ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(path)]
    done = subprocess.run(words, input=message, capture_output=True, check=True)
    return done.stdout
