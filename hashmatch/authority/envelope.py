"""Signed documents: the bytes that were signed, and who signed them.

The form is that of DSSE 1.0 (Dead Simple Signing Envelope, secure-systems-lab): what is signed is the document's type
and bytes together, so that a signature for one type never serves another, and what is parsed is what was verified.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal

import msgspec

from hashmatch.authority import canonical
from hashmatch.authority.canonical import from_base64, to_base64
from hashmatch.authority.fields import KeyId
from hashmatch.authority.keys import KeyKind, PublicKey, holds
from hashmatch.authority.sshsig import read_signature, signature_holds
from hashmatch.errors import ListNotAuthorised

MOST_SIGNATURES: Final = 64


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One signature: in base64, 64 octets by Ed25519, or the whole of what `ssh-keygen -Y sign` made.

    Attributes:
        keyid: whose it claims to be.
        form: which of the two.
    """

    keyid: KeyId
    sig: str
    form: Literal["ed25519", "sshsig"] = "ed25519"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"payload_type": "payloadType"}):
    payload: str
    payload_type: str
    signatures: Annotated[tuple[Signature, ...], msgspec.Meta(max_length=MOST_SIGNATURES)]


@dataclass(frozen=True, slots=True)
class Envelope:
    """A document and its signatures, of which nobody has checked any yet.

    Attributes:
        payload_type: what the document is.
        payload: its bytes; `verified` gives them to whoever wants to rely on them.
    """

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...] = ()

    @property
    def signed_bytes(self) -> bytes:
        """What a signature is made over: DSSE's pre-authentication encoding."""
        kind = self.payload_type.encode()
        return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(self.payload), self.payload)

    def with_signature(self, signature: Signature) -> Envelope:
        """Return the envelope with one signature more, in the place of an earlier one by the same key."""
        others = [s for s in self.signatures if s.keyid != signature.keyid]
        return replace(self, signatures=tuple(sorted((*others, signature), key=lambda s: s.keyid)))


def read_envelope(content: bytes, payload_type: str, what: str) -> Envelope:
    """Take the file of a signed document apart.

    Raises:
        ListNotAuthorised: it is not an envelope for that type of document, or a key signs twice; `what` names it.
    """
    try:
        file = canonical.decode(content.removesuffix(b"\n"), _File)
        if file.payload_type != payload_type:
            raise ValueError("a document of another type")
        if len({s.keyid for s in file.signatures}) != len(file.signatures):
            raise ValueError("two signatures claim to be by one key")
        return Envelope(file.payload_type, from_base64(file.payload), file.signatures)
    except ValueError as error:
        raise ListNotAuthorised(f"{what}: {error}") from None


def type_of(content: bytes, what: str) -> str:
    """Return which type of document a file says it holds.

    Raises:
        ListNotAuthorised: it is no envelope.
    """
    try:
        return canonical.decode(content.removesuffix(b"\n"), _File).payload_type
    except ValueError as error:
        raise ListNotAuthorised(f"{what}: {error}") from None


def write_envelope(envelope: Envelope) -> bytes:
    """Return the file of a signed document: one line."""
    file = _File(to_base64(envelope.payload), envelope.payload_type, envelope.signatures)
    return canonical.encode(file) + b"\n"


def signers(envelope: Envelope, keys: Mapping[str, PublicKey], what: str) -> frozenset[str]:
    """Return the ids of those keys whose signatures hold; signatures by other keys say nothing.

    Raises:
        ListNotAuthorised: a signature that claims to be by one of the keys does not hold.
    """
    found = set()
    for signature in envelope.signatures:
        key = keys.get(signature.keyid)
        if key is None:
            continue
        if not _holds(signature, key, envelope.signed_bytes):
            raise ListNotAuthorised(f"{what}: the signature by key {signature.keyid} ({key.name}) does not hold")
        found.add(signature.keyid)
    return frozenset(found)


def verified(envelope: Envelope, keys: Mapping[str, PublicKey], threshold: int, what: str) -> bytes:
    """Return the document's bytes, now that enough different keys have signed them.

    What counts is neither signatures nor ids but public keys: one key is one, however often it is given.

    Raises:
        ListNotAuthorised: fewer than `threshold` of the keys have signed, or a signature does not hold.
        RuntimeError: a threshold below 1, which would let in what nobody signed.
    """
    if threshold < 1:
        raise RuntimeError("a threshold is at least 1")
    signed = signers(envelope, keys, what)
    different = {keys[key_id].octets for key_id in signed}
    if len(different) < threshold:
        who = ", ".join(f"{key_id} ({keys[key_id].name})" for key_id in sorted(signed)) or "nobody who may"
        raise ListNotAuthorised(
            f"{what}: expected signatures by {threshold} different keys, got {len(different)}: {who}"
        )
    return envelope.payload


def _holds(signature: Signature, key: PublicKey, message: bytes) -> bool:
    try:
        octets = from_base64(signature.sig)
        if signature.form == "ed25519":
            return key.kind is KeyKind.ED25519 and holds(key.octets, octets, message)
        found = read_signature(octets)
    except ValueError:
        return False
    claimed = found.key
    same = (claimed.kind, claimed.public, claimed.application) == (key.kind, key.public, key.application)
    return same and signature_holds(found, message)
