"""Which engine hashes: the native one where it was built, else the portable one, or the one that was asked for."""

from __future__ import annotations

import enum

from hashmatch.errors import UsageError
from hashmatch.hashing import native


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
