"""Manifests: which file they are of, and what may stand in them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from hashmatch.authority.canonical import encode
from hashmatch.authority.decision import admit_unsigned, check_newer
from hashmatch.authority.fields import stamp
from hashmatch.authority.manifest import (
    check_counts,
    check_in_time,
    check_source,
    read_manifest,
    write_manifest,
)
from hashmatch.digests import Algorithm
from hashmatch.errors import ListExpired, ListNotAuthorised, ListRollback
from hashmatch.hashlists.entries import ListType
from tests.authority.lab import DAY, NOW, manifest_fields, root

CONTENT = b"".join(b"%032x\n" % n for n in range(1, 6))


def manifest(**changed: Any) -> Any:
    return read_manifest(encode(manifest_fields(CONTENT, **changed)))


def test_a_manifest_is_read_back() -> None:
    """The same bytes, the same value; the types of lists are those that hashmatch knows."""
    for list_type in ListType:
        payload = encode(manifest_fields(CONTENT, type=list_type.value))
        assert write_manifest(read_manifest(payload)) == payload
    assert manifest(digests={"sha1": 2, "md5": 5}).algorithms == (Algorithm.MD5, Algorithm.SHA1)


FORGED: dict[str, Callable[[dict[str, Any]], None]] = {
    "a name that leads elsewhere": lambda d: d.update(list="../national"),
    "a list without a name": lambda d: d.update(list=""),
    "an absolute name": lambda d: d.update(list="/etc"),
    "a name with a line feed": lambda d: d.update(list="national\n"),
    "a release with a control character": lambda d: d.update(release="1\x1b[2J"),
    "version 0": lambda d: d.update(version=0),
    "version as a text": lambda d: d.update(version="5"),
    "supersedes a later one": lambda d: d.update(supersedes=6),
    "supersedes itself": lambda d: d.update(supersedes=5),
    "another type of list": lambda d: d.update(type="blacklist"),
    "another format": lambda d: d.update(format=2),
    "another algorithm": lambda d: d.update(digests={"md4": 5}),
    "no algorithm": lambda d: d.update(digests={}),
    "no digests of one": lambda d: d.update(digests={"md5": 0}),
    "no entries": lambda d: d.update(entries=0),
    "entries below none": lambda d: d.update(entries=-1),
    "an unknown field": lambda d: d.update(comment="x"),
    "a field missing": lambda d: d.pop("terms"),
    "no issuer": lambda d: d.update(issuer=""),
    "a file's digest cut short": lambda d: d["source"].update(sha256="00"),
    "a file's digest in capitals": lambda d: d["source"].update(sha256="A" * 64),
    "a file of less than nothing": lambda d: d["source"].update(size=-1),
    "a path for the file": lambda d: d["source"].update(path="../list"),
    "expired before it was issued": lambda d: d.update(expires=d["issued"]),
    "terms without end": lambda d: d.update(terms="x" * 5000),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_manifest_that_makes_no_sense_is_refused(forge: Callable[[dict[str, Any]], None]) -> None:
    """Whoever has signed it."""
    fields = manifest_fields(CONTENT)
    forge(fields)
    with pytest.raises(ListNotAuthorised, match="list manifest"):
        read_manifest(encode(fields))


def test_a_manifest_is_of_one_file() -> None:
    """Of its size and its content; the message shows neither digest."""
    digest = hashlib.sha256(CONTENT).hexdigest()
    check_source(manifest(), len(CONTENT), digest)
    for size, other in ((len(CONTENT) + 1, digest), (len(CONTENT), "0" * 64)):
        with pytest.raises(ListNotAuthorised, match="signed for a file") as caught:
            check_source(manifest(), size, other)
        assert digest not in str(caught.value)


def test_a_manifest_counts_what_is_listed() -> None:
    """One entry or digest more or less is another list."""
    check_counts(manifest(), 5, {"md5": 5})
    for entries, digests in ((4, {"md5": 5}), (5, {"md5": 4}), (5, {"md5": 5, "sha1": 1}), (5, {})):
        with pytest.raises(ListNotAuthorised, match="signed for 5 entries"):
            check_counts(manifest(), entries, digests)


def test_a_release_expires() -> None:
    """From the moment it names it is not taken in any more."""
    check_in_time(manifest(expires=stamp(NOW + DAY)), NOW)
    with pytest.raises(ListExpired, match="expired"):
        check_in_time(manifest(expires=stamp(NOW)), NOW)


def test_a_release_is_newer_than_those_before_it() -> None:
    """The same version again, or a lower one, is a way back."""
    check_newer(manifest(version=5), 4)
    for version in (4, 3):
        with pytest.raises(ListRollback, match="version 4 was accepted"):
            check_newer(manifest(version=version), 4)


def test_unsigned_lists_need_somebody_who_answers_for_them() -> None:
    """And a root that allows them, and no signed release before them."""
    assert admit_unsigned(True, None, "national", 0) == "unsigned"
    assert admit_unsigned(True, root(), "national", 0) == "unsigned"
    for accepted, trusted, highest, said in (
        (False, None, 0, "--unsigned"),
        (False, root(), 0, "--unsigned"),
        (True, root(unsigned_lists="refused"), 0, "refuses unsigned"),
        (True, root(), 3, "version 3 of it was signed"),
    ):
        with pytest.raises(ListNotAuthorised, match=said):
            admit_unsigned(accepted, trusted, "national", highest)
