"""Start the HTTP service: the same as `hashmatch serve`, with the same options."""

from __future__ import annotations

import sys

from hashmatch.cli.main import run

_BEFORE_THE_COMMAND = ("--store", "--sealing-key")


def words(given: list[str]) -> list[str]:
    """Return the words of `hashmatch serve`: what says where the store is stands before the command."""
    at = 0
    while at < len(given) and given[at].partition("=")[0] in _BEFORE_THE_COMMAND:
        at += 1 if "=" in given[at] else 2
    return [*given[:at], "serve", *given[at:]]


if __name__ == "__main__":
    sys.exit(run(words(sys.argv[1:])))
