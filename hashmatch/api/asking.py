"""A look-up on its way: who asks what of which snapshot, then the answers, or what stood in their way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from hashmatch.access.tokens import Token
from hashmatch.api.forms import Forms
from hashmatch.api.problems import RequestRefused
from hashmatch.api.questions import Questions
from hashmatch.digests import Algorithm
from hashmatch.errors import HashmatchError, NotAllowed
from hashmatch.lookup import Answer, look_up_digests
from hashmatch.lookup_records import look_up_records
from hashmatch.store.snapshot import Snapshot

UNREAD: Final = Questions(None, frozenset())


@dataclass(frozen=True, slots=True)
class Pin:
    """A snapshot, the algorithms that its lists have digests of, and the forms of its answers."""

    snapshot: Snapshot
    algorithms: frozenset[Algorithm]
    forms: Forms

    @classmethod
    def of(cls, snapshot: Snapshot) -> Pin:
        return cls(snapshot, frozenset(snapshot.algorithms), Forms(snapshot))


@dataclass(frozen=True, slots=True)
class LookUp:
    """One request.

    Attributes:
        read: gives the questions; raises RequestRefused.
        size: bytes of the request.
        origin: the client's address.
    """

    token: Token
    pin: Pin
    read: Callable[[], Questions]
    size: int
    origin: str | None


@dataclass(slots=True)
class Pending:
    """A look-up that was taken up. Where `failure` is set there are no answers.

    Attributes:
        booked: when its misses were booked, for giving back what were none.
    """

    look_up: LookUp
    questions: Questions = UNREAD
    booked: int = 0
    answers: Sequence[Answer] = ()
    failure: HashmatchError | None = None

    def document(self) -> bytes:
        """Return the answer as JSON."""
        return self.look_up.pin.forms.document(self.questions.sets, self.answers)


def case_of(token: Token, case: str | None) -> str | None:
    """Return the case that something is done for: the one named, or the only one the token is for.

    Raises:
        NotAllowed: the token is for certain cases, and this is none of them.
    """
    if case is None and len(token.cases) == 1:
        return token.cases[0]
    if token.cases and case not in token.cases:
        raise NotAllowed("the token is for certain cases; name one of them")
    return case


def check_comparable(pin: Pin, questions: Questions) -> None:
    """Refuse items that no list can answer for: that none of their digests is listed would say nothing.

    Raises:
        RequestRefused: there is an item of which no list has an algorithm.
    """
    for algorithms in questions.sets:
        if pin.algorithms.isdisjoint(algorithms):
            names = " or ".join(algorithm.label for algorithm in algorithms)
            detail = f"no active list has a digest of {names}"
            raise RequestRefused(HTTPStatus.CONFLICT, "query.algorithm_not_listed", detail)


def answer_all(pending: Sequence[Pending]) -> None:
    """Answer the items of all look-ups: of each snapshot, all digests of one algorithm at once, and all records."""
    groups: dict[tuple[int, int | None], list[Pending]] = {}
    for one in pending:
        groups.setdefault((id(one.look_up.pin), one.questions.algorithm), []).append(one)
    for alike in groups.values():
        _answer_alike(alike)


def _answer_alike(alike: Sequence[Pending]) -> None:
    snapshot, algorithm = alike[0].look_up.pin.snapshot, alike[0].questions.algorithm
    answers: Sequence[Answer]
    try:
        if algorithm is None:
            answers = look_up_records([record for one in alike for record in one.questions.records], snapshot)
        else:
            answers = look_up_digests(algorithm, b"".join([one.questions.octets for one in alike]), snapshot)
    except HashmatchError as error:
        for one in alike:
            one.failure = error
        return
    begin = 0
    for one in alike:
        end = begin + len(one.questions)
        one.answers = answers[begin:end]
        begin = end
