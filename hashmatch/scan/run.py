"""The use case of a scan: the order of its steps."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from hashmatch.errors import UsageError
from hashmatch.evidence.likely import Likely
from hashmatch.evidence.opening import open_root
from hashmatch.evidence.outside import check_outside
from hashmatch.evidence.source import SourceFacts, check_source
from hashmatch.evidence.tree import walk
from hashmatch.hashing.choice import describe, use_native
from hashmatch.hashing.engine import ReadRules
from hashmatch.outcomes import Outcome
from hashmatch.reports.counts import FindingCounts
from hashmatch.reports.findings import Finding
from hashmatch.reports.header import ScanHeader
from hashmatch.reports.names import shown
from hashmatch.reports.output import prepare
from hashmatch.reports.report import Listed, take_back, write_findings, write_summary
from hashmatch.scan.algorithms import choose
from hashmatch.scan.begin import Begun, begin
from hashmatch.scan.examination import Examination
from hashmatch.scan.examiner import OpenEvidence
from hashmatch.scan.later import Later
from hashmatch.scan.ledger import Ledger, unseen
from hashmatch.scan.links import HardLinks
from hashmatch.scan.parts import Part, agreed, case_of, engines, resumed
from hashmatch.scan.paths import one_entry_a_path
from hashmatch.scan.pools import open_pool
from hashmatch.scan.readers import readers
from hashmatch.scan.request import PinnedSnapshot, Progress, ScanProgress, ScanRequest, ScanSummary
from hashmatch.scan.source import source_document, source_warnings
from hashmatch.scan.stopping import stopping_on_signals

if TYPE_CHECKING:  # a scan in one part does not wait for what only another needs
    from hashmatch.scan.resuming import Resumption

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

    SIGINT and SIGTERM, where this is the main thread, and `stopped` end it early with a report that says so. A scan
    that ended early, or with an error, or with its process, can be gone on with (`ScanRequest.resume`).

    Args:
        request: what a person asks for.
        snapshot: stays open until the scan is over.
        started: when; for the report.
        clock: asked at the first match and at the end.
        progress: told about ten times a second.
        flagged: given each match as it is found, in this thread (`reports.flags.FlagLines` writes it as the report
            does). Where a forged directory gives a name twice, so is its match, and the report lets one stand. Of a
            scan that is resumed, each match was given once at least, the last ones before a crash perhaps twice.
        stopped: asked between steps.
        concluded: told the result before there is a `report.json`; where it raises, there will be none.

    Raises:
        UsageError: the request cannot mean anything sensible.
        SourceUnusable: the source is absent, writable without a reason, or holds a place that is written to.
        ResumeRefused: what is to be gone on with is not there, damaged, or was begun otherwise; nothing was changed.
        OutputUnusable: the report cannot be written; there is then no `report.json`.
        StoreDamaged: the lists do not answer as they should; nor is there one then.
        HashmatchError: this process or its workers cannot go on; nor is there one then.
    """
    plan = _checked(request, snapshot)
    source = plan.source
    begun = begin(request, _part(plan, snapshot, started), snapshot.check_canaries)
    with begun.journal as journal, stopping_on_signals() as signalled:

        def tell(finding: Finding) -> None:
            journal.first_flag = journal.first_flag or clock()
            flagged(finding)

        ledger = Ledger(journal, snapshot, plan.rules.algorithms, tell)
        examined = _examine(plan, begun, ledger, lambda: signalled() or stopped(), progress)
        # Had the lists stopped answering on the way, every `no_match` since then would be in doubt.
        journal.checkpoint() if examined.ended_early else snapshot.check_canaries()
        if begun.earlier:
            take_back(request.output)
        findings = one_entry_a_path(journal.findings())
        listed = write_findings(request.output, findings, snapshot.lists, snapshot.snapshot_id, len(journal))
        started = begun.parts[0].started
        header = ScanHeader(
            case=case_of(begun.parts),
            source=source_document(source, request.allow_writable),
            source_warnings=tuple(source_warnings(source, request.allow_writable)),
            snapshot_id=snapshot.snapshot_id,
            engine=engines((*begun.parts[:-1], replace(begun.parts[-1], engine=examined.engine))),
            started=started,
            ended=clock(),
            status=_status(listed.counts, ended_early=examined.ended_early),
            not_reached=ledger.not_reached,
            first_flag_seconds=_seconds(started, journal.first_flag),
            options=_options(plan),
            limits=(SKIPPED_BY_SIZE,) if request.skip_by_size else (),
            resumed=resumed(begun.parts, ledger.carried),
        )
        concluded(header, listed)
        report = write_summary(request.output, header, snapshot.lists, listed, ledger.reading())
        journal.keep() if examined.ended_early else journal.remove()
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
    """The engine that the evidence was read with, and whether that ended early."""

    engine: str
    ended_early: bool


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
    if not request.resume:
        prepare(request.output)
    rules = ReadRules(algorithms, max_bytes=request.max_file_size, sizes=sizes)
    workers = readers(request.workers, rotational=source.rotational)
    return _Plan(request, source, rules, workers, likely)


def _examine(plan: _Plan, begun: Begun, ledger: Ledger, stopped: Callable[[], bool], progress: Progress) -> _Examined:
    """Read the evidence, or what is left of it."""
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
            _resumption(plan, begun, open_evidence, ledger, links) as resumption,
            open_pool(open_evidence, plan.workers, plan.request.engine, rotational=source.rotational is True) as pool,
        ):
            examination = Examination(source, ledger, later, links, pool, stopped, progress, resumption)
            ended_early = examination.run(found)
            return _Examined(pool.engine() or begun.parts[-1].engine, ended_early)
    finally:
        os.close(root)


def _resumption(
    plan: _Plan, begun: Begun, evidence: OpenEvidence, ledger: Ledger, links: HardLinks
) -> AbstractContextManager[Resumption | None]:
    if begun.earlier is None:
        return nullcontext()
    from hashmatch.scan.resuming import Resumption

    begun_ns = None if plan.source.read_only else int(begun.parts[0].started.timestamp() * 1e9)
    records, output = begun.earlier.records(), plan.request.output
    return Resumption(output, records, evidence.reader(), evidence.rules, begun_ns, ledger, links)


def _part(plan: _Plan, snapshot: PinnedSnapshot, started: datetime) -> Part:
    request = plan.request
    facts = agreed(request, plan.source, plan.rules.algorithms, snapshot.snapshot_id)
    return Part(started, describe(request.engine), request.case, facts)


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
