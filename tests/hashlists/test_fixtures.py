"""Every synthetic list yields the digests that EXPECTED.json says, or is refused for what it is."""

from __future__ import annotations

import pytest

from hashmatch.digests import Algorithm
from hashmatch.errors import ListAmbiguous, ListContradiction, ListFormatError, UsageError
from hashmatch.hashlists.entries import Category, ListType

from .lists import FIXTURES, MD5, SHA1, SHA256, expected, read, samples


def test_plain_list_with_banner() -> None:
    """A VirusShare list is a plain list below its banner of comments."""
    whole = read(FIXTURES / "VirusShare_00000.md5", algorithm=MD5)
    assert whole.format_name == "plain"
    assert [entry.digests for entry in whole.entries] == expected(MD5)
    assert [entry.place for entry in whole.entries] == [4, 5, 6, 7, 8]


def test_plain_list_of_mixed_algorithms_is_refused_with_its_line() -> None:
    """A list of one declared algorithm that holds another digest is refused where it does."""
    with pytest.raises(ListFormatError) as caught:
        read(FIXTURES / "plain_bom_crlf_mixed.txt", algorithm=MD5)
    assert (caught.value.place, caught.value.unit) == (5, "line")


def test_utf16_list() -> None:
    """What PowerShell writes is read by its byte-order mark."""
    whole = read(FIXTURES / "plain_utf16le.txt", algorithm=MD5)
    assert [entry.digests for entry in whole.entries] == expected(MD5)


def test_xways_first_line_names_the_algorithm() -> None:
    """An X-Ways list needs no --algorithm, and refuses another one."""
    whole = read(FIXTURES / "xways_sha1.txt")
    assert (whole.format_name, whole.algorithms) == ("plain", (SHA1,))
    assert [entry.digests for entry in whole.entries] == expected(SHA1)
    assert [entry.place for entry in whole.entries] == [2, 3, 4, 5, 6]
    with pytest.raises(ListContradiction):
        read(FIXTURES / "xways_sha1.txt", algorithm=MD5)


def test_gnu_checksums() -> None:
    """Binary mode, an escaped name and a leading blank in a name change nothing about the digest."""
    whole = read(FIXTURES / "md5sum_gnu.txt", algorithm=MD5)
    assert whole.format_name == "checksums"
    assert [entry.digests for entry in whole.entries] == expected(MD5, count=4)
    assert whole.dropped == {"name": 4}


def test_tagged_checksums() -> None:
    """BSD and OpenSSL lines name their algorithm each, with brackets and line breaks in names."""
    whole = read(FIXTURES / "sha256_bsd.txt")
    digests = [*expected(SHA256, count=3), expected(MD5, count=4)[3]]
    assert [entry.digests for entry in whole.entries] == digests
    with pytest.raises(ListContradiction, match="line 4"):
        read(FIXTURES / "sha256_bsd.txt", algorithm=SHA256)


def test_hashdeep() -> None:
    """Columns come from the header; a comma in a name is part of the name."""
    whole = read(FIXTURES / "hashdeep.txt")
    assert (whole.format_name, whole.algorithms) == ("hashdeep", (MD5, SHA256))
    assert [entry.digests for entry in whole.entries] == expected(MD5, SHA256)
    assert {entry.size for entry in whole.entries} == {17}
    assert whole.dropped == {"filename": 5}


def test_table_with_header() -> None:
    """Digests of a row stay tied, and its category gets the scheme that the person named."""
    whole = read(FIXTURES / "generic_header.csv", scheme="lab")
    assert (whole.format_name, whole.algorithms) == ("csv", (MD5, SHA1, SHA256))
    assert [entry.digests for entry in whole.entries] == expected(MD5, SHA1, SHA256)
    assert [entry.category for entry in whole.entries] == [Category("lab", str(i)) for i in range(5)]
    assert whole.dropped == {"comment": 5}
    with pytest.raises(ListAmbiguous, match="--scheme"):
        read(FIXTURES / "generic_header.csv")
    with pytest.raises(UsageError):
        read(FIXTURES / "generic_header.csv", scheme="lab", category="x")


def test_table_without_header_is_refused() -> None:
    """Columns are not guessed."""
    with pytest.raises(ListFormatError, match="without a header"):
        read(FIXTURES / "generic_semicolon_nohdr.csv")


def test_nsrl_text() -> None:
    """NSRL RDSv2 text is a table like others; quotes, commas and bytes in names do not matter."""
    whole = read(FIXTURES / "NSRLFile.txt", list_type=ListType.KNOWN)
    assert [entry.digests for entry in whole.entries] == expected(MD5, SHA1)
    assert {entry.size for entry in whole.entries} == {17}
    assert "SpecialCode" not in whole.dropped


def test_nsrl_text_says_what_is_malicious() -> None:
    """The special code of an entry is its category: a list of known files holds hacking tools and malicious code."""
    marked = [None, None, None, None, Category("NSRL SpecialCode", "M")]
    whole = read(FIXTURES / "NSRLFile.txt", list_type=ListType.KNOWN)
    assert [entry.category for entry in whole.entries] == marked
    named = read(FIXTURES / "NSRLFile.txt", list_type=ListType.KNOWN, scheme="lab")
    assert named.entries[4].category == Category("lab", "M")
    with pytest.raises(UsageError):
        read(FIXTURES / "NSRLFile.txt", list_type=ListType.KNOWN, scheme="lab", category="x")


@pytest.mark.parametrize(("flavour", "count"), [("minimal", 4), ("full", 5)])
def test_nsrl_database(flavour: str, count: int) -> None:
    """Both layouts of RDSv3 yield each file once, whatever the case of its digits."""
    whole = read(FIXTURES / f"RDS_2099.03.1_synthetic_{flavour}.db", list_type=ListType.KNOWN)
    assert (whole.format_name, whole.algorithms) == ("nsrl", (MD5, SHA1, SHA256))
    assert sorted(str(entry.digests) for entry in whole.entries) == sorted(
        str(digests) for digests in expected(MD5, SHA1, SHA256, count=count)
    )
    assert {entry.size for entry in whole.entries} == {17}


def test_vics_1() -> None:
    """A 1.x hash set names no region, so its model is the scheme; category 0 is a category."""
    whole = read(FIXTURES / "vics13_hashset.json")
    assert whole.format_name == "vics"
    assert [entry.digests for entry in whole.entries] == expected(MD5, SHA1)
    assert [entry.category for entry in whole.entries] == [Category("VICS/1.3", c) for c in "12305"]
    assert whole.dropped["Series"] == 1
    assert whole.dropped["AlternativeHashes"] == 1
    assert read(FIXTURES / "vics13_hashset.json", scheme="X").entries[0].category == Category("X", "1")


def test_vics_2() -> None:
    """A 2.0 hash set with a byte-order mark keeps its region, and a record may lack a digest."""
    whole = read(FIXTURES / "vics20_hashset_bom.json")
    digests = expected(MD5, SHA1)
    del digests[2][SHA1]
    assert [entry.digests for entry in whole.entries] == digests
    assert {entry.category.scheme for entry in whole.entries if entry.category} == {"VICS/US"}
    assert {entry.size for entry in whole.entries} == {17}
    assert whole.notes == {"no_sha1": 1}
    assert whole.dropped["PhotoDNA"] == 1


def test_vics_set_cannot_be_known() -> None:
    """A VICS hash set is refused as a list of known files."""
    for name in ("vics13_hashset.json", "vics20_hashset_bom.json"):
        with pytest.raises(ListContradiction):
            read(FIXTURES / name, list_type=ListType.KNOWN)


def test_vics_case_is_no_list() -> None:
    """Importing a case would list every seized file."""
    with pytest.raises(ListFormatError, match="case"):
        read(FIXTURES / "vics20_case.json")


def test_nist_known_software_in_vics_shape() -> None:
    """NIST's list is taken as known and refused as notable."""
    whole = read(FIXTURES / "nist_caid_12.json", list_type=ListType.KNOWN)
    assert [entry.digests for entry in whole.entries] == expected(MD5, SHA1)
    assert {entry.size for entry in whole.entries} == {17}
    with pytest.raises(ListContradiction):
        read(FIXTURES / "nist_caid_12.json", list_type=ListType.NOTABLE)


def test_icse() -> None:
    """The Baseline flag of an ICSE export is its category; the rest is left behind and counted."""
    whole = read(FIXTURES / "icse.csv")
    assert whole.format_name == "icse"
    assert [entry.digests for entry in whole.entries] == expected(MD5, SHA1)
    assert {entry.category for entry in whole.entries} == {Category("ICSE", "baseline")}
    assert whole.dropped["Series name"] == 5
    with pytest.raises(ListContradiction):
        read(FIXTURES / "icse.csv", list_type=ListType.KNOWN)


FOREIGN = {
    "synthetic.hash": "EnCase",
    "sha1_upper_dcso_v1.bloom": "Bloom",
    "SYN.hsh": "HashKeeper",
    "SYN.hke": "HashKeeper",
    "ilook3.hsh": "iLook",
    "NSRLFile.txt-md5.idx": "Sleuth Kit",
    "synthetic.kdb": "Autopsy",
    "00000000-0000-4000-8000-000000000001.json": "MISP",
    "hashes.csv": "MISP",
    "bundle.json": "STIX",
    "synthetic.ioc": "XML",
    "hashset.dfxml": "XML",
    "syn.fp": "ClamAV",
    "syn.hdb": "ClamAV",
    "syn.hsb": "ClamAV",
    "syn.mdb": "sections",
    "recent.csv": "abuse.ch",
    "RDS_2099.06.1_synthetic_minimal_delta.sql": "SQL",
    "NSRLFile.txt.zip": "unpack it first",
}


def test_every_foreign_fixture_is_named_below() -> None:
    """No foreign format stands in the folder without a test."""
    assert {path.name for path in (FIXTURES / "foreign").iterdir()} == set(FOREIGN)


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("algorithm", [None, MD5])
def test_foreign_formats_are_refused_by_name(name: str, algorithm: Algorithm | None) -> None:
    """A format that is not read here is refused by what it is."""
    with pytest.raises(ListFormatError, match=FOREIGN[name]):
        read(FIXTURES / "foreign" / name, algorithm=algorithm)


@pytest.mark.parametrize(
    ("name", "format_name", "count"),
    [
        ("hashdeep.txt", "hashdeep", 3),
        ("md5deep.txt", "checksums", 4),
        ("md5deep-size.txt", "md5deep", 4),
        ("nsrl/NSRL-1.5.txt", "csv", 218),
        ("nsrl/NSRL-2.0.txt", "csv", 218),
    ],
)
def test_third_party_lists(name: str, format_name: str, count: int) -> None:
    """Lists as other tools wrote them are read whole."""
    whole = read(samples() / "lists" / "hashdeep" / name, algorithm=MD5)
    assert (whole.format_name, len(whole.entries)) == (format_name, count)


@pytest.mark.parametrize("name", ["ilookv3.hsh", "ilookv4.hsh", "hashkeeper/Z00236.hsh", "nsrl/RDS-000001-20.zip"])
def test_third_party_lists_not_read(name: str) -> None:
    """Lists in formats that are not read are refused, never guessed at."""
    with pytest.raises(ListFormatError):
        read(samples() / "lists" / "hashdeep" / name, algorithm=MD5)
