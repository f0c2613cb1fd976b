"""Events of the service for the audit trail. An answer is given only when its event is on the disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from hashmatch.api.asking import Pending
from hashmatch.api.together import Together
from hashmatch.custody.events import Action, Event, EventOutcome
from hashmatch.custody.trail import Trail
from hashmatch.outcomes import Outcome

_AT_ONCE: Final = 256


class _Use(NamedTuple):
    """What look-ups have in common that one event can stand for."""

    token: str
    role: str
    case: str | None
    snapshot: str
    origin: str | None


class Recording:
    """Records events without holding the event loop; used by one."""

    def __init__(self, trail: Trail) -> None:
        self.trail = trail
        self._together: Together[Event, None] = Together("audit trail", lambda events: _record(trail, events), _AT_ONCE)

    async def record(self, event: Event) -> None:
        """Record an event; it is on the disk when this returns.

        Raises:
            AuditUnwritable: it is not, so nothing may be answered.
        """
        await self._together.ask(event)

    def close(self) -> None:
        """Wait for what is being recorded."""
        self._together.close()


def _record(trail: Trail, events: Sequence[Event]) -> list[None]:
    trail.record(*events)
    return [None] * len(events)


def look_up_events(answered: Iterable[Pending]) -> list[Event]:
    """Return the events of look-ups that are about to be answered.

    Requests of one token for one case from one place that are answered together share an event, which says how many
    they were: at thousands of requests a second an event each would say no more and fill disks.
    """
    uses: dict[_Use, dict[str, int]] = {}
    for pending in answered:
        look_up = pending.look_up
        token, snapshot = look_up.token, look_up.pin.snapshot.snapshot_id
        use = _Use(token.id, token.role, pending.questions.case, snapshot, look_up.origin)
        counts = uses.get(use)
        if counts is None:
            counts = uses[use] = {"requests": 0, "items": 0}
        counts["requests"] += 1
        counts["items"] += len(pending.answers)
        outcomes = [answer.outcome for answer in pending.answers]
        for outcome in set(outcomes):
            name = _COUNTED[outcome]
            counts[name] = counts.get(name, 0) + outcomes.count(outcome)
    return [
        Event(
            Action.LOOK_UP,
            EventOutcome.DONE,
            use.token,
            use.role,
            case=use.case,
            counts=counts,
            snapshot=use.snapshot,
            origin=use.origin,
        )
        for use, counts in uses.items()
    ]


_COUNTED: Final = {Outcome.MATCH: "matches", Outcome.NO_MATCH: "no_match", Outcome.EXCLUDED: "excluded"}
