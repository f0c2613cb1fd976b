"""Files that a lab may hand over as a hash list and that are not read here: what each is, and what to do instead.

Refusing by name beats a parse error, and some of these would even parse: the digests in a ClamAV section list or a
MISP feed index are not digests of files.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from hashmatch.errors import ListFormatError

_MAGICS: Final = (
    (b"\x1f\x8b", "it is compressed (gzip): unpack it first"),
    (b"PK\x03\x04", "it is a zip archive: unpack it first"),
    (b"PK\x05\x06", "it is an empty zip archive"),
    (b"BZh", "it is compressed (bzip2): unpack it first"),
    (b"\xfd7zXZ\0", "it is compressed (xz): unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "it is compressed (zstd): unpack it first"),
    (b"HASH\r\n\xff\0", "it is an EnCase hash set: export it as text or VICS JSON"),
    (b"\x01\0\0\0\0\0\0\0", "it is a DCSO Bloom filter, which cannot say what is in it: ask for the list itself"),
    (b"%PDF", "it is a PDF document"),
    (b"ClamAV-VDB:", "it is a packed ClamAV database"),
)

_HEX: Final = rb"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})"
_TEXTS: Final = (
    (rb"0{41}\|", "it is an index of The Sleuth Kit: import the list it was made from"),
    (rb"BEGIN TRANSACTION;", "it is SQL, as an NSRL delta is: apply it to its base and import the database"),
    (rb'"?file_id"?,"?hashset_id"?', "it is a HashKeeper list: export it as a table with a column md5"),
    (rb'"?hashset_id"?,"?name"?', "it describes HashKeeper sets and holds no digests"),
    (rb"V[134]Hash,", "it is an iLook list: export it as a table with columns md5, sha1, sha256"),
    (rb'(?s)(?:#[^\n]*\n)*#\s*"first_seen_utc"', "its header is a comment (abuse.ch): export it as a plain list"),
    (rb"[0-9]+:" + _HEX + rb":", "it lists sections of programs (ClamAV .mdb), not files"),
    (_HEX + rb":(?:[0-9]+|\*):", "it is a ClamAV list: export it as a plain list of digests"),
    (rb"(?i)<\?xml|<[a-z!]", "it is XML: export it as text, CSV or VICS JSON"),
    (rb"[0-9a-f]{32},[0-9a-f]{8}-[0-9a-f]{4}-", "it is the index of a MISP feed, whose digests are not of files"),
    (
        rb'"?' + _HEX + rb'"?[,;\t|][ \t]*[^\s\0]',
        "it is a table without a header: add a first line that names the columns",
    ),
)
_JSONS: Final = (
    (rb'"type"\s*:\s*"bundle"', "it is a STIX bundle: export its file digests as a plain list"),
    (rb'"(?:Event|response|Attribute)"\s*:', "it is a MISP event: export its file digests as a plain list"),
    (rb'"(?:block_hash|file_hash)"\s*:', "it is a hashdb export, whose digests are of blocks"),
)


def refuse_binary(head: bytes) -> None:
    """Refuse a file by its first bytes, whatever format the person says it has.

    Raises:
        ListFormatError: it is known, and not read here.
    """
    for magic, what in _MAGICS:
        if head.startswith(magic):
            raise ListFormatError(f"this file cannot be read as a list: {what}")


def refuse_text(text: bytes) -> None:
    """Refuse text in a known format that is not read here; `text` begins with the first line that is not blank.

    Raises:
        ListFormatError: it is known, and not read here.
    """
    _refuse(text, _TEXTS)


def refuse_json(text: bytes) -> NoReturn:
    """Refuse JSON that is no VICS document.

    Raises:
        ListFormatError: always; says what the document is where that can be told.
    """
    found = [what for pattern, what in _JSONS if re.search(pattern, text)]
    what = found[0] if found else "expected a VICS document, with odata.metadata or @odata.context"
    raise ListFormatError(f"this JSON cannot be read as a list: {what}")


def _refuse(text: bytes, known: tuple[tuple[bytes, str], ...]) -> None:
    for pattern, what in known:
        if re.match(pattern, text):
            raise ListFormatError(f"this file cannot be read as a list: {what}")
