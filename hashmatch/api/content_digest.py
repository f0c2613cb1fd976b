"""The `Content-Digest` header: RFC 9530, a dictionary of byte sequences as RFC 8941 writes them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from hashmatch.digests import Algorithm

HEADER: Final = "Content-Digest"
SHA512: Final = "sha-512"
_OURS: Final = {"md5": Algorithm.MD5, "sha": Algorithm.SHA1, "sha-256": Algorithm.SHA256}
_SIZES: Final = {**{name: algorithm.size for name, algorithm in _OURS.items()}, SHA512: 64}
_MEMBER: Final = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*=*):(?:;[^,]*)?")

_CHECKED: Final = "|".join(
    f"{name}=:[A-Za-z0-9+/]{{{digits}}}{padding}:"
    for name, digits, padding in ((SHA512, 86, "=="), ("sha-256", 43, "="), ("sha", 27, "="), ("md5", 22, "=="))
)
# What a client is asked to send. `parse` reads more: algorithms that are not known are left out, as the RFC has it.
SCHEMA: Final = {"type": "string", "pattern": f"^({_CHECKED})(, ?({_CHECKED}))*$"}


def sent(request: web.Request) -> str | None:
    """Return the header, whose members may stand in several lines; None where there is none."""
    return ", ".join(request.headers.getall(HEADER)) if HEADER in request.headers else None


def parse(header: str) -> dict[str, bytes]:
    """Return the digests of a header that can be checked, by their names in the registry of RFC 9530.

    Algorithms that are not known are left out, as the RFC has it; where none is known, nothing is returned.

    Raises:
        ValueError: the header is malformed, or a digest has not the length of its algorithm's.
    """
    digests: dict[str, bytes] = {}
    for member in header.split(","):
        matched = _MEMBER.fullmatch(member.strip(" \t"))
        if matched is None:
            raise ValueError("expected algorithm=:base64:")
        name, text = matched.groups()
        if name not in _SIZES:
            continue
        try:
            octets = base64.b64decode(text, validate=True)
        except binascii.Error:
            raise ValueError(f"{name}: expected base64") from None
        if len(octets) != _SIZES[name]:
            raise ValueError(f"{name}: expected {_SIZES[name]} bytes, got {len(octets)}")
        digests[name] = octets
    return digests


def algorithms_of(digests: Mapping[str, bytes]) -> set[Algorithm]:
    """Return which of the digests that lists have are needed to check a header."""
    return {_OURS[name] for name in digests if name in _OURS}


def agree(sent: Mapping[str, bytes], computed: Mapping[Algorithm, bytes], sha512: bytes | None) -> bool:
    """Tell whether content has all the digests that were sent with it."""
    return all(octets == (sha512 if name == SHA512 else computed[_OURS[name]]) for name, octets in sent.items())
