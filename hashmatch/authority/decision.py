"""Decides whether a hash list may be taken in, and whether it may still be used."""

from __future__ import annotations

import enum

from hashmatch.authority.manifest import ListManifest
from hashmatch.authority.root import Root
from hashmatch.errors import ListNotAuthorised, ListRollback


class SignatureState(enum.StrEnum):
    """Who vouches for a list; every result names it."""

    UNSIGNED = "unsigned"
    SIGNED = "signed"


def admit_unsigned(unsigned_accepted: bool, root: Root | None, list_id: str, highest: int) -> SignatureState:
    """Return the state in which a list without a signature is taken in.

    Args:
        unsigned_accepted: that the person takes it upon themselves.
        root: what the laboratory trusts, if it has begun to.
        list_id: the list's name.
        highest: the highest version of this list that was ever accepted signed, 0 for none.

    Raises:
        ListNotAuthorised: nobody took it upon themselves, the root forbids it, or earlier releases were signed.
    """
    if root is not None and root.unsigned_lists == "refused":
        raise ListNotAuthorised("nobody has signed this list, and the trust root refuses unsigned lists")
    if highest:
        raise ListNotAuthorised(
            f"list {list_id}: version {highest} of it was signed, so what nobody has signed cannot take its place"
        )
    if not unsigned_accepted:
        raise ListNotAuthorised(
            "nobody has signed this list: give the manifest of one that is with --manifest; or, if you answer for "
            "where it came from, import it again with --unsigned"
        )
    return SignatureState.UNSIGNED


def check_newer(manifest: ListManifest, highest: int) -> None:
    """Refuse a release that is not newer than what was accepted of its list.

    Raises:
        ListRollback: its version is the highest that was accepted, or lower.
    """
    if manifest.version <= highest:
        raise ListRollback(
            f"list {manifest.list}, release {manifest.release}: version {manifest.version}, and version {highest} was "
            "accepted before; to go back, have its content signed again under a higher version"
        )
