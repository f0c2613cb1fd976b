"""No digest comes out: not in results, errors, or any file of the store, in any form."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from hashmatch.config import Settings
from hashmatch.hashlists.formats import FORMATS
from tests.madeup import MD5, SHA1, SHA256, digests, hashmatch, import_words, write_list

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


@pytest.fixture
def run(settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """A store with the canaries in it; afterwards the store is searched for them."""
    table = tmp_path / "table.csv"
    rows = zip(MD5S, SHA1S, SHA256S, strict=True)
    table.write_text("md5,sha1,sha256\n" + "".join(f"{m.hex()},{s.hex()},{h.hex()}\n" for m, s, h in rows))
    assert found(table.read_bytes()) >= 600, "the search itself must find what is there"
    words = [word for word in import_words(table) if word not in ("--algorithm", "md5")]
    assert said(settings, *words, "--json") == 0
    yield settings
    assert found(contents(settings.store)) == 0


def said(settings: Settings, *words: str | Path, asked: str = "", code: int | None = 0) -> int:
    """Run a command and return how many digests it says on either stream."""
    done = hashmatch(settings, *words, input=asked)
    assert code is None or done.returncode == code, done.stderr
    return found((done.stdout + done.stderr).encode())


def test_nothing_that_succeeds_says_a_digest(run: Settings) -> None:
    """Show, verify, activate, retire, look-ups of listed and other digests."""
    asked = "".join(f"{digest.hex()}\n" for digest in MD5S)
    for words in (["lists"], ["lists", "--json"], ["lists", "verify"], ["lists", "verify", "made-up", "--json"]):
        assert said(run, *words) == 0
    assert said(run, "lookup", "--algorithm", "md5", asked=asked) == 0
    assert said(run, "lookup", "--algorithm", "md5", "--json", asked=asked) == 0
    assert said(run, "lists", "retire", "made-up", "--json") == 0
    assert said(run, "lists", "activate", "made-up", "1") == 0


@pytest.mark.parametrize("format_name", ["auto", *FORMATS])
def test_no_refusal_of_a_list_says_a_digest(run: Settings, tmp_path: Path, format_name: str) -> None:
    """Lists of digests in every wrong shape, read as every format: what is refused is described, not shown."""
    hexes = [digest.hex() for digest in MD5S]
    shapes = {
        "plain": "\n".join(hexes) + "\nabc\n",
        "long": hexes[0] + hexes[1] + "0\n" + "\n".join(hexes),
        "header": ",".join(hexes[:4]) + "\n" + ",".join(hexes[4:8]),
        "named": f"md5,{hexes[0]}\n{hexes[1]},{hexes[2]}\n{hexes[3]}\n",
        "category": f"md5,category\n{hexes[1]},{hexes[2]}\n",
        "size": f"md5,size\n{hexes[1]},{hexes[2]}\n",
        "tagged": f"MD5 ({hexes[0]}) = {hexes[1]}0\n{hexes[2]} ({hexes[3]}) = {hexes[4]}\n",
        "gnu": f"{hexes[0]}  name\n{hexes[1]}0 *{hexes[2]}\n",
        "hashdeep": f"%%%% HASHDEEP-1.0\n%%%% size,md5,{hexes[0]}\n{hexes[1]},{hexes[2]},{hexes[3]}\n",
        "json": f'{{"odata.metadata": "{hexes[0]}", "value": [{{"MD5": "{hexes[1]}0", "{hexes[2]}": 1}}]}}',
        "jsonnumber": f'{{"value": [{{"MD5": "{hexes[1]}", "MediaSize": "{hexes[3]}", "Category": "{hexes[4]}"}}]}}',
        "quoted": f'"{hexes[0]}\n"{hexes[1]}","{hexes[2]}',
    }
    for name, text in shapes.items():
        path = tmp_path / name
        path.write_text(text)
        words = import_words(path, "wrong", name, "--format", format_name, "--json")
        for declared in (words, [word for word in words if word not in ("--algorithm", "md5")]):
            assert said(run, *declared, code=None) == 0, (name, format_name)


def test_no_wrong_question_says_a_digest(run: Settings, tmp_path: Path) -> None:
    """Digests asked for as another algorithm, cut, run together, or given where a file or command belongs."""
    text = MD5S[0].hex()
    for asked in (text + "0\n", text[:-1] + "\n", text + text + "\n", f"{text} {text}\n", f"0x{text}\n", text + "é\n"):
        assert said(run, "lookup", "--algorithm", "md5", asked=asked, code=26) == 0
    assert said(run, "lookup", "--algorithm", "sha1", asked=text + "\n", code=26) == 0
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
        assert said(run, *words, code=2) == 0, words


def test_damage_is_described_without_digests(run: Settings, tmp_path: Path) -> None:
    """Errors of a damaged store name files and sizes."""
    (table,) = run.store.glob("lists/*/*/db/*.ldb")
    kept = shutil.copy(table, tmp_path / "kept")
    asked = "".join(f"{digest.hex()}\n" for digest in MD5S)
    for place in (10, 2_000, 9_000, -3_000, -100, -10):
        content = bytearray(Path(kept).read_bytes())
        content[place] ^= 0x41
        table.write_bytes(content)
        assert said(run, "lists", "verify", "--json", code=12) == 0
        assert said(run, "lookup", "--algorithm", "md5", asked=asked, code=None) == 0
    shutil.copy(kept, table)
    assert said(run, "lists", "verify") == 0


def test_the_sealing_key_is_not_in_the_store(run: Settings) -> None:
    """Neither its hexadecimal nor its raw form."""
    key = run.sealing_key.read_text().split()[1]
    everything = contents(run.store)
    assert bytes.fromhex(key)[:8] not in everything
    assert key[:16].encode() not in everything.lower()


def test_a_list_of_its_own_is_left_alone(run: Settings, tmp_path: Path) -> None:
    """An import reads the list file and changes nothing about it."""
    path = write_list(tmp_path / "own", MD5S)
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    assert said(run, *import_words(path, "own")) == 0
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
