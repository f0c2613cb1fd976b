"""Where look-ups are answered: in a thread, all that are at hand together.

The steps of each are: read the questions, may they be asked, look up, does the budget of misses allow the answer,
record. What any of them refuses gets no answer. The digests of all requests are asked of the store at once, and one
flush of the audit trail serves them all. Large requests have a thread of their own, so that a hundred thousand digests
do not keep a single one waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from hashmatch.access.budgets import Budgets
from hashmatch.api.asking import UNREAD, LookUp, Pending, answer_all, case_of, check_comparable
from hashmatch.api.metrics import Metrics
from hashmatch.api.problems import RequestRefused
from hashmatch.api.recording import look_up_events
from hashmatch.api.together import Together
from hashmatch.custody.events import check_text
from hashmatch.custody.trail import Trail
from hashmatch.errors import HashmatchError
from hashmatch.outcomes import Outcome

LARGE: Final = 64 << 10  # bytes of a request; some 1,500 MD5s
_SMALL_AT_ONCE: Final = 256
_LARGE_AT_ONCE: Final = 2


class Desk:
    """Used by one event loop."""

    def __init__(self, trail: Trail, budgets: Budgets, metrics: Metrics, items: int) -> None:
        """Begin with nothing to do; a look-up may have `items` items at most."""
        self._trail = trail
        self._budgets = budgets
        self._metrics = metrics
        self._items = items
        self._small = Together("look-ups", self._answer_all, _SMALL_AT_ONCE)
        self._large = Together("large look-ups", self._answer_all, _LARGE_AT_ONCE)

    async def answer(self, look_up: LookUp, settled: Callable[[], None]) -> bytes:
        """Return the answer as JSON: the snapshot, the lists that were and were not compared with, the results.

        Args:
            look_up: what is asked.
            settled: called once its snapshot is read no more, whether or not anybody still waits for the answer.

        Raises:
            RequestRefused: an item is no digest, there are too many, or no list could answer.
            NotAllowed: the token is not for that case.
            BudgetSpent: the token has asked for more than it may.
            StoreError: the store cannot answer.
            AuditUnwritable: that it was asked and answered cannot be recorded.
        """
        return await (self._small if look_up.size < LARGE else self._large).ask(look_up, settled)

    def close(self) -> None:
        """Wait for the look-ups under way."""
        self._small.close()
        self._large.close()

    def _answer_all(self, look_ups: Sequence[LookUp]) -> list[bytes | BaseException]:
        now = time.time()
        pending = [self._admitted(look_up, now) for look_up in look_ups]
        answer_all([one for one in pending if one.failure is None])
        for one in pending:
            # What was not answered told of no miss.
            self._give_back(one, len(one.questions) - _misses(one))
        answered = [one for one in pending if one.failure is None]
        if answered:
            self._record(answered)
        self._metrics.looked_up(sum([len(one.answers) for one in answered]))
        return [one.failure or one.document() for one in pending]

    def _admitted(self, look_up: LookUp, now: float) -> Pending:
        """Read a look-up's questions and see whether they may be asked."""
        token, questions = look_up.token, UNREAD
        try:
            questions = look_up.read()
            count = len(questions)
            if count > self._items:
                detail = f"expected at most {self._items} items"
                raise RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request.too_long", detail)
            check_text("case", questions.case)
            case = case_of(token, questions.case)
            if case != questions.case:
                questions = replace(questions, case=case)
            check_comparable(look_up.pin, questions)
            # Every item may be a miss; which were not is given back when it is known. Else several requests at once
            # could each find room in the budget that there is for one.
            booked = self._budgets.spend(token.id, token.budget, digests=count, misses=count, now=now)
        except HashmatchError as error:
            return Pending(look_up, failure=error)
        return Pending(look_up, questions, booked)

    def _record(self, answered: Sequence[Pending]) -> None:
        try:
            self._trail.record(*look_up_events(answered))
        except HashmatchError:
            for one in answered:
                self._give_back(one, _misses(one))
            raise

    def _give_back(self, pending: Pending, misses: int) -> None:
        token = pending.look_up.token
        try:
            self._budgets.give_back(token.id, token.budget, misses=misses, booked=pending.booked)
        except HashmatchError as error:
            pending.failure = error


def _misses(pending: Pending) -> int:
    if pending.failure is not None or pending.look_up.token.budget.misses is None:
        return 0
    return sum([answer.outcome is Outcome.NO_MATCH for answer in pending.answers])
