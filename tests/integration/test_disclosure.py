"""Nobody learns a digest from a whole case: not from what is printed, reported, or left in the store."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.command import WRITABLE, Desk, Done, make_files

LISTED = 400
ALGORITHMS = ("md5", "sha1", "sha256")


def digests(number: int) -> list[bytes]:
    """Return the digests of the made-up file with a number."""
    content = f"content of file {number}".encode()
    return [hashlib.new(name, content).digest() for name in ALGORITHMS]


def forms(digest: bytes) -> Iterator[bytes]:
    """Yield the ways in which a digest could be written down, shortened so that a part is found as well."""
    yield digest[:12]
    yield digest.hex()[:24].encode()
    yield digest.hex()[:24].upper().encode()
    yield base64.b64encode(digest)[:16]
    yield base64.urlsafe_b64encode(digest)[:16]
    yield base64.b32encode(digest)[:16]
    yield repr(digest)[2:40].encode()


def disclosed(content: bytes, numbers: range) -> list[int]:
    """Return the numbers of files a digest of which stands in some content."""
    return [n for n in numbers if any(form in content for digest in digests(n) for form in forms(digest))]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, bytes, Path]:
    """Return a desk at which everything has been done, all that was printed, and the list outside the desk."""
    desk, place = Desk(tmp_path_factory.mktemp("desk")), tmp_path_factory.mktemp("case")
    evidence = place / "evidence"
    evidence.mkdir()
    make_files(evidence, LISTED * 2)
    (evidence / "empty").touch()
    (evidence / "too large").write_bytes(bytes(5_000))
    listed = place / "list.hashdeep"
    rows = [
        [str(len(f"content of file {n}")), *(digest.hex() for digest in digests(n)), f"/case/{n}"]
        for n in range(LISTED)
    ]
    head = "%%%% HASHDEEP-1.0\n%%%% size,md5,sha1,sha256,filename\n"
    listed.write_text(head + "".join(",".join(row) + "\n" for row in rows))
    broken = place / "broken.hashdeep"
    broken.write_text(listed.read_text() + ",".join(rows[0])[:-30].replace("content", "x") + "zz\n")
    declared = ("--type", "notable", "--authority", "nobody: made up", "--unsigned", "--format", "hashdeep")
    md5s = b"".join(digests(n)[0].hex().encode() + b"\n" for n in range(LISTED * 2))
    said: list[Done] = [
        desk.run("lists", "import", listed, "--id", "canary", "--release", "1", *declared),
        desk.run("lists", "import", listed, "--id", "canary", "--release", "1", *declared),
        desk.run("lists", "import", broken, "--id", "canary", "--release", "2", *declared),
        desk.run("lists", "import", digests(0)[2].hex(), "--id", "canary", "--release", "3", *declared),
        desk.run("lists", "show", "--json"),
        desk.run("scan", evidence, "--output", desk.directory / "report", *WRITABLE, "--max-file-size", "4000"),
        desk.run("scan", evidence, "--output", desk.directory / "report-json", *WRITABLE, "--json"),
        desk.run("scan", evidence, "--output", desk.directory / "report", *WRITABLE),
        desk.run("lookup", "--algorithm", "md5", given=md5s),
        desk.run("lookup", "--algorithm", "md5", "--json", given=md5s),
        desk.run("lookup", "--algorithm", "sha1", given=md5s),
        desk.run("lookup", "--algorithm", "md5", given=md5s.replace(b"\n", b"0\n")),
        desk.run("lookup", "--algorithm", "md5", digests(1)[0].hex()),
        desk.run("lookup", digests(1)[0].hex()),
        desk.run(digests(1)[0].hex()),
        desk.run("lists", "verify"),
        desk.run("lists", "verify", digests(1)[0].hex()),
        desk.run("lists", "retire", "canary"),
        desk.run("lookup", "--algorithm", "md5", given=md5s),
    ]
    assert [done.returncode for done in said] == [0, 24, 20, 20, 0, 3, 0, 2, 0, 0, 26, 26, 2, 2, 2, 0, 10, 0, 10]
    return desk, b"".join(done.stdout + done.stderr for done in said), listed


def test_nothing_that_is_printed_holds_a_digest(case: tuple[Desk, bytes, Path]) -> None:
    """Of 800 files, listed and not, asked about rightly and wrongly, no digest is printed in any form."""
    _, printed, _ = case
    assert disclosed(printed, range(LISTED * 2)) == []
    assert printed.count(b"match\tnotable canary 1") == LISTED


def test_no_file_that_stays_holds_a_digest(case: tuple[Desk, bytes, Path]) -> None:
    """Neither the store, whatever its file, nor any report holds a digest in any form."""
    desk, _, _ = case
    files = [path for path in desk.directory.rglob("*") if path.is_file()]
    assert {"report.json", "flags.jsonl", "manifest.json", "CURRENT"} <= {path.name for path in files}
    found = {str(path): disclosed(path.read_bytes() + path.name.encode(), range(LISTED * 2)) for path in files}
    assert {path: numbers for path, numbers in found.items() if numbers} == {}


def test_the_search_finds_what_is_there(case: tuple[Desk, bytes, Path]) -> None:
    """The same search finds every listed digest in the list itself, and none of the others."""
    _, _, listed = case
    assert disclosed(listed.read_bytes(), range(LISTED * 2)) == list(range(LISTED))
