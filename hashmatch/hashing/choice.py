"""Which engine hashes: the native one where it was built, else the portable one, or the one that was asked for."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager

from hashmatch.errors import UsageError
from hashmatch.hashing import native
from hashmatch.hashing.engine import Engine, ReadRules
from hashmatch.hashing.portable import PortableEngine


class EngineChoice(enum.StrEnum):
    """What a person asks for."""

    AUTO = "auto"
    NATIVE = "native"
    PORTABLE = "portable"


def use_native(choice: EngineChoice) -> bool:
    """Tell whether the native engine is to be used.

    Raises:
        UsageError: it was asked for, and this installation was built without a C compiler.
    """
    if choice is EngineChoice.NATIVE and not native.is_available():
        raise UsageError("engine native: this installation was built without a C compiler and has none")
    return choice is not EngineChoice.PORTABLE and native.is_available()


@contextmanager
def open_engine(choice: EngineChoice, rules: ReadRules) -> Iterator[Engine]:
    """Give an engine for files that come one batch after the other.

    Raises:
        UsageError: the native engine was asked for, and there is none.
    """
    if not use_native(choice):
        yield PortableEngine()
        return
    engine = native.NativeEngine(rules)
    try:
        yield engine
    finally:
        engine.close()


def describe(choice: EngineChoice) -> str:
    """Return what hashes, for reports and people.

    Raises:
        UsageError: the native engine was asked for, and there is none.
    """
    return native.description() if use_native(choice) else PortableEngine().description
