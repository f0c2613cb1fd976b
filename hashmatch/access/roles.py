"""What each role may do. Who changes the lists does not ask them, and who makes tokens does neither."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Role(StrEnum):
    """What somebody is to the service. The values are a format: add, never change."""

    EXAMINER = "examiner"
    CUSTODIAN = "custodian"
    AUDITOR = "auditor"
    ADMIN = "admin"


class Permission(StrEnum):
    """What a route asks for.

    Attributes:
        LOOK_UP: look digests up, stream files through.
        SCAN: start, cancel and resume scans.
        SEE_SCANS: see scans and their flags; which of them, `Token.may_see` says.
        SEE_LISTS: see the names of lists and releases.
        SEE_LIST_COUNTS: see how much is in them as well.
        CHANGE_LISTS: import, activate, retire.
        SEE_METRICS: see the service's figures.
        CHANGE_TOKENS: see, create and revoke tokens.
    """

    LOOK_UP = "look_up"
    SCAN = "scan"
    SEE_SCANS = "see_scans"
    SEE_LISTS = "see_lists"
    SEE_LIST_COUNTS = "see_list_counts"
    CHANGE_LISTS = "change_lists"
    SEE_METRICS = "see_metrics"
    CHANGE_TOKENS = "change_tokens"


ALLOWED: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.EXAMINER: frozenset({Permission.LOOK_UP, Permission.SCAN, Permission.SEE_SCANS, Permission.SEE_LISTS}),
        Role.CUSTODIAN: frozenset({Permission.SEE_LISTS, Permission.SEE_LIST_COUNTS, Permission.CHANGE_LISTS}),
        Role.AUDITOR: frozenset(
            {Permission.SEE_SCANS, Permission.SEE_LISTS, Permission.SEE_LIST_COUNTS, Permission.SEE_METRICS}
        ),
        Role.ADMIN: frozenset({Permission.CHANGE_TOKENS, Permission.SEE_METRICS}),
    }
)


def allows(role: Role, permission: Permission) -> bool:
    """Return whether the role includes the permission."""
    return permission in ALLOWED[role]
