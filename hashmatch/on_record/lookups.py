"""Looking digests up, on the record: how many were asked and how many were listed, never which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable

from hashmatch.custody.events import Action, EventOutcome
from hashmatch.custody.recorder import Recorder
from hashmatch.digests import Algorithm
from hashmatch.lookup import Answers
from hashmatch.outcomes import Outcome


def recorded(
    recorder: Recorder, batches: Iterable[Answers], algorithm: Algorithm, snapshot_id: str
) -> Generator[Answers, None, None]:
    """Yield batches of answers, each when its event is on the disk.

    Raises:
        AuditUnwritable: it is not; the batch is not given.
        HashmatchError: what making the batches raises.
    """
    for answers in batches:
        recorder.record(
            Action.LOOK_UP,
            EventOutcome.DONE,
            subject=algorithm.label,
            counts=counts(answers),
            snapshot=snapshot_id,
        )
        yield answers


def counts(answers: Answers) -> dict[str, int]:
    """Return how many items were asked about, and how they ended."""
    # Counted by number: what equal answers share is counted at once, and most of them are one.
    others = Counter[Outcome]()
    for number, answer in answers.distinct.items():
        if answer.outcome is not Outcome.MATCH:
            others[answer.outcome] += answers.numbers.count(number)
    return {
        "items": len(answers),
        "matches": len(answers) - others.total(),
        "no_match": others[Outcome.NO_MATCH],
        "excluded": others[Outcome.EXCLUDED],
    }
