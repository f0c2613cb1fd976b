"""Decides whether a hash list may be used. Reading it and remembering that it is active are the caller's."""

from __future__ import annotations

import enum

from hashmatch.errors import ListNotAuthorised


class SignatureState(enum.StrEnum):
    """Who vouches for a list; every result names it."""

    UNSIGNED = "unsigned"


def admit(unsigned_accepted: bool) -> SignatureState:
    """Return the state in which a list without a signature is taken in.

    Raises:
        ListNotAuthorised: nobody took it upon themselves to use an unsigned list.
    """
    if not unsigned_accepted:
        raise ListNotAuthorised(
            "nobody has signed this list: if you answer for where it came from, import it again with --unsigned"
        )
    return SignatureState.UNSIGNED
