"""Digests of bytes in memory, many at a time: by the native kernels where they were built, else by hashlib.

A service with many uploads at once keeps a `Stream` for each and gives the pieces that have come to `update_streams`
together: side by side they are hashed several times faster than one after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    # Both modules have the same names with the same types; a checker reads the one.
    from hashmatch.hashing import hashlib_streams as _implementation

    NATIVE: bool
else:
    try:
        from hashmatch.hashing import _native as _implementation

        NATIVE: Final = True
    except ImportError:
        from hashmatch.hashing import hashlib_streams as _implementation

        NATIVE: Final = False

Stream = _implementation.Stream
digest_buffers = _implementation.digest_buffers
update_streams = _implementation.update_streams
description = _implementation.description

__all__ = ["NATIVE", "Stream", "description", "digest_buffers", "update_streams"]
