"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from hashmatch.digests import Algorithm
from hashmatch.hashing.choice import EngineChoice

_Command = TypeVar("_Command", bound=Callable[..., Any])


class AlgorithmType(click.ParamType[Algorithm]):
    """The name of an algorithm, as people and lists write it."""

    name = "algorithm"

    def convert(self, value: str | Algorithm, param: click.Parameter | None, ctx: click.Context | None) -> Algorithm:
        if isinstance(value, Algorithm):
            return value
        try:
            return Algorithm.named(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


ALGORITHM = AlgorithmType()


def json_option(command: _Command) -> _Command:
    """Add `--json`, for machines."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")(command)


def engine_option(command: _Command) -> _Command:
    """Add `--engine`."""
    return click.option(
        "--engine",
        type=click.Choice([choice.value for choice in EngineChoice]),
        default=EngineChoice.AUTO.value,
        envvar="HASHMATCH_ENGINE",
        help="What hashes [native where it was built; $HASHMATCH_ENGINE].",
    )(command)
