"""No digest comes out: not in results, errors, or any file of the store, in any form."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from hashmatch.cli.main import run
from hashmatch.config import Settings
from hashmatch.digests import Algorithm
from hashmatch.errors import HashmatchError
from hashmatch.hashlists.formats import FORMATS
from tests.madeup import MD5, SHA1, SHA256, command, digests, hashmatch, import_words, take_in

MD5S, SHA1S, SHA256S = (digests(200, "canary", algorithm) for algorithm in (MD5, SHA1, SHA256))
CANARIES = [*MD5S, *SHA1S, *SHA256S]


def forms(digest: bytes) -> Iterator[bytes]:
    """Yield what a digest would look like; of each form a part is enough to be found by."""
    yield digest[2:14]
    for text in (digest.hex(), base64.b64encode(digest).decode(), base64.b32encode(digest).decode(), repr(digest)[2:]):
        yield text[2:18].encode()
    yield digest.hex().upper()[2:18].encode()
    yield digest[::-1][2:14]


def found(text: bytes, canaries: Iterable[bytes] = CANARIES) -> int:
    return sum(form in text for digest in canaries for form in forms(digest))


def contents(root: Path) -> bytes:
    """Return everything beneath a directory, names included."""
    return b"\n".join(
        str(path).encode() + (path.read_bytes() if path.is_file() else b"") for path in sorted(root.rglob("*"))
    )


class Shell:
    """Runs commands in this process, and counts the digests that they say on either stream."""

    def __init__(self, settings: Settings, asked: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.settings = settings
        self._asked = asked
        self._capture = capture

    def said(self, *words: str | Path, code: int | None = 0) -> int:
        status = run(command(self.settings, *words)[1:])
        output = "".join(self._capture.readouterr())
        assert code is None or status == code, output
        return found(output.encode())

    def said_when_asked(self, text: str, *words: str, code: int | None = 0) -> int:
        self._asked.write_text(text)
        return self.said("lookup", *words, self._asked, code=code)


@pytest.fixture
def shell(settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    """A store with the canaries in it; afterwards the store is searched for them."""
    table = tmp_path / "table.csv"
    rows = zip(MD5S, SHA1S, SHA256S, strict=True)
    table.write_text("md5,sha1,sha256\n" + "".join(f"{m.hex()},{s.hex()},{h.hex()}\n" for m, s, h in rows))
    assert found(table.read_bytes()) >= 600, "the search itself must find what is there"
    shell = Shell(settings, tmp_path / "asked", capsys)
    assert shell.said(*(word for word in import_words(table) if word not in ("--algorithm", "md5"))) == 0
    yield shell
    assert found(contents(settings.store)) == 0


def test_nothing_that_succeeds_says_a_digest(shell: Shell) -> None:
    """Show, verify, activate, retire, look-ups of listed digests."""
    asked = "".join(f"{digest.hex()}\n" for digest in MD5S)
    for words in (["lists"], ["lists", "--json"], ["lists", "verify"], ["lists", "verify", "made-up", "--json"]):
        assert shell.said(*words) == 0
    assert shell.said_when_asked(asked, "--algorithm", "md5") == 0
    assert shell.said_when_asked(asked, "--algorithm", "md5", "--json") == 0
    assert shell.said("lists", "retire", "made-up", "--json") == 0
    assert shell.said("lists", "activate", "made-up", "1") == 0


def test_the_installed_command_says_no_digest(shell: Shell) -> None:
    """The same through a process of its own, whose output nobody has touched."""
    text = "".join(f"{digest.hex()}\n" for digest in MD5S)
    for words in (["--json"], ["-"], [MD5S[0].hex()]):
        done = hashmatch(shell.settings, "lookup", "--algorithm", "md5", *words, input=text)
        assert done.stdout or done.stderr
        assert found((done.stdout + done.stderr).encode()) == 0


HEXES = [digest.hex() for digest in MD5S]
SHAPES = {
    "plain": "\n".join(HEXES) + "\nabc\n",
    "long": HEXES[0] + HEXES[1] + "0\n" + "\n".join(HEXES),
    "header": ",".join(HEXES[:4]) + "\n" + ",".join(HEXES[4:8]),
    "named": f"md5,{HEXES[0]}\n{HEXES[1]},{HEXES[2]}\n{HEXES[3]}\n",
    "category": f"md5,category\n{HEXES[1]},{HEXES[2]}\n",
    "size": f"md5,size\n{HEXES[1]},{HEXES[2]}\n",
    "tagged": f"MD5 ({HEXES[0]}) = {HEXES[1]}0\n{HEXES[2]} ({HEXES[3]}) = {HEXES[4]}\n",
    "gnu": f"{HEXES[0]}  name\n{HEXES[1]}0 *{HEXES[2]}\n",
    "hashdeep": f"%%%% HASHDEEP-1.0\n%%%% size,md5,{HEXES[0]}\n{HEXES[1]},{HEXES[2]},{HEXES[3]}\n",
    "json": f'{{"odata.metadata": "{HEXES[0]}", "value": [{{"MD5": "{HEXES[1]}0", "{HEXES[2]}": 1}}]}}',
    "record": f'{{"value": [{{"MD5": "{HEXES[1]}", "MediaSize": "{HEXES[3]}", "Category": "{HEXES[4]}"}}]}}',
    "quoted": f'"{HEXES[0]}\n"{HEXES[1]}","{HEXES[2]}',
}


@pytest.mark.parametrize("format_name", ["auto", *FORMATS])
@pytest.mark.parametrize("algorithm", [MD5, None])
def test_no_refusal_of_a_list_says_a_digest(
    settings: Settings, tmp_path: Path, format_name: str, algorithm: Algorithm | None
) -> None:
    """Lists of digests in every wrong shape, read as every format: what is refused is described, not shown."""
    refusals = []
    for name, text in SHAPES.items():
        path = tmp_path / name
        path.write_text(text)
        try:
            take_in(settings, path, release=name, format=format_name, algorithm=algorithm)
        except HashmatchError as error:
            refusals.append(f"{error} {error!r} {error.args}")
    assert len(refusals) >= len(SHAPES) - 2
    assert found("".join(refusals).encode()) == 0
    assert found(contents(settings.store)) == 0


def test_no_wrong_question_says_a_digest(shell: Shell) -> None:
    """Digests asked for as another algorithm, cut, run together, or given where a file or command belongs."""
    text = MD5S[0].hex()
    for asked in (text + "0\n", text[:-1] + "\n", text + text + "\n", f"{text} {text}\n", f"0x{text}\n", text + "é\n"):
        assert shell.said_when_asked(asked, "--algorithm", "md5", code=26) == 0
        assert shell.said_when_asked(asked, "--algorithm", "md5", "--json", code=26) == 0
    assert shell.said_when_asked(text + "\n", "--algorithm", "sha1", code=26) == 0
    for words in (
        ["lookup", "--algorithm", "md5", text],
        ["lookup", "--algorithm", text],
        ["lookup", text],
        ["lookup", "--algorithm", "md5", "-", text],
        [text],
        ["lists", text],
        ["lists", "show", text],
        ["lookup", f"--{text}"],
        ["lookup", "--algorithm", "md5", f"--{text}"],
    ):
        assert shell.said(*words, code=2) == 0, words


def test_damage_is_described_without_digests(shell: Shell, tmp_path: Path) -> None:
    """Errors of a damaged store name files and sizes."""
    (table,) = shell.settings.store.glob("lists/*/*/db/*.ldb")
    kept = shutil.copy(table, tmp_path / "kept")
    asked = "".join(f"{digest.hex()}\n" for digest in MD5S)
    for place in (10, 2_000, 9_000, -3_000, -100, -10):
        content = bytearray(Path(kept).read_bytes())
        content[place] ^= 0x41
        table.write_bytes(content)
        assert shell.said("lists", "verify", "--json", code=12) == 0
        assert shell.said_when_asked(asked, "--algorithm", "md5", code=None) == 0
    shutil.copy(kept, table)
    assert shell.said("lists", "verify") == 0


def test_the_sealing_key_is_not_in_the_store(shell: Shell) -> None:
    """Neither its hexadecimal nor its raw form."""
    key = shell.settings.sealing_key.read_text().split()[1]
    everything = contents(shell.settings.store)
    assert bytes.fromhex(key)[:8] not in everything
    assert key[:16].encode() not in everything.lower()
