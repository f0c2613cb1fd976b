"""The commands, each loaded when it is called: what an import needs alone takes a third of a second to load."""

from __future__ import annotations

import importlib
from typing import Final

import click

_MODULES: Final = {
    "audit": "hashmatch.cli.audit_command",
    "bench": "hashmatch.cli.bench_command",
    "lists": "hashmatch.cli.lists_command",
    "lookup": "hashmatch.cli.lookup_command",
    "scan": "hashmatch.cli.scan_command",
    "selftest": "hashmatch.cli.selftest_command",
    "serve": "hashmatch.cli.serve_command",
    "tokens": "hashmatch.cli.tokens_command",
}


class Commands(click.Group):
    """Finds each command by its own name in its module; only `--help` loads them all."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the same in every context
        return sorted(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        if cmd_name not in _MODULES:
            return None
        command = getattr(importlib.import_module(_MODULES[cmd_name]), cmd_name)
        assert isinstance(command, click.Command)
        return command
