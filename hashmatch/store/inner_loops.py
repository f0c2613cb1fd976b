"""Chooses the store's inner loops: those in C where they were built, else those in Python with equal results."""

from __future__ import annotations

__all__ = ["NATIVE", "ask", "close", "fill", "key_state", "probe", "seal", "sift"]

try:
    from hashmatch.store._native import ask, close, fill, key_state, probe, seal, sift
except ImportError:
    from hashmatch.store.portable import ask, close, fill, key_state, probe, seal, sift

    NATIVE = False
else:
    NATIVE = True
