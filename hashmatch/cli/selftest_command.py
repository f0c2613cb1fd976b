"""`hashmatch selftest`: known answers through every part, before the answers that matter."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from hashmatch.cli import exits, render
from hashmatch.cli.options import engine_option, json_option
from hashmatch.hashing.choice import EngineChoice
from hashmatch.selftest import SelfTest, run_selftest


@click.command()
@engine_option
@json_option
def selftest(engine: str, as_json: bool) -> int:
    """Try hashing, import, store, look-up and scan on known answers; exit with 0 only if all are right.

    With --json the record names every version, and can be filed.
    """
    record = run_selftest(datetime.now(UTC), lambda: datetime.now(UTC), EngineChoice(engine))
    if as_json:
        render.document(_document(record))
    else:
        _text(record)
    return exits.COMPLETE if record.passed else exits.FAILED


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
