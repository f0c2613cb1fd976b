"""How an entry of the evidence can end: one outcome each, and the reason where one is needed.

The values are on disk, in reports and in the result digest; add, never rename.
"""

from __future__ import annotations

import enum


class Outcome(enum.StrEnum):
    """`seen = match + no_match + not_examined + excluded`, always."""

    MATCH = "match"
    NO_MATCH = "no_match"
    NOT_EXAMINED = "not_examined"
    EXCLUDED = "excluded"


class Strength(enum.StrEnum):
    """How far a file agrees with an entry of a list (the match rule)."""

    STRONG = "strong"
    WEAK_ONLY = "weak_only"
    CONFLICT = "conflict"


class ExclusionReason(enum.StrEnum):
    """Why an entry holds nothing to look up, by its nature or by what was asked."""

    EMPTY = "empty"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    FIFO = "fifo"
    SOCKET = "socket"
    BLOCK_DEVICE = "block_device"
    CHARACTER_DEVICE = "character_device"
    MOUNT_POINT = "mount_point"


class FailureReason(enum.StrEnum):
    """Why an entry could not be examined although it should have been."""

    OPEN_FAILED = "open_failed"
    VANISHED = "vanished"
    READ_FAILED = "read_failed"
    PARTIAL = "partial"
    UNSTABLE = "unstable"
    BUDGET = "budget"
    DIRECTORY_UNREADABLE = "directory_unreadable"
    DIRECTORY_LOOP = "directory_loop"
    UNKNOWN_KIND = "unknown_kind"
    UNSUPPORTED_REPARSE_TAG = "unsupported_reparse_tag"
    STREAMS_UNREADABLE = "streams_unreadable"
    LOOKUP_FAILED = "lookup_failed"
    WORKER_CRASHED = "worker_crashed"
    DUPLICATE_NAME = "duplicate_name"
