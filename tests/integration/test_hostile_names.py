"""Names chosen to break lines, terminals, spreadsheets and decoders come through every report unharmed."""

from __future__ import annotations

import csv
import os
import random
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.integration.command import WRITABLE, Desk, Report, find, sha256sum

COUNT: Final = 5_000
CHOSEN: Final = (
    b"line\nfeed",
    b"carriage\rreturn",
    b"\x1b[31mred\x1b[0m",
    b"\x1b]0;title\x07",
    b"=cmd|' C calc'!A0",
    b"+1+1",
    b"-1",
    b"@SUM(A1)",
    b"\t=1",
    b'"quoted","cells"',
    "\u202egpj.exe".encode(),
    "\u2066isolated\u2069".encode(),
    "\u0085next line".encode(),
    "\u2028separator\u2029".encode(),
    "\uff1dwide".encode(),
    "\ufeffmark".encode(),
    b"\xff\xfe invalid",
    b"\xed\xa0\x80 surrogate",
    b"\xc0\xaf overlong",
    b"back\\slash \\x41",
    b"-rf",
    b" space ",
    b"x" * 255,
    "ä".encode() * 127,
    b"nul\\0",
    b"a:b:c",
)
_FORMULA: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def names() -> Iterator[bytes]:
    """Yield 5,000 different names: the chosen ones, then random bytes of random length."""
    seen = set(CHOSEN)
    yield from CHOSEN
    chance = random.Random(20_261_124)
    allowed = [byte for byte in range(1, 256) if byte != ord("/")]
    while len(seen) < COUNT:
        length = chance.choice((1, 2, 3, 8, 30, 255))
        few = chance.choice((allowed, [*range(1, 32), 127], [0xE2, 0x80, 0xAE, 0xC2, 0x85, 0x9B, 0x20]))
        name = bytes(chance.choices(few, k=length))
        if name not in seen and name not in (b".", b".."):
            seen.add(name)
            yield name


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Desk, Report, bytes]:
    """Return a tree with hostile names, all of its files on a list, its report, and all that was printed."""
    evidence, place = tmp_path_factory.mktemp("names"), tmp_path_factory.mktemp("desk")
    for number, name in enumerate(names()):
        path = os.path.join(os.fsencode(evidence), name)
        if number % 5 == 4:
            os.symlink(name, path)
        else:
            with open(path, "wb") as file:
                file.write(b"all the same")
    desk = Desk(place)
    desk.list_digests(set(sha256sum(evidence, find(evidence, "-type", "f")[:1]).values()))
    done = desk.run("scan", evidence, "--output", place / "report", *WRITABLE)
    assert done.returncode == 0, done.stderr
    return evidence, desk, Report(place / "report"), done.stdout + done.stderr


def test_each_record_is_one_line_and_each_name_comes_back(fuzzed: tuple[Path, Desk, Report, bytes]) -> None:
    """One line for each file in the JSON reports; 5,000 of 5,000 names are the same bytes again."""
    evidence, _, report, _ = fuzzed
    assert report.paths("flags") == find(evidence, "-type", "f")
    assert report.paths("excluded") == find(evidence, "-type", "l")
    assert len(report.paths("flags")) + len(report.paths("excluded")) == COUNT
    for name, kind in (("flags", "f"), ("excluded", "l")):
        lines = (report.directory / f"{name}.jsonl").read_bytes()
        assert lines.count(b"\n") == len(lines.split(b"\n")) - 1 == len(find(evidence, "-type", kind))


def test_table_comes_back_and_runs_nothing(fuzzed: tuple[Path, Desk, Report, bytes]) -> None:
    """The CSV file has one line and one row a flag, and no cell that a spreadsheet would run."""
    evidence, _, report, _ = fuzzed
    content = (report.directory / "flags.csv").read_bytes()
    rows = list(csv.DictReader(content.decode().splitlines()))
    assert len(rows) == content.count(b"\r\n") - 1 == len(find(evidence, "-type", "f"))
    assert not [cell for row in rows for cell in row.values() if cell.startswith(_FORMULA)]


def test_nothing_controls_a_terminal_or_turns_the_text(fuzzed: tuple[Path, Desk, Report, bytes]) -> None:
    """No report and nothing printed holds a control, formatting or separating character, or bytes not UTF-8."""
    _, _, report, printed = fuzzed
    for path in sorted(report.directory.iterdir()):
        check_harmless(path.read_bytes().replace(b"\r\n", b"\n") if path.suffix == ".csv" else path.read_bytes())
    check_harmless(printed)


def check_harmless(content: bytes) -> None:
    found = {c for c in content.decode() if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs")}
    assert found == set()


@pytest.mark.parametrize("name", [b"\x1b[31mred\ntwo", b"\xff\xfe", "\u202egpj".encode()])
def test_names_in_messages_are_harmless(name: bytes, listed: Desk, evidence: Path) -> None:
    """A source or an output whose own name is hostile does no harm in messages and in the report either."""
    source = os.path.join(os.fsencode(evidence), name)
    absent = listed.run("scan", source, "--output", listed.output(), *WRITABLE)
    assert absent.returncode == 13
    check_harmless(absent.stderr + absent.stdout)
    no_list = listed.run("lists", "import", source, "--json")
    assert no_list.returncode == 2
    check_harmless(no_list.stderr + no_list.stdout)
    os.mkdir(source)
    with open(os.path.join(source, b"file"), "wb") as file:
        file.write(b"content")
    beneath = listed.run("scan", source, "--output", os.path.join(source, b"report"), *WRITABLE)
    assert beneath.returncode == 13
    check_harmless(beneath.stderr + beneath.stdout)
    writable = listed.run("scan", source, "--output", listed.output())
    assert writable.returncode == 13
    check_harmless(writable.stderr + writable.stdout)
    output = os.path.join(os.fsencode(listed.directory), b"report " + name)
    done = listed.run("scan", source, "--output", output, *WRITABLE)
    assert done.returncode == 0, done.stderr
    check_harmless(done.stderr + done.stdout)
    with open(os.path.join(output, b"report.json"), "rb") as file:
        check_harmless(file.read())
    again = listed.run("scan", source, "--output", output, *WRITABLE)
    assert again.returncode == 2
    check_harmless(again.stderr + again.stdout)
