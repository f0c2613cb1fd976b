"""The trust root: whose signatures count for what, how long, and how a new one takes the place of an old one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from hashmatch.authority import canonical, fields
from hashmatch.authority.envelope import Envelope, read_envelope, verified
from hashmatch.authority.fields import Count, KeyId, Time, Version
from hashmatch.authority.keys import PublicKey, check_key
from hashmatch.errors import ListExpired, ListNotAuthorised, ListRollback

ROOT_TYPE: Final = "application/vnd.hashmatch.root+json"
WHAT: Final = "trust root"

_MOST_KEYS: Final = 200


class Role(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which keys may sign, and how many of them must."""

    keys: Annotated[tuple[KeyId, ...], msgspec.Meta(max_length=_MOST_KEYS)]
    threshold: Version


class Roles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`root` signs the next root, `custodian` signs lists and what is withdrawn from them."""

    root: Role
    custodian: Role


class Root(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a laboratory trusts.

    Attributes:
        format: of this document.
        version: each is one more than the one it takes the place of.
        keys: by their ids.
        grace_days: for how long a list may be used after it has expired, with every result saying so.
        two_people: a release is activated by somebody else than the person who imported it.
        unsigned_lists: whether lists that nobody signed may be taken in.
    """

    format: Literal[1]
    version: Version
    issued: Time
    expires: Time
    keys: dict[KeyId, PublicKey]
    roles: Roles
    grace_days: Annotated[Count, msgspec.Meta(le=3650)]
    two_people: bool
    unsigned_lists: Literal["allowed", "refused"]

    def keys_of(self, role: Role) -> Mapping[str, PublicKey]:
        return {key_id: self.keys[key_id] for key_id in role.keys}


@dataclass(frozen=True, slots=True)
class TrustedRoot:
    """A root whose signatures were counted.

    Attributes:
        fingerprint: SHA-256 of the document, in hexadecimal digits; people compare it when they begin to trust.
    """

    root: Root
    fingerprint: str

    def custodians(self, envelope: Envelope, what: str) -> bytes:
        """Return a document's bytes, now that enough custodians have signed them.

        Raises:
            ListNotAuthorised: too few have.
        """
        role = self.root.roles.custodian
        return verified(envelope, self.root.keys_of(role), role.threshold, what)


def draft(content: bytes) -> tuple[Root, Envelope]:
    """Read a root of which it does not matter yet who has signed it: to add keys, to sign, to show.

    Raises:
        ListNotAuthorised: it is no root.
    """
    envelope = read_envelope(content, ROOT_TYPE, WHAT)
    return read_root(envelope.payload), envelope


def first_root(content: bytes, fingerprint: str, now: datetime) -> TrustedRoot:
    """Begin to trust a root, by the fingerprint that its makers told.

    Raises:
        ListNotAuthorised: it is another one, or its own keys have not signed it.
        ListExpired: its time is over.
    """
    envelope = read_envelope(content, ROOT_TYPE, WHAT)
    if fingerprint_of(envelope.payload) != fingerprint:
        raise ListNotAuthorised(f"{WHAT}: its fingerprint is not the one that was given")
    root = read_root(envelope.payload)
    _check_own_signatures(root, envelope)
    check_in_time(root, now)
    return TrustedRoot(root, fingerprint)


def next_root(trusted: TrustedRoot, content: bytes, now: datetime) -> TrustedRoot:
    """Go on from a root to the next, which both its own keys and the old ones have signed.

    Raises:
        ListNotAuthorised: too few of either have.
        ListRollback: it is not newer than the one that is trusted.
        ListExpired: its time is over.
    """
    envelope = read_envelope(content, ROOT_TYPE, WHAT)
    old = trusted.root
    verified(envelope, old.keys_of(old.roles.root), old.roles.root.threshold, f"{WHAT}, by the keys of the old one")
    root = read_root(envelope.payload)
    if root.version <= old.version:
        raise ListRollback(f"{WHAT}: expected version {old.version + 1}, got {root.version}, which is not newer")
    if root.version != old.version + 1:
        raise ListNotAuthorised(f"{WHAT}: expected version {old.version + 1}, got {root.version}; none may be left out")
    _check_own_signatures(root, envelope)
    check_in_time(root, now)
    return TrustedRoot(root, fingerprint_of(envelope.payload))


def pinned_root(content: bytes, fingerprint: str) -> TrustedRoot:
    """Read back a root that was found good before, known by its fingerprint; its time may be over.

    Raises:
        ListNotAuthorised: it is another one.
    """
    envelope = read_envelope(content, ROOT_TYPE, WHAT)
    if fingerprint_of(envelope.payload) != fingerprint:
        raise ListNotAuthorised(f"{WHAT}: not the one that was accepted")
    root = read_root(envelope.payload)
    _check_own_signatures(root, envelope)
    return TrustedRoot(root, fingerprint)


def fingerprint_of(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()


def read_root(payload: bytes) -> Root:
    """Read the document itself, and check that it does not contradict itself.

    Raises:
        ListNotAuthorised: it does, or is no root. That its thresholds can be reached is not asked of a draft.
    """
    root = fields.read(payload, Root, WHAT)
    fields.check_period(root.issued, root.expires, WHAT)
    try:
        for key_id, key in root.keys.items():
            check_key(key)
            if key.key_id != key_id:
                raise ValueError("a key stands under an id that is not its own")
        for role in (root.roles.root, root.roles.custodian):
            if list(role.keys) != sorted(set(role.keys)) or not set(role.keys) <= set(root.keys):
                raise ValueError("a role: expected the ids of different keys of this root, in order")
    except ValueError as error:
        raise ListNotAuthorised(f"{WHAT}: {error}") from None
    return root


def write_root(root: Root) -> bytes:
    return canonical.encode(root)


def check_thresholds(root: Root) -> None:
    """Refuse a root that nobody could sign lists or its own successor under.

    Raises:
        ListNotAuthorised: a role has fewer keys than must sign.
    """
    for name, role in (("root", root.roles.root), ("custodian", root.roles.custodian)):
        if len(role.keys) < role.threshold:
            raise ListNotAuthorised(
                f"{WHAT}: {role.threshold} keys of role {name} must sign, and there are {len(role.keys)}"
            )


def check_in_time(root: Root, now: datetime) -> None:
    """Refuse a root whose time is over.

    Raises:
        ListExpired: it is.
    """
    if now >= fields.moment(root.expires):
        raise ListExpired(f"{WHAT}: version {root.version} expired {root.expires}")


def _check_own_signatures(root: Root, envelope: Envelope) -> None:
    check_thresholds(root)
    role = root.roles.root
    verified(envelope, root.keys_of(role), role.threshold, WHAT)
