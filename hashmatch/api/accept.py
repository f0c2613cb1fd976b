"""Which form of an answer a client prefers: the `Accept` header of RFC 9110, section 12.5.1."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from hashmatch.api.problems import RequestRefused

_RANGE: Final = re.compile(r"\s*([^\s;,/]+/[^\s;,/]+)\s*((?:;[^,]*)?)")
_QUALITY: Final = re.compile(r";\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*(?:;|$)", re.ASCII | re.IGNORECASE)


def preferred(headers: Sequence[str], offered: Sequence[str]) -> str:
    """Return the media type to answer with: of those offered the most wanted, of equally wanted ones the first.

    Raises:
        RequestRefused: the client wants none of them.
    """
    ranges = _ranges(",".join(headers))
    if not ranges:
        return offered[0]
    best = max(offered, key=lambda media_type: _quality(media_type, ranges))
    if not _quality(best, ranges):
        detail = f"there is this answer as {' or '.join(offered)}"
        raise RequestRefused(HTTPStatus.NOT_ACCEPTABLE, "request.not_acceptable", detail)
    return best


def _ranges(text: str) -> dict[str, float]:
    """Return the quality of each range; one that is malformed is left out, as if it were not there."""
    found = {}
    for part in text.split(","):
        matched = _RANGE.fullmatch(part)
        if matched:
            quality = _QUALITY.search(matched[2])
            found[matched[1].lower()] = float(quality[1]) if quality else 1.0
    return found


def _quality(media_type: str, ranges: dict[str, float]) -> float:
    """Return the quality of the most specific range that includes the type."""
    kind = media_type.partition("/")[0]
    for name in (media_type, f"{kind}/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0
