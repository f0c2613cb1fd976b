"""Whose fault an error is: the file's, which makes a result, or ours, which stops the run.

Running out of descriptors or memory says nothing about the evidence. Were it put down as a property of the file, a
starved process would list sound files as unreadable and carry on to the next one.
"""

from __future__ import annotations

import errno
import os
from typing import Final

from hashmatch.outcomes import FailureReason

_OURS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})

# What opening a name says when it no longer is the regular file or the directory that was listed there: a link
# (O_NOFOLLOW), a directory, something that is no directory (O_DIRECTORY), a socket or a device without a driver.
_SWAPPED: Final = frozenset({errno.ELOOP, errno.EISDIR, errno.ENOTDIR, errno.ENXIO, errno.ENODEV})


def is_ours(error: OSError) -> bool:
    """Tell whether the process ran out of something, rather than the file failing."""
    return error.errno in _OURS


def raise_ours(number: int) -> None:
    """Raise OSError where an error number says that the process ran out of something."""
    if number in _OURS:
        raise OSError(number, os.strerror(number))


def open_failure(error: OSError) -> FailureReason:
    """Return why a name that was listed could not be opened.

    Raises:
        OSError: `error` itself, if it is ours.
    """
    if is_ours(error):
        raise error
    if error.errno == errno.ENOENT:
        return FailureReason.VANISHED
    return FailureReason.UNSTABLE if error.errno in _SWAPPED else FailureReason.OPEN_FAILED
