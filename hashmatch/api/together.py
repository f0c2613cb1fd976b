"""Work of many requests done together in a thread, while the event loop takes further requests.

A question that comes while others are being answered waits for them and is then answered with all that have come in the
meantime: the busier the service, the more questions share one change of threads, one durable event and one order of
look-ups.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, NamedTuple, TypeVar

_Question = TypeVar("_Question")
_Answer = TypeVar("_Answer")


def _nothing() -> None:
    """Do nothing more."""


class _Waiting(NamedTuple, Generic[_Question, _Answer]):
    question: _Question
    answer: asyncio.Future[_Answer]
    settled: Callable[[], None]


class Together(Generic[_Question, _Answer]):
    """Used by one event loop."""

    def __init__(
        self, name: str, answer_all: Callable[[Sequence[_Question]], Sequence[_Answer | BaseException]], at_once: int
    ) -> None:
        """Begin with no questions.

        Args:
            name: of the thread.
            answer_all: called in the thread; an answer for each question, an exception for one that has none.
            at_once: questions that it is given at most.
        """
        self._answer_all = answer_all
        self._at_once = at_once
        self._waiting: list[_Waiting[_Question, _Answer]] = []
        self._busy = False
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        # The thread is there from now on: where there is no memory for one, the process does not come up, while a
        # batch whose thread did not start would never be answered.
        self._executor.submit(_nothing)

    async def ask(self, question: _Question, settled: Callable[[], None] = _nothing) -> _Answer:
        """Return the answer to a question, or raise what stood in its way.

        Args:
            question: for `answer_all`.
            settled: called by the event loop once the thread has done with the question. Where whoever asked has
                waited long enough and is gone, that is later than the end of this call.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Answer] = loop.create_future()
        self._waiting.append(_Waiting(question, future, settled))
        if not self._busy:
            self._busy = True
            # Not at once: what else has come in this turn of the loop goes along.
            loop.call_soon(self._begin, loop)
        return await future

    def close(self) -> None:
        """Wait for what is being answered; what waits still is not."""
        self._executor.shutdown()

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._waiting = self._waiting[: self._at_once], self._waiting[self._at_once :]
        try:
            self._executor.submit(self._answer_batch, loop, batch)
        except RuntimeError as error:  # closed
            self._deliver(loop, batch, [error] * len(batch))

    def _answer_batch(self, loop: asyncio.AbstractEventLoop, batch: list[_Waiting[_Question, _Answer]]) -> None:
        try:
            answers = self._answer_all([waiting.question for waiting in batch])
        except BaseException as error:  # noqa: BLE001 - whatever it was, those who asked must hear of it
            answers = [error] * len(batch)
        loop.call_soon_threadsafe(self._deliver, loop, batch, answers)

    def _deliver(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[_Waiting[_Question, _Answer]],
        answers: Sequence[_Answer | BaseException],
    ) -> None:
        for waiting, answer in zip(batch, answers, strict=True):
            waiting.settled()
            future = waiting.answer
            if future.cancelled():
                continue
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        if self._waiting:
            self._begin(loop)
        else:
            self._busy = False
