"""`hashmatch tokens`: create, list, revoke."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import click
import msgspec

from hashmatch.access.budgets import Budget
from hashmatch.access.roles import Role
from hashmatch.access.tokens import SERVICE, TOKENS, Token, TokenStore
from hashmatch.cli import render
from hashmatch.cli.options import json_option
from hashmatch.config import Settings
from hashmatch.custody.opening import recording
from hashmatch.on_record import tokens as on_record

_PER_HOUR: Final = click.IntRange(1)


class Expiry(click.ParamType[timedelta | datetime]):
    """When a token ends: after so many days, or at a time."""

    name = "90d|date"
    _DAYS = re.compile(r"([1-9][0-9]{0,4})d")
    _DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

    def convert(
        self, value: str | timedelta | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta | datetime:
        if not isinstance(value, str):
            return value
        days = self._DAYS.fullmatch(value)
        if days:
            return timedelta(days=int(days[1]))
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            self.fail("expected a number of days such as 90d, a date, or a time with its zone", param, ctx)
        if self._DATE.fullmatch(value):
            return read.replace(tzinfo=UTC)
        if read.tzinfo is None:
            self.fail("expected a time with its zone, such as 2026-12-31T18:00Z", param, ctx)
        return read


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def tokens(context: click.Context, as_json: bool) -> None:
    """Show the tokens of the service, or change them. A service that runs sees changes at once."""
    if context.invoked_subcommand is None:
        _show(context.obj, as_json)


@tokens.command()
@click.argument("name")
@click.option("--role", required=True, type=click.Choice([r.value for r in Role]), help="What its holder is.")
@click.option("--case", "cases", multiple=True, help="Confine it to this case; may be given again.")
@click.option("--expires", type=Expiry(), help="After so many days, or at the beginning of a day (UTC), or at a time.")
@click.option("--requests-per-hour", type=_PER_HOUR, help="Requests it may make in any hour [no limit].")
@click.option("--digests-per-hour", type=_PER_HOUR, help="Digests it may ask about in any hour [no limit].")
@click.option("--misses-per-hour", type=_PER_HOUR, help="Digests on no list it may ask about in any hour [no limit].")
@json_option
@click.pass_obj
def create(
    settings: Settings,
    name: str,
    role: str,
    cases: tuple[str, ...],
    expires: timedelta | datetime | None,
    requests_per_hour: int | None,
    digests_per_hour: int | None,
    misses_per_hour: int | None,
    as_json: bool,
) -> None:
    """Make a token for somebody; its secret is printed once and kept nowhere."""
    now = datetime.now(UTC)
    with recording(settings) as recorder:
        token, secret = on_record.create(
            recorder,
            _store(settings),
            name,
            Role(role),
            cases=cases,
            expires=now + expires if isinstance(expires, timedelta) else expires,
            budget=Budget(requests_per_hour, digests_per_hour, misses_per_hour),
            now=now,
        )
    if as_json:
        render.document({"token": _described(token, now), "secret": secret})
        return
    until = "until it is revoked" if token.expires is None else f"until {_time(token.expires)}"
    click.echo(
        f"token {token.id} for {name}, {role}, {until}; this is the only time that its secret is shown", err=True
    )
    click.echo(secret)


@tokens.command("list")
@json_option
@click.pass_obj
def list_command(settings: Settings, as_json: bool) -> None:
    """Show every token that was made, with its state, and never its secret."""
    _show(settings, as_json)


@tokens.command()
@click.argument("token_id", metavar="ID")
@json_option
@click.pass_obj
def revoke(settings: Settings, token_id: str, as_json: bool) -> None:
    """Let a token open nothing from now on."""
    now = datetime.now(UTC)
    with recording(settings) as recorder:
        token = on_record.revoke(recorder, _store(settings), token_id, now)
    if as_json:
        render.document({"token": _described(token, now)})
    else:
        click.echo(f"{token.id} {token.name}: revoked")


def _store(settings: Settings) -> TokenStore:
    return TokenStore(settings.store / SERVICE / TOKENS)


def _show(settings: Settings, as_json: bool) -> None:
    now = datetime.now(UTC)
    found = _store(settings).all()
    if as_json:
        render.document({"tokens": [_described(token, now) for token in found]})
    elif found:
        render.table(("ID", "NAME", "ROLE", "CASES", "STATE", "EXPIRES", "AN HOUR"), [_row(t, now) for t in found])
    else:
        click.echo(f"no tokens in {settings.store}; make one with 'hashmatch tokens create'")


def _described(token: Token, now: datetime) -> dict[str, object]:
    return {**msgspec.to_builtins(token), "state": token.state(now)}


def _row(token: Token, now: datetime) -> tuple[str, ...]:
    budget = msgspec.structs.asdict(token.budget)
    limits = ", ".join(f"{limit:,} {kind}" for kind, limit in budget.items() if limit is not None)
    cases = ", ".join(token.cases) or "-"
    expires = "-" if token.expires is None else _time(token.expires)
    return token.id, token.name, token.role, cases, token.state(now), expires, limits or "-"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
