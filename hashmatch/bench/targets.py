"""What hashmatch is to reach: ratios of medians in one run, warm cache, two cores, corpora and lists of full size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from hashmatch.bench.figures import Row
from hashmatch.bench.ours import OURS

CORES: Final = 2
_ALL_THREE: Final = "md5+sha1+sha256"


@dataclass(frozen=True, slots=True)
class Target:
    """One promise.

    Attributes:
        benchmark: its key.
        peer: the beginning of a program's name.
        kind: how many times `faster` hashmatch is, how many times `leaner` in memory; or how many times the peer's
            time it takes, `cost`, which is to be low.
        limit: at least, for a cost at most.
    """

    benchmark: str
    peer: str
    kind: Literal["faster", "leaner", "cost"]
    limit: float

    @property
    def wanted(self) -> str:
        if self.kind == "cost":
            return f"at most {self.limit:g} x its time"
        if self.kind == "leaner":
            return f"at least {self.limit:g} x less memory"
        return "not slower" if self.limit == 1 else f"at least {self.limit:g} x faster"


TARGETS: Final = (
    Target(f"hashing/mixed/{_ALL_THREE}", "hashdeep", "faster", 10),
    Target(f"hashing/mixed/{_ALL_THREE}", "rhash", "faster", 5),
    Target(f"hashing/mixed/{_ALL_THREE}", "cat", "cost", 1.7),
    Target(f"hashing/small/{_ALL_THREE}", "hashdeep", "faster", 6),
    Target("hashing/small/md5", "xargs", "faster", 1),
    Target(f"hashing/large/{_ALL_THREE}", "hashdeep", "faster", 2),
    Target(f"hashing/large/{_ALL_THREE}", "hashlib", "faster", 1),
    Target("scan/small/long-list", "md5deep", "faster", 40),
    Target("scan/small/long-list", "md5deep", "leaner", 10),
    Target("lookup/present/most", "hfind", "faster", 5),
    Target("lookup/absent/most", "hfind", "faster", 5),
)


@dataclass(frozen=True, slots=True)
class Held:
    """A target beside what was measured: the ratio, None where a figure is missing."""

    target: Target
    peer: str
    measured: float | None

    @property
    def met(self) -> bool | None:
        if self.measured is None:
            return None
        return self.measured <= self.target.limit if self.target.kind == "cost" else self.measured >= self.target.limit

    @property
    def shown(self) -> str:
        """The ratio in words."""
        if self.measured is None:
            return "not measured"
        words = {"faster": "faster", "leaner": "less memory", "cost": "its time"}
        return f"{self.measured:.2f} x {words[self.target.kind]}"


def held(tables: Mapping[str, Sequence[Row]]) -> list[Held]:
    """Compare the rows of each benchmark that was made with the targets there are for it."""
    return [_held(target, tables[target.benchmark]) for target in TARGETS if target.benchmark in tables]


def _held(target: Target, rows: Sequence[Row]) -> Held:
    ours = next((row for row in rows if row.program == OURS), None)
    peer = next((row for row in rows if row.program.startswith(target.peer)), None)
    if ours is None or peer is None:
        return Held(target, target.peer, None)
    return Held(target, peer.program, _ratio(target, ours, peer))


def _ratio(target: Target, ours: Row, peer: Row) -> float | None:
    if ours.seconds is None or peer.seconds is None:
        return None
    if target.kind == "leaner":
        return peer.peak / ours.peak if peer.peak and ours.peak else None
    return ours.seconds / peer.seconds if target.kind == "cost" else peer.seconds / ours.seconds
