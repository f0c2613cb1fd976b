"""All formats by their names, and the one door to them: `open_list`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from hashmatch.errors import UsageError
from hashmatch.hashlists import checksums, csvtable, hashdeep, icse, md5deep, nsrl, plain, vics
from hashmatch.hashlists.foreign import refuse_binary
from hashmatch.hashlists.listfile import ListFile
from hashmatch.hashlists.reading import ListOptions, Reading
from hashmatch.hashlists.recognise import recognise

AUTO: Final = "auto"

Opener = Callable[[ListFile, ListOptions], Reading]

FORMATS: Final[Mapping[str, Opener]] = MappingProxyType(
    {
        plain.NAME: plain.open_plain,
        checksums.NAME: checksums.open_checksums,
        md5deep.NAME: md5deep.open_md5deep,
        hashdeep.NAME: hashdeep.open_hashdeep,
        csvtable.NAME: csvtable.open_csv,
        icse.NAME: icse.open_icse,
        nsrl.NAME: nsrl.open_nsrl,
        vics.NAME: vics.open_vics,
    }
)


def open_list(list_file: ListFile, format_name: str, options: ListOptions) -> Reading:
    """Open a list in the named format, or in the one it is recognised to have where the name is `auto`.

    Raises:
        UsageError: no format has that name, or the options do not fit the list.
        ListFormatError: the list is not what its format says, or has no known format.
        ListAmbiguous: two readings are possible, or something only a person can say is missing.
        ListContradiction: the list says something else than the person.
    """
    name = recognise(list_file.head) if format_name == AUTO else format_name
    opener = FORMATS.get(name)
    if opener is None:
        raise UsageError(f"expected a format of {', '.join((AUTO, *FORMATS))}, got {format_name!r}")
    refuse_binary(list_file.head)
    reading = opener(list_file, options)
    _check_categories(reading, options)
    return reading


def _check_categories(reading: Reading, options: ListOptions) -> None:
    if options.list_category() is None:
        if options.scheme is not None and not reading.has_categories:
            raise UsageError("the list has no categories that --scheme could be of: add --category")
    elif reading.has_categories:
        raise UsageError("the list has categories of its own, so --category cannot be given")
