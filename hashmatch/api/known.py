"""What the lists of known files say of digests.

Lists of other types are not asked: neither an answer nor the time it takes tells anything of them. That a digest stands
in such a list as well changes nothing here; what a list of known files says is what reference sets are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from io import BytesIO
from typing import Final

from hashmatch.api.nsrl_protocol import Query
from hashmatch.api.problems import RequestRefused
from hashmatch.digests import Algorithm
from hashmatch.errors import NoActiveList
from hashmatch.hashlists.entries import ListType
from hashmatch.store.snapshot import PinnedList, Snapshot

_DIGITS: Final = bytes.maketrans(b"\0\1", b"01")

KnownFile = dict[str, str]

# The names that NSRL and CIRCL hashlookup give a file's digests.
DIGEST_KEYS: Final = {Algorithm.MD5: "MD5", Algorithm.SHA1: "SHA-1", Algorithm.SHA256: "SHA-256"}


def check_answerable(snapshot: Snapshot, algorithms: Iterable[Algorithm]) -> None:
    """Refuse what no list of known files can answer: to say "not listed" for want of a list would be wrong.

    Raises:
        NoActiveList: no list of known files is active.
        RequestRefused: none of them has a digest of one of these algorithms.
    """
    listed = snapshot.known.algorithms
    if not listed:
        raise NoActiveList("no list of known files is active")
    for algorithm in algorithms:
        if algorithm not in listed:
            detail = f"no active list of known files has a digest of {algorithm.label}"
            raise RequestRefused(HTTPStatus.CONFLICT, "query.algorithm_not_listed", detail)


def marks(snapshot: Snapshot, algorithm: Algorithm, octets: bytes) -> bytes:
    """Return an ASCII `1` for each digest that is listed as that of a known file, and `0` for any other.

    Args:
        snapshot: of which the lists of known files are asked.
        algorithm: of all the digests.
        octets: the digests, raw and end to end.

    Raises:
        StoreError: the store cannot answer.
    """
    return bytes(map(bool, snapshot.known.find_all(algorithm, octets).numbers)).translate(_DIGITS)


def replies(snapshot: Snapshot, queries: Sequence[Query]) -> list[bytes]:
    """Return the lines that answer queries of nsrlsvr's protocol, all looked up together.

    Raises:
        NoActiveList, RequestRefused: as `check_answerable` says.
        StoreError: the store cannot answer.
    """
    asked: dict[Algorithm, list[bytes]] = {}
    for query in queries:
        for algorithm, octets in query.digests.items():
            asked.setdefault(algorithm, []).append(octets)
    check_answerable(snapshot, asked)
    said = {algorithm: BytesIO(marks(snapshot, algorithm, b"".join(some))) for algorithm, some in asked.items()}
    return [
        query.reply({a: said[a].read(len(octets) // a.size) for a, octets in query.digests.items()})
        for query in queries
    ]


def known_files(snapshot: Snapshot, algorithm: Algorithm, digests: Sequence[bytes]) -> list[KnownFile | None]:
    """Return for each digest what CIRCL hashlookup would say of the file; None where it is not known.

    Of a file's names, its other digests and where it comes from, nothing is in a store.

    Raises:
        StoreError: the store cannot answer.
    """
    numbers = snapshot.known.find_all(algorithm, b"".join(digests)).numbers
    return [
        _known_file(snapshot, algorithm, digest) if number else None
        for digest, number in zip(digests, numbers, strict=True)
    ]


def known_lists(snapshot: Snapshot) -> list[str]:
    """Return the lists of known files, each with its release."""
    return [_named(pinned) for pinned in snapshot.lists if pinned.list_type is ListType.KNOWN]


def _known_file(snapshot: Snapshot, algorithm: Algorithm, digest: bytes) -> KnownFile:
    found = snapshot.known.find(algorithm, digest)
    said = {DIGEST_KEYS[algorithm]: digest.hex().upper()}
    sizes = {posting.size for _, posting in found if posting.size is not None}
    if len(sizes) == 1:
        said["FileSize"] = str(sizes.pop())
    lists = [snapshot.lists[number] for number in sorted({number for number, _ in found})]
    said["source"] = ", ".join(pinned.list_id for pinned in lists)
    said["db"] = ", ".join(map(_named, lists))
    return said


def _named(pinned: PinnedList) -> str:
    return f"{pinned.list_id} {pinned.release}"
