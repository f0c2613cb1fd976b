"""`hashmatch selftest`: known answers through every part, before the answers that matter."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from hashmatch import __version__
from hashmatch.cli import exits, render
from hashmatch.cli.options import engine_option, json_option
from hashmatch.config import Settings
from hashmatch.custody.events import Action, EventOutcome
from hashmatch.custody.opening import recording
from hashmatch.hashing.choice import EngineChoice
from hashmatch.selftest import SelfTest, run_selftest


@click.command()
@engine_option
@json_option
@click.pass_obj
def selftest(settings: Settings, engine: str, as_json: bool) -> int:
    """Try hashing, import, store, look-up and scan on known answers; exit with 0 only if all are right.

    With --json the record names every version, and can be filed. Where there is a store, its audit trail says that it
    was done.
    """
    record = run_selftest(datetime.now(UTC), lambda: datetime.now(UTC), EngineChoice(engine))
    if settings.store.is_dir():
        _put_on_record(settings, record)
    if as_json:
        render.document(_document(record))
    else:
        _text(record)
    return exits.COMPLETE if record.passed else exits.FAILED


def _put_on_record(settings: Settings, record: SelfTest) -> None:
    passed = sum(check.passed for check in record.checks)
    counts = {"passed": passed, "failed": len(record.checks) - passed}
    with recording(settings) as recorder:
        outcome = EventOutcome.DONE if record.passed else EventOutcome.FAILED
        recorder.record(Action.SELF_TEST, outcome, subject=f"hashmatch {__version__}", counts=counts)


def _document(record: SelfTest) -> dict[str, object]:
    return {
        "passed": record.passed,
        "started": record.started.isoformat(),
        "ended": record.ended.isoformat(),
        "versions": record.versions,
        "checks": [{"name": c.name, "passed": c.passed, "found": c.found} for c in record.checks],
    }


def _text(record: SelfTest) -> None:
    for name, version in record.versions.items():
        click.echo(f"{name:<10} {version}")
    for check in record.checks:
        click.echo(f"{'pass' if check.passed else 'FAIL'}  {check.name}" + (f": {check.found}" if check.found else ""))
    click.echo("PASSED" if record.passed else "FAILED: do not use this installation for evidence")
