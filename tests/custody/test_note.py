"""Checkpoints as C2SP writes them: published notes, and what an independent reader makes of ours."""

from __future__ import annotations

import base64
import itertools
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.custody.checkpoints import add, whole_notes
from hashmatch.custody.claims import Claim, signed_by
from hashmatch.custody.note import (
    Checkpoint,
    Note,
    PublicKey,
    Signature,
    joined,
    parse_checkpoint,
    parse_note,
    parse_public_key,
    split,
)
from hashmatch.custody.record import CHECKPOINTS, TRAIL
from hashmatch.custody.signing import SigningKey
from hashmatch.custody.tree import Tree, load, save
from hashmatch.errors import AuditDamaged

from .independent import check_checkpoints, tree_head
from .trails import asked, opened

# Published in golang.org/x/mod/sumdb/note, whose form C2SP's signed-note is.
PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
PUBLISHED_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()

# Inputs and roots of the tests of Certificate Transparency's first implementation.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

KEY = SigningKey(bytes(32))
SIGNED = KEY.sign(Checkpoint("log", 3, bytes(32)))


def test_a_published_note_is_read() -> None:
    """Text, signer, key id and signature, and the key that belongs to the published private one."""
    key, note = parse_public_key(PUBLISHED_KEY), parse_note(PUBLISHED_NOTE)
    assert str(key) == PUBLISHED_KEY
    assert SigningKey(PUBLISHED_SEED).public("PeterNeumann") == key
    assert bytes(note) == PUBLISHED_NOTE
    (signature,) = note.signatures
    assert (signature.name, signature.key_id.hex()) == ("PeterNeumann", "c74f20a3")
    claim = Claim("", note, Checkpoint("PeterNeumann", 0, b""))
    assert signed_by(claim, [key]) == ""
    changed = parse_note(PUBLISHED_NOTE.replace(b"answer", b"Answer"))
    assert signed_by(Claim("", changed, claim.checkpoint), [key]) == "its signature is wrong"


def test_signing_is_deterministic() -> None:
    """The published private key gives the published note."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    text = PUBLISHED_NOTE.partition(b"\n\n")[0] + b"\n"
    signature = Ed25519PrivateKey.from_private_bytes(PUBLISHED_SEED).sign(text)
    key = parse_public_key(PUBLISHED_KEY)
    assert bytes(Note(text, (Signature(key.name, key.key_id, signature),))) == PUBLISHED_NOTE


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl, as an independent check of signatures")
def test_an_independent_reader_finds_every_checkpoint_right(tmp_path: Path) -> None:
    """Signed by several processes of a trail, checked with openssl and the RFC's recursive definition."""
    for opening in range(3):
        with opened(tmp_path) as trail:
            for _ in range(7):
                trail.record(*[asked()] * (200 + opening))
    directory, scratch = tmp_path / "audit", tmp_path / "scratch"
    scratch.mkdir()
    sizes = check_checkpoints(
        (directory / TRAIL).read_bytes(),
        (directory / CHECKPOINTS).read_text(),
        (tmp_path / "keys" / "trail.pub").read_text(),
        scratch,
    )
    total = 1 + 7 * (200 + 201 + 202)
    assert (sizes[0], sizes[-1]) == (1, total)
    assert all(0 < after - before <= 1_202 for before, after in itertools.pairwise(sizes))


def test_published_roots() -> None:
    """Of one to eight leaves; the empty tree has the hash of nothing."""
    inputs, tree = [bytes.fromhex(text) for text in INPUTS], Tree()
    assert tree.root() == tree_head([])
    for number, octets in enumerate(inputs, 1):
        tree.add(tree_head([octets]), 1)
        assert tree.root().hex() == ROOTS[number - 1] == tree_head(inputs[:number]).hex()


@given(st.lists(st.binary(max_size=4), max_size=70), st.integers(0, 70))
def test_a_tree_that_was_kept_grows_on(tmp_path_factory: pytest.TempPathFactory, leaves: list[bytes], cut: int) -> None:
    """Kept at any size and read back, it comes to the root of all leaves."""
    path, tree = tmp_path_factory.getbasetemp() / "tree", Tree()
    for number, octets in enumerate(leaves):
        if number == cut:
            save(tree, path)
            tree = load(path)
        tree.add(tree_head([octets]), len(octets))
    assert tree.root() == tree_head(leaves)
    assert (tree.size, tree.end) == (len(leaves), sum(map(len, leaves)))


@pytest.mark.parametrize("damage", [0, 10, 40, -1])
def test_a_tree_that_is_not_whole_is_none(tmp_path: Path, damage: int) -> None:
    """A flipped byte, a cut, or nothing at all: the tree is made from the trail again."""
    tree = Tree()
    tree.add(bytes(32), 5)
    save(tree, tmp_path / "tree")
    assert load(tmp_path / "tree") == tree
    content = bytearray((tmp_path / "tree").read_bytes())
    content[damage] ^= 1
    (tmp_path / "tree").write_bytes(content)
    assert load(tmp_path / "tree") == Tree()
    (tmp_path / "tree").write_bytes(content[:20])
    assert load(tmp_path / "tree") == load(tmp_path / "absent") == Tree()


NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"], exclude_characters="+"), min_size=1)


@given(NAMES, st.integers(0, 2**62), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_read_back(origin: str, size: int, root: bytes) -> None:
    """Origin, size and root, signed or not."""
    checkpoint = Checkpoint(origin, size, root)
    assert parse_checkpoint(checkpoint.text()) == checkpoint
    signed = KEY.sign(checkpoint)
    notes, rest = split(signed * 3)
    assert (notes, rest) == ([signed[:-1]] * 3, b"")
    note = parse_note(notes[0])
    assert parse_checkpoint(note.text) == checkpoint
    assert joined(bytes(note)) == signed
    assert signed_by(Claim("", note, checkpoint), [KEY.public(origin)]) == ""


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_a_note_or_a_value_error(content: bytes) -> None:
    """Nothing else comes of reading what somebody brings along."""
    for read in (parse_note, parse_checkpoint):
        try:
            read(content)
        except ValueError as error:
            assert not isinstance(error, UnicodeDecodeError) or read is parse_checkpoint  # noqa: PT017


@pytest.mark.parametrize(
    "key",
    [
        "", "name", "name+12345678", "na me+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        PUBLISHED_KEY.replace("c74f", "c74e"), PUBLISHED_KEY.replace("ARpc", "AhpC"), PUBLISHED_KEY[:-4],
        PUBLISHED_KEY + "AAAA", PUBLISHED_KEY.replace("PeterNeumann", "PeterNeuman"), PUBLISHED_KEY[:-1] + "!",
    ],
)  # fmt: skip
def test_what_is_no_key(key: str) -> None:
    """Another form, another type, an id of another key."""
    with pytest.raises(ValueError, match=r"expected|does not have"):
        parse_public_key(key)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"log\n3\n", b"log\n03\n"), (b"log\n3\n", b"log\n-3\n"), (b"log\n3\n", b"log\n\xd9\xa3\n"),
        (b"log\n3\n", b"log\n"), (b"AAA=\n", b"AAA\n"), (b"AAA=\n", b"AAB=\n"), (b"AAA=\n", b"AAA=\n\n"),
    ],
)  # fmt: skip
def test_what_is_no_checkpoint(old: bytes, new: bytes) -> None:
    """Other forms of the same numbers would give one checkpoint two texts."""
    text = Checkpoint("log", 3, bytes(32)).text()
    assert old in text
    with pytest.raises(ValueError, match="expected"):
        parse_checkpoint(text.replace(old, new))


def test_unknown_signatures_count_for_nothing() -> None:
    """They may stand there; without one of a known key, or with a wrong one of it, the note is worth nothing."""
    key, checkpoint = KEY.public("log"), Checkpoint("log", 3, bytes(32))
    note = parse_note(SIGNED[:-1])
    stranger = Signature("stranger", b"1234", b"x")
    claims = {
        "both": Note(note.text, (stranger, *note.signatures)),
        "stranger": Note(note.text, (stranger,)),
        "renamed": Note(note.text, (Signature("gol", key.key_id, note.signatures[0].octets),)),
        "wrong": Note(note.text, (Signature("log", key.key_id, bytes(64)), *note.signatures)),
        "none": Note(note.text, ()),
    }
    said = {
        name: signed_by(Claim("", note, checkpoint), [key, PublicKey("x", key.octets)]) for name, note in claims.items()
    }
    assert said.pop("both") == ""
    assert said.pop("wrong") == "its signature is wrong"
    assert set(said.values()) == {"it is signed with no key that is known"}


@pytest.mark.parametrize("cut", range(0, len(SIGNED), 7))
def test_a_checkpoint_cut_short_is_written_over(tmp_path: Path, cut: int) -> None:
    """What a killed writer has left of one does not spoil those before and after it."""
    path = tmp_path / "checkpoints"
    for before in (b"", SIGNED, SIGNED * 40):
        path.write_bytes(before + SIGNED[:cut])
        assert whole_notes(path.read_bytes()) == len(before)
        add(path, SIGNED)
        assert path.read_bytes() == before + SIGNED


def test_something_else_is_not_written_over(tmp_path: Path) -> None:
    """Only as much as a checkpoint can be."""
    path = tmp_path / "checkpoints"
    path.write_bytes(SIGNED + b"x" * 10_000)
    with pytest.raises(AuditDamaged, match="holds no checkpoint"):
        add(path, SIGNED)
