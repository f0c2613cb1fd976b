"""The use case of a scan: the order of its steps."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from hashmatch.errors import UsageError
from hashmatch.evidence.likely import Likely
from hashmatch.evidence.opening import open_root
from hashmatch.evidence.outside import check_outside
from hashmatch.evidence.source import SourceFacts, check_source
from hashmatch.evidence.tree import walk
from hashmatch.hashing.choice import use_native
from hashmatch.hashing.engine import ReadRules
from hashmatch.outcomes import Outcome
from hashmatch.reports.counts import FindingCounts
from hashmatch.reports.findings import Finding
from hashmatch.reports.header import ScanHeader
from hashmatch.reports.names import shown
from hashmatch.reports.output import prepare
from hashmatch.reports.report import Listed, write_findings, write_summary
from hashmatch.scan.algorithms import choose
from hashmatch.scan.examination import Examination
from hashmatch.scan.examiner import OpenEvidence
from hashmatch.scan.journal import Journal
from hashmatch.scan.later import Later
from hashmatch.scan.ledger import Ledger, unseen
from hashmatch.scan.links import HardLinks
from hashmatch.scan.paths import one_entry_a_path
from hashmatch.scan.pools import open_pool
from hashmatch.scan.readers import readers
from hashmatch.scan.request import PinnedSnapshot, Progress, ScanProgress, ScanRequest, ScanSummary
from hashmatch.scan.source import source_document, source_warnings
from hashmatch.scan.stopping import stopping_on_signals

SKIPPED_BY_SIZE: Final = (
    "Files of a size that no entry of the lists has were opened and not read (skip-by-size): their no match rests on "
    "the size that the file system gives. That one of them could not have been read to its end, or has a digest that "
    "the lists give with another size (a conflict), was not seen."
)


def _silent(_: ScanProgress) -> None:
    pass


def _unrecorded(_header: ScanHeader, _listed: Listed) -> None:
    pass


def scan(
    request: ScanRequest,
    snapshot: PinnedSnapshot,
    started: datetime,
    clock: Callable[[], datetime],
    *,
    progress: Progress = _silent,
    flagged: Callable[[Finding], None] = unseen,
    stopped: Callable[[], bool] = lambda: False,
    concluded: Callable[[ScanHeader, Listed], None] = _unrecorded,
) -> ScanSummary:
    """Examine a source, compare it with a snapshot, write the report.

    SIGINT and SIGTERM, where this is the main thread, and `stopped` end it early with a report that says so.

    Args:
        request: what a person asks for.
        snapshot: stays open until the scan is over.
        started: when; for the report.
        clock: asked at the first match and at the end.
        progress: told about ten times a second.
        flagged: given each match as it is found, in this thread (`reports.flags.FlagLines` writes it as the report
            does). Where a forged directory gives a name twice, so is its match, and the report lets one stand.
        stopped: asked between steps.
        concluded: told the result before there is a `report.json`; where it raises, there will be none.

    Raises:
        UsageError: the request cannot mean anything sensible.
        SourceUnusable: the source is absent, writable without a reason, or holds a place that is written to.
        OutputUnusable: the report cannot be written; there is then no `report.json`.
        StoreDamaged: the lists do not answer as they should; nor is there one then.
        HashmatchError: this process or its workers cannot go on; nor is there one then.
    """
    plan = _checked(request, snapshot)
    source = plan.source
    facts = {"source": source.path, "snapshot": snapshot.snapshot_id, "started": started.isoformat()}
    with Journal(request.output, facts) as journal, stopping_on_signals() as signalled:
        ledger = Ledger(journal, snapshot, plan.rules.algorithms, flagged)
        examined = _examine(plan, ledger, lambda: signalled() or stopped(), clock, progress)
        # Had the lists stopped answering on the way, every `no_match` since then would be in doubt.
        snapshot.check_canaries()
        findings = one_entry_a_path(journal.findings())
        listed = write_findings(request.output, findings, snapshot.lists, snapshot.snapshot_id, len(journal))
        header = ScanHeader(
            case=request.case,
            source=source_document(source, request.allow_writable),
            source_warnings=tuple(source_warnings(source, request.allow_writable)),
            snapshot_id=snapshot.snapshot_id,
            engine=examined.engine,
            started=started,
            ended=clock(),
            status=_status(listed.counts, ended_early=examined.ended_early),
            not_reached=ledger.not_reached,
            first_flag_seconds=_seconds(started, examined.first_flag),
            options=_options(plan),
            limits=(SKIPPED_BY_SIZE,) if request.skip_by_size else (),
        )
        concluded(header, listed)
        report = write_summary(request.output, header, snapshot.lists, listed, ledger.reading())
        journal.remove()
    return ScanSummary(header, listed, ledger.reading(), report)


def check_places(request: ScanRequest) -> SourceFacts:
    """Make sure of the source, and that nothing this scan writes lies beneath it.

    A shell asks this before it opens a store, as opening one makes a view in it.

    Raises:
        SourceUnusable: the source is absent, writable without a reason, or holds a place that is written to.
    """
    source = check_source(request.source, request.allow_writable)
    check_outside(source, request.output, *request.kept_outside)
    return source


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a request is carried out, now that it is known to make sense."""

    request: ScanRequest
    source: SourceFacts
    rules: ReadRules
    workers: int
    likely: Likely


class _Examined(NamedTuple):
    """The engine that the evidence was read with, whether that ended early, and when the first match was found."""

    engine: str
    ended_early: bool
    first_flag: datetime | None


def _checked(request: ScanRequest, snapshot: PinnedSnapshot) -> _Plan:
    """Make sure that the scan can be done before anything is written, then make the output directory."""
    if request.workers is not None and request.workers < 1:
        raise UsageError(f"workers: expected 1 or more, got {request.workers}")
    use_native(request.engine)
    likely = Likely(request.first)
    source = check_places(request)
    algorithms = choose(request.digests, snapshot.algorithms, snapshot.lists)
    sizes = snapshot.sizes() if request.skip_by_size else None
    snapshot.check_canaries()
    prepare(request.output)
    rules = ReadRules(algorithms, max_bytes=request.max_file_size, sizes=sizes)
    workers = readers(request.workers, rotational=source.rotational)
    return _Plan(request, source, rules, workers, likely)


def _examine(
    plan: _Plan, ledger: Ledger, stopped: Callable[[], bool], clock: Callable[[], datetime], progress: Progress
) -> _Examined:
    """Read the evidence."""
    source, output, cross_mounts = plan.source, plan.request.output, plan.request.cross_mounts
    open_evidence = OpenEvidence.of(source, plan.rules, cross_mounts=cross_mounts)
    root = open_root(source.path_bytes)
    try:
        found = walk(
            root, cross_mounts=cross_mounts, ntfs=source.ntfs, likely=plan.likely, by_inode=source.rotational is True
        )
        with (
            Later(output) as later,
            HardLinks(output) as links,
            open_pool(open_evidence, plan.workers, plan.request.engine, rotational=source.rotational is True) as pool,
        ):
            examination = Examination(source, ledger, later, links, pool, stopped, clock, progress)
            ended_early = examination.run(found)
            return _Examined(pool.engine(), ended_early, examination.first_flag)
    finally:
        os.close(root)


def _status(counts: FindingCounts, *, ended_early: bool) -> str:
    if ended_early:
        return "interrupted"
    return "incomplete" if counts.outcomes[Outcome.NOT_EXAMINED] else "complete"


def _seconds(started: datetime, moment: datetime | None) -> float | None:
    return None if moment is None else round((moment - started).total_seconds(), 3)


def _options(plan: _Plan) -> dict[str, object]:
    request = plan.request
    return {
        "output": shown(os.fsencode(request.output)),
        "digests": [algorithm.label for algorithm in plan.rules.algorithms],
        "digests_asked": request.digests is not None,
        "workers": plan.workers,
        "workers_asked": request.workers is not None,
        "engine": str(request.engine),
        "allow_writable": request.allow_writable,
        "cross_mounts": request.cross_mounts,
        "max_file_size": request.max_file_size,
        "first": [shown(os.fsencode(pattern)) for pattern in request.first],
        "skip_by_size": request.skip_by_size,
    }
