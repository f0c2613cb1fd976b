"""Chooses the store's inner loops: those in C where they were built, else those in Python with equal results."""

from __future__ import annotations

__all__ = ["NATIVE", "close", "fill", "key_state", "order", "probe", "seal"]

try:
    from hashmatch.store._native import close, fill, key_state, order, probe, seal
except ImportError:
    from hashmatch.store.portable import close, fill, key_state, order, probe, seal

    NATIVE = False
else:
    NATIVE = True
