"""VICS documents: bound by path, never shorter than they are, in constant memory."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.errors import HashmatchError, ListContradiction, ListFormatError
from hashmatch.hashlists.entries import Category, ListType

from .lists import EXPECTED, FIXTURES, MD5, SHA1, Entry, read, read_text

HEX, HEX1 = EXPECTED[0]["md5"], EXPECTED[0]["sha1"]
CONTEXT = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/UK/$metadata#Media"
CONTEXT_12 = "http://github.com/ICMEC/ProjectVic/DataModels/1.2.xml#Media"


def document(value: Any, context: str = CONTEXT, key: str = "@odata.context") -> str:
    return json.dumps({key: context, "value": value})


def media(**fields: Any) -> dict[str, Any]:
    return {"MediaID": 1, "MD5": HEX, **fields}


RECORDS = st.lists(
    st.fixed_dictionaries(
        {"MD5": st.binary(min_size=16, max_size=16).map(lambda b: b.hex().upper())},
        optional={
            "SHA1": st.binary(min_size=20, max_size=20).map(bytes.hex),
            "MediaSize": st.integers(1, 2**63 - 1) | st.integers(1, 2**63 - 1).map(str),
            "Category": st.none() | st.integers(0, 9),
            "Series": st.text(),
            "Exifs": st.lists(st.fixed_dictionaries({"MD5": st.just("f" * 32), "PropertyName": st.text()}), max_size=2),
        },
    ),
    max_size=5,
)


@given(RECORDS, st.booleans(), st.booleans())
def test_documents_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]], context_last: bool, escaped: bool
) -> None:
    """The envelope may stand before or behind the records; nested digests are not the record's."""
    items = [("@odata.context", CONTEXT), ("value", records)]
    text = json.dumps(dict(reversed(items) if context_last else items), ensure_ascii=escaped)
    whole = read_text(tmp_path_factory.mktemp("t"), text.encode("utf-8", "replace"))
    assert whole.entries == [
        Entry(
            number,
            {MD5: bytes.fromhex(r["MD5"]), **({SHA1: bytes.fromhex(r["SHA1"])} if "SHA1" in r else {})},
            int(r["MediaSize"]) if "MediaSize" in r else None,
            Category("VICS/UK", str(r["Category"])) if r.get("Category") is not None else None,
        )
        for number, r in enumerate(records, 1)
    ]
    assert whole.dropped.get("Series", 0) == sum(bool(r.get("Series")) for r in records)


@pytest.mark.parametrize("name", ["vics13_hashset.json", "vics20_hashset_bom.json"])
def test_a_cut_document_is_never_a_shorter_list(tmp_path: Path, name: str) -> None:
    """Wherever a download ends early, nothing is taken in."""
    raw = (FIXTURES / name).read_bytes().rstrip()
    for end in range(len(raw)):
        with pytest.raises(ListFormatError):
            read_text(tmp_path, raw[:end], "vics")


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_byte_raises_nothing_foreign(tmp_path_factory: pytest.TempPathFactory, place: int, byte: int) -> None:
    """A damaged document gives entries or an error of ours, without a digest in it."""
    raw = bytearray((FIXTURES / "vics13_hashset.json").read_bytes())
    raw[place % len(raw)] = byte
    try:
        read_text(tmp_path_factory.mktemp("t"), bytes(raw), "vics")
    except HashmatchError as exc:
        assert not re.search("[0-9A-Fa-f]{12}", str(exc))  # noqa: PT017


@pytest.mark.parametrize(
    "text",
    [
        document([media()]) + "{}",
        document([media()]) + document([media()]),
        document([media()]) + "x",
        document([media()])[:-1] + ', "value": []}',
        document([media()])[:-1] + f', "@odata.context": "{CONTEXT}"}}',
        document([media()])[:-1] + f', "odata.metadata": "{CONTEXT}"}}',
        document([media()])[:-1] + ', "@odata.nextLink": "x"}',
        document([media()])[:-1] + ', "@odata.count": 2}',
        json.dumps({"@odata.context": CONTEXT}),
        json.dumps({"value": [media()]}),
        document({"a": media()}),
        document(media()),
        json.dumps([media()]),
        document([media()], CONTEXT.replace("Media", "Cases")),
        document([media()], CONTEXT.replace("#Media", "#Other")),
        document([media()], CONTEXT.replace("2.0", "3.0")),
        document([media()], CONTEXT_12.replace("1.2", "2.0")),
        document([media()], "x"),
        "",
        "{",
        '{"a": 1' + "1" * 5000 + "}",
    ],
)
def test_bad_documents(tmp_path: Path, text: str) -> None:
    """Trailing garbage, two envelopes, further pages, cases and unknown models are refused."""
    with pytest.raises(ListFormatError):
        read_text(tmp_path, text, "vics")


@pytest.mark.parametrize(
    "record",
    [
        "{}",
        '{"SHA1": null, "MD5": ""}',
        f'{{"MD5": "{HEX[1:]}"}}',
        f'{{"MD5": "{HEX} "}}',
        f'{{"MD5": "0x{HEX[2:]}"}}',
        f'{{"MD5": "{HEX[:-1]}\u0661"}}',
        f'{{"MD5": "{HEX}", "SHA1": "{HEX}"}}',
        f'{{"MD5": "{HEX}", "MD5": "{HEX}"}}',
        f'{{"MD5": "{HEX}", "Tags": 1, "Tags": 2}}',
        '{"MD5": 7}',
        '{"MD5": ["x"]}',
        f'{{"MD5": "{HEX}", "Category": true}}',
        f'{{"MD5": "{HEX}", "Category": 1.5}}',
        f'{{"MD5": "{HEX}", "Category": "{HEX}"}}',
        f'{{"MD5": "{HEX}", "MediaSize": -1}}',
        f'{{"MD5": "{HEX}", "MediaSize": 9223372036854775808}}',
        f'{{"MD5": "{HEX}", "MediaSize": "1_0"}}',
        f'{{"MD5": "{HEX}", "MediaSize": false}}',
        f'{{"MD5": "{HEX}", "Media": [{{"MD5": "{HEX}"}}]}}',
        f'"{HEX}"',
        "[]",
        "null",
    ],
)
def test_bad_records(tmp_path: Path, record: str) -> None:
    """A record that is not what the model says is refused with its number, and without its digest."""
    with pytest.raises(ListFormatError) as caught:
        read_text(tmp_path, document([media()])[:-2] + f", {record}]}}")
    assert (caught.value.place, caught.value.unit) == (2, "record")
    assert HEX[1:9] not in str(caught.value)


def test_a_size_of_zero_is_not_known(tmp_path: Path) -> None:
    """An exporter's 0 must not contradict every file with that digest."""
    whole = read_text(tmp_path, document([media(MediaSize=0, Category=0), media(MediaID=2, Category="A")]))
    assert [entry.size for entry in whole.entries] == [None, None]
    assert [entry.category for entry in whole.entries] == [Category("VICS/UK", "0"), Category("VICS/UK", "A")]
    assert whole.notes == {"no_sha1": 2, "zero_size": 1}


def test_media_ids_that_repeat_are_counted(tmp_path: Path) -> None:
    """As numbers or as strings, but not NIST's 0 for none; every record is taken in all the same."""
    ids: list[Any] = [5, 7, "5", 5, 0, 0, "0", None, "A-5", "A-5", 5.5, 5.5]
    whole = read_text(tmp_path, document([media(MediaID=media_id) for media_id in ids]))
    assert whole.notes == {"no_category": 12, "no_sha1": 12, "duplicate_media_id": 2}
    assert len(whole.entries) == 12


def test_names_of_dropped_fields_are_bounded(tmp_path: Path) -> None:
    """A digest in the place of a field's name does not reach the counts."""
    whole = read_text(tmp_path, document([media(**{HEX: "x", "Tags": ["x"], "Exifs": [], "x" * 99: 1})]))
    assert whole.dropped == {"other": 2, "Tags": 1}


def test_known_software_with_other_traits_is_refused_as_known(tmp_path: Path) -> None:
    """Model 1.2 alone does not make a list one of known files, nor do the traits in part of it."""
    known, other = media(MediaID=0, Category=8), media(MediaID=1, Category=8)
    for value in ([known, other], [known, media(MediaID=0, Category=1)]):
        with pytest.raises(ListContradiction, match="record 2"):
            read_text(tmp_path, document(value, CONTEXT_12, "odata.metadata"), list_type=ListType.KNOWN)
        assert len(read_text(tmp_path, document(value, CONTEXT_12, "odata.metadata")).entries) == 2


MEMORY = """
import sys
from hashmatch.hashlists.entries import ListType
from hashmatch.hashlists.formats import open_list
from hashmatch.hashlists.listfile import ListFile
from hashmatch.hashlists.reading import ListOptions
with ListFile(sys.argv[1]) as list_file:
    reading = open_list(list_file, "auto", ListOptions(ListType.NOTABLE))
    count = sum(len(piece.entries().places) for piece in reading.pieces())
print(count, next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])
"""


def test_memory_does_not_grow_with_the_document(tmp_path: Path) -> None:
    """Five and fifty megabytes take nearly the same memory, even with the envelope last."""
    record = json.dumps(media(SHA1=HEX1, Comments="x" * 400, Exifs=[{"MD5": HEX}]))
    peaks = []
    for count in (9_000, 90_000):
        path = tmp_path / str(count)
        path.write_text('{"value": [' + ",".join([record] * count) + f'], "@odata.context": "{CONTEXT}"}}')
        result = subprocess.run([sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True)
        found, peak = map(int, result.stdout.split())
        assert found == count
        peaks.append(peak)
    # Kibibytes; `ru_maxrss` would still count what the parent had before it started the program.
    assert peaks[1] - peaks[0] < 16 * 1024


def test_every_record_of_many_blocks_is_there(tmp_path: Path) -> None:
    """Places run through the blocks without a gap."""
    whole = read_text(tmp_path, document([media()] * 40_001))
    assert [entry.place for entry in whole.entries] == list(range(1, 40_002))
    assert read(tmp_path / "list").format_name == "vics"
