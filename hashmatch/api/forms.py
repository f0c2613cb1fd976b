"""Answers as JSON. Most are equal, so that each is written once for a snapshot and then copied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import orjson

from hashmatch.answers import algorithms_of, result
from hashmatch.digests import Algorithm
from hashmatch.lookup import Answer, Answers
from hashmatch.store.snapshot import Snapshot

_REMEMBERED: Final = 10_000  # different answers; lists with more categories than that are rare


class Forms:
    """The forms of one snapshot's answers. Threads may share it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._lists = snapshot.lists
        self._snapshot_id = snapshot.snapshot_id
        self._heads: dict[frozenset[tuple[Algorithm, ...]], bytes] = {}
        self._results = _Results(snapshot)

    def document(self, sets: frozenset[tuple[Algorithm, ...]], answers: Sequence[Answer]) -> bytes:
        """Return a whole answer: the snapshot, the lists that were and were not compared with, the results in order.

        Args:
            sets: the sets of algorithms that the items have digests of.
            answers: one an item.
        """
        head = self._heads.get(sets)
        if head is None:
            head = self._heads[sets] = self._head({algorithm for algorithms in sets for algorithm in algorithms})
        return b'%b,"results":[%b]}' % (head, b",".join(_in_form(answers, self._results.__getitem__)))

    def _head(self, asked: Iterable[Algorithm]) -> bytes:
        compared: list[dict[str, str]] = []
        others: list[dict[str, str]] = []
        for pinned in self._lists:
            said = {"list": pinned.list_id, "release": pinned.release}
            (others if algorithms_of(pinned).isdisjoint(asked) else compared).append(said)
        return orjson.dumps({"snapshot": self._snapshot_id, "compared": compared, "not_compared": others})[:-1]


def _in_form(answers: Sequence[Answer], form: Callable[[Answer], bytes]) -> Iterator[bytes]:
    return answers.in_form(form) if isinstance(answers, Answers) else map(form, answers)


class _Results(dict[Answer, bytes]):
    """The JSON of each answer, made when it is first asked for."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self._lists = snapshot.lists

    def __missing__(self, answer: Answer) -> bytes:
        written = orjson.dumps(result(answer, self._lists))
        if len(self) < _REMEMBERED:
            self[answer] = written
        return written
