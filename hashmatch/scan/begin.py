"""How a scan gets its journal: a new one, or that of the scan it goes on with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from hashmatch.scan.journal import Journal
from hashmatch.scan.parts import Part, case_of, check_agreed
from hashmatch.scan.request import ScanRequest

if TYPE_CHECKING:
    from hashmatch.scan.earlier import Earlier


class Begun(NamedTuple):
    """A journal that findings can be entered in; the parts of the scan, this one last; what the others have left."""

    journal: Journal
    parts: tuple[Part, ...]
    earlier: Earlier | None


def begin(request: ScanRequest, part: Part, sound: Callable[[], None]) -> Begun:
    """Begin a part of a scan, or the only one.

    Args:
        request: says where, and whether to go on.
        part: its head.
        sound: raises StoreDamaged where what was found since it was last asked is in doubt.

    Raises:
        ResumeRefused: there is nothing to go on with, or it was begun otherwise; nothing was changed.
        OutputUnusable: the output directory refuses.
    """
    if not request.resume:
        return Begun(Journal.begin(request.output, part.head(), sound=sound), (part,), None)
    from hashmatch.scan.earlier import open_earlier  # a scan in one part does not wait for it

    earlier = open_earlier(request.output)
    try:
        check_agreed(earlier.parts[0].agreed, part.agreed)
        part = replace(part, bytes_cut=earlier.lost)
        parts = (*earlier.parts, part)
        case_of(parts)
        earlier.frames.cut(earlier.end)
        journal = Journal.go_on(earlier.frames, request.output, part.head(), sound=sound)
    except BaseException:
        earlier.frames.close()
        raise
    journal.first_flag = earlier.first_flag
    return Begun(journal, parts, earlier)
