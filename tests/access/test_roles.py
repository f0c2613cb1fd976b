"""What each role may do, written out once more by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hashmatch.access.budgets import NO_LIMITS
from hashmatch.access.roles import Permission, Role, allows
from hashmatch.access.token_file import Token

EXPECTED = {
    #                 examiner, custodian, auditor, admin
    "look_up":         (True,  False, False, False),
    "scan":            (True,  False, False, False),
    "see_scans":       (True,  False, True,  False),
    "see_lists":       (True,  True,  True,  False),
    "see_list_counts": (False, True,  True,  False),
    "change_lists":    (False, True,  False, False),
    "see_metrics":     (False, False, True,  True),
    "change_tokens":   (False, False, False, True),
}  # fmt: skip


def test_every_role_against_every_permission() -> None:
    """Nobody may do what the table does not give them."""
    roles = (Role.EXAMINER, Role.CUSTODIAN, Role.AUDITOR, Role.ADMIN)
    assert set(roles) == set(Role)
    assert {p.value: tuple(allows(role, p) for role in roles) for p in Permission} == EXPECTED


def token(role: Role, *cases: str) -> Token:
    return Token("0" * 12, "somebody", role, cases, datetime(2026, 5, 1, tzinfo=UTC), None, None, NO_LIMITS)


@pytest.mark.parametrize(
    ("asking", "own", "others", "others_without_case"),
    [
        (token(Role.EXAMINER), True, False, False),
        (token(Role.EXAMINER, "17"), True, True, False),
        (token(Role.EXAMINER, "18"), False, False, False),
        (token(Role.EXAMINER, "18", "17"), True, True, False),
        (token(Role.AUDITOR), True, True, True),
        (token(Role.AUDITOR, "18"), False, False, False),
        (token(Role.CUSTODIAN), False, False, False),
        (token(Role.ADMIN), False, False, False),
    ],
)
def test_whose_scans_are_seen(asking: Token, own: bool, others: bool, others_without_case: bool) -> None:
    """A token for cases sees those of its cases alone, one for none its own; an auditor's all."""
    assert asking.may_see("0" * 12, "17") is own
    assert asking.may_see("1" * 12, "17") is others
    assert asking.may_see("1" * 12, None) is others_without_case
