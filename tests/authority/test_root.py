"""Roots: one begins by its fingerprint, each next one needs the old keys and its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from hashmatch.authority.canonical import encode
from hashmatch.authority.envelope import Envelope
from hashmatch.authority.fields import stamp
from hashmatch.authority.manifest import MANIFEST_TYPE
from hashmatch.authority.root import (
    ROOT_TYPE,
    Roles,
    draft,
    fingerprint_of,
    first_root,
    next_root,
    pinned_root,
    read_root,
    write_root,
)
from hashmatch.errors import HashmatchError, ListExpired, ListNotAuthorised, ListRollback
from tests.authority.lab import CUSTODIANS, DAY, NOW, key, role, root, root_file, signed, trusted

EVERYBODY = ("ana", "ben", "fay", "gus")
OTHERS = Roles(role(["fay", "gus"]), role(CUSTODIANS))


def fingerprint(**changed: Any) -> str:
    return fingerprint_of(write_root(root(**changed)))


def refused(kind: type[HashmatchError], match: str, act: Callable[[], object]) -> None:
    with pytest.raises(kind, match=match):
        act()


def test_a_first_root_is_known_by_its_fingerprint() -> None:
    """It is trusted where the fingerprint is the one that was told, and its own keys have signed."""
    begun = first_root(root_file(), fingerprint(), NOW)
    assert (begun.root, begun.fingerprint) == (root(), fingerprint())
    refused(ListNotAuthorised, "fingerprint", lambda: first_root(root_file(), "0" * 64, NOW))


@pytest.mark.parametrize("few", [(), ("ana",), ("ana", "fay"), ("cleo", "dev")])
def test_a_first_root_is_signed_by_its_own_keys(few: tuple[str, ...]) -> None:
    """By as many as it asks for itself, whatever its fingerprint."""
    refused(ListNotAuthorised, "2 different keys", lambda: first_root(root_file(1, few), fingerprint(), NOW))


def test_a_first_root_may_have_any_version() -> None:
    """A laboratory may begin to trust where others have long been."""
    assert first_root(root_file(7), fingerprint(version=7), NOW).root.version == 7


def test_a_next_root_takes_the_place_of_the_old() -> None:
    """Signed by enough of the old keys and of its own."""
    changed = {"roles": OTHERS, "grace_days": 0}
    new = next_root(trusted(), root_file(2, EVERYBODY, **changed), NOW)
    assert new.root == root(2, **changed)
    assert new.fingerprint == fingerprint(version=2, **changed)
    again = next_root(new, root_file(3, EVERYBODY), NOW)
    assert again.root.version == 3


@pytest.mark.parametrize("few", [("ana", "ben"), ("fay", "gus"), ("ana", "fay", "gus"), ("ana", "ben", "fay"), ()])
def test_a_next_root_needs_old_and_new_keys(few: tuple[str, ...]) -> None:
    """Neither the old alone nor the new alone can hand the trust over."""
    refused(ListNotAuthorised, "different keys", lambda: next_root(trusted(), root_file(2, few, roles=OTHERS), NOW))


@pytest.mark.parametrize(
    ("version", "kind"), [(1, ListRollback), (3, ListNotAuthorised), (9, ListNotAuthorised)]
)  # fmt: skip
def test_a_next_root_is_one_version_on(version: int, kind: type[HashmatchError]) -> None:
    """Neither the same again nor one that leaves another out."""
    refused(kind, "expected version 2", lambda: next_root(trusted(), root_file(version), NOW))
    refused(ListRollback, "not newer", lambda: next_root(trusted(version=5), root_file(4), NOW))


def test_a_root_comes_to_its_end() -> None:
    """From the moment it names nobody begins to trust it; one that was trusted can still be read."""
    expires = stamp(NOW)
    content = root_file(1, expires=expires)
    refused(ListExpired, "expired", lambda: first_root(content, fingerprint(expires=expires), NOW))
    assert first_root(content, fingerprint(expires=expires), NOW - DAY).root.expires == expires
    refused(ListExpired, "expired", lambda: next_root(trusted(), root_file(2, expires=expires), NOW))
    assert pinned_root(content, fingerprint(expires=expires)).root.expires == expires


def test_a_pinned_root_is_the_one_that_was_accepted() -> None:
    """Another document, or one whose signatures are gone, is none."""
    assert pinned_root(root_file(), fingerprint()).root == root()
    refused(ListNotAuthorised, "not the one", lambda: pinned_root(root_file(2), fingerprint()))
    refused(ListNotAuthorised, "different keys", lambda: pinned_root(root_file(1, ["ana"]), fingerprint()))


@pytest.mark.parametrize(
    "roles", [Roles(role(["ana"], 2), role(CUSTODIANS)), Roles(role(["ana", "ben"]), role(CUSTODIANS, 4))]
)
def test_a_threshold_that_cannot_be_reached_is_refused(roles: Roles) -> None:
    """By whoever would begin to trust it; to a draft keys can still be added."""
    content = root_file(1, ["ana", "ben"], roles=roles)
    assert draft(content)[0].roles == roles
    refused(ListNotAuthorised, "must sign", lambda: first_root(content, fingerprint(roles=roles), NOW))


ANA = key("ana").public.key_id
BEN = key("ben").public.key_id
FORGED: dict[str, Callable[[Any], None]] = {
    "threshold 0": lambda d: d["roles"]["custodian"].update(threshold=0),
    "threshold -1": lambda d: d["roles"]["root"].update(threshold=-1),
    "threshold true": lambda d: d["roles"]["root"].update(threshold=True),
    "a key twice in a role": lambda d: d["roles"]["root"].update(keys=[ANA, ANA]),
    "keys of a role out of order": lambda d: d["roles"]["root"].update(keys=sorted([ANA, BEN], reverse=True)),
    "a key of a role that is not there": lambda d: d["keys"].pop(ANA),
    "one key under two ids": lambda d: d["keys"].update({"0" * 16: d["keys"][ANA]}),
    "two keys exchanged": lambda d: d["keys"].update({ANA: d["keys"][BEN], BEN: d["keys"][ANA]}),
    "an unknown role": lambda d: d["roles"].update(auditor=d["roles"]["root"]),
    "a role missing": lambda d: d["roles"].pop("custodian"),
    "an unknown field": lambda d: d.update(comment=""),
    "a field missing": lambda d: d.pop("grace_days"),
    "another format": lambda d: d.update(format=2),
    "version 0": lambda d: d.update(version=0),
    "another kind of key": lambda d: d["keys"][ANA].update(kind="ssh-rsa"),
    "an application for a plain key": lambda d: d["keys"][ANA].update(application="ssh:"),
    "a key of small order": lambda d: d["keys"][ANA].update(public="00" * 32),
    "a key in capitals": lambda d: d["keys"][ANA].update(public=d["keys"][ANA]["public"].upper()),
    "a key cut short": lambda d: d["keys"][ANA].update(public=d["keys"][ANA]["public"][:-2]),
    "a name with a line break": lambda d: d["keys"][ANA].update(name="ana\nben"),
    "no name": lambda d: d["keys"][ANA].update(name=""),
    "a day that is none": lambda d: d.update(expires="2027-02-30T00:00:00Z"),
    "a time without a zone": lambda d: d.update(expires="2027-02-20T00:00:00"),
    "digits of another script": lambda d: d.update(expires="٢٠٢٧-02-20T00:00:00Z"),
    "expires before it was issued": lambda d: d.update(expires=d["issued"]),
    "unsigned lists, perhaps": lambda d: d.update(unsigned_lists="maybe"),
    "two people, perhaps": lambda d: d.update(two_people=1),
    "endless grace": lambda d: d.update(grace_days=10**6),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_root_that_contradicts_itself_is_refused(forge: Callable[[Any], None]) -> None:
    """Although everybody has signed it."""
    document = json.loads(write_root(root()))
    forge(document)
    payload = encode(document)
    content = signed(ROOT_TYPE, payload, EVERYBODY)
    refused(ListNotAuthorised, "trust root", lambda: first_root(content, fingerprint_of(payload), NOW))
    refused(ListNotAuthorised, "trust root", lambda: next_root(trusted(), content, NOW))
    refused(ListNotAuthorised, "trust root", lambda: draft(content))


def test_a_root_is_read_back() -> None:
    """The same bytes, the same value."""
    assert read_root(write_root(root())) == root()


def test_another_document_is_no_root() -> None:
    """A list's manifest cannot pass for a root, nor the other way round."""
    content = signed(MANIFEST_TYPE, write_root(root()), EVERYBODY)
    refused(ListNotAuthorised, "another type", lambda: first_root(content, fingerprint(), NOW))


def test_custodians_sign_for_lists() -> None:
    """Enough of them, and nobody else; a root's own people are no custodians."""
    laboratory = trusted()
    document = key("cleo").sign(Envelope("type", b"said"))
    assert laboratory.custodians(key("dev").sign(document), "document") == b"said"
    for few in (document, key("ana").sign(document), key("fay").sign(document)):
        with pytest.raises(ListNotAuthorised, match="got 1"):
            laboratory.custodians(few, "document")
