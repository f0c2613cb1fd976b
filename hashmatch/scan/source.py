"""The evidence source in the words of the report."""

from __future__ import annotations

from collections.abc import Iterator

from hashmatch.evidence.source import SourceFacts


def source_document(source: SourceFacts, allow_writable: str | None) -> dict[str, object]:
    """Return what the report says of the source, by name."""
    return {
        "path": source.path,
        "real_path": source.real_path,
        "mount_point": source.mount_point,
        "whole_mount": source.is_mount_root,
        "fs_type": source.fs_type,
        "fs_device": source.fs_device,
        "fs_root": source.fs_root,
        "mount_source": source.mount_source,
        "mount_options": list(source.mount_options),
        "super_options": list(source.super_options),
        "rotational": source.rotational,
        "devices": [device._asdict() for device in source.devices],
        "read_only": source.read_only,
        "writable": list(source.writable),
        "allow_writable": None if source.read_only else allow_writable,
        "journal_not_replayed": source.journal_not_replayed,
        "alternate_streams": source.streams_covered,
    }


def source_warnings(source: SourceFacts, allow_writable: str | None) -> Iterator[str]:
    """Yield what limits the trust in what was read."""
    if not source.read_only:
        ways = "; ".join(source.writable)
        yield f"The source could be written to while it was read: {ways}. The reason given: {allow_writable}"
    if source.journal_not_replayed:
        yield (
            "The file system's journal was not replayed: recent files and changes may be invisible, "
            "and were then not examined."
        )
    if not source.streams_covered:
        yield "This is NTFS, and the mount does not show alternate data streams: none was examined."
