"""What was signed is what is read, and what counts is different keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.authority.canonical import encode, to_base64
from hashmatch.authority.envelope import (
    MOST_SIGNATURES,
    Envelope,
    Signature,
    read_envelope,
    signers,
    type_of,
    verified,
    write_envelope,
)
from hashmatch.authority.keys import KeyKind, PublicKey
from hashmatch.authority.signing import add_ssh_signature
from hashmatch.errors import ListNotAuthorised, UsageError
from tests.authority.lab import key, signed, ssh_sign
from tests.authority.test_sshsig import AUTHENTICATOR, MESSAGE, armoured, needs_ssh, touched

TYPE = "application/vnd.hashmatch.test+json"
WHAT = "made-up document"
BOM = b"\xef\xbb\xbf"


def keys(*names: str) -> dict[str, PublicKey]:
    return {key(name).public.key_id: key(name).public for name in names}


def envelope(*names: str, payload: bytes = b"payload") -> Envelope:
    return read_envelope(signed(TYPE, payload, names), TYPE, WHAT)


def changed(content: bytes, change: Callable[[Any], None]) -> bytes:
    """Return the file of an envelope with something of it changed, canonical again."""
    document = json.loads(content)
    change(document)
    return encode(document) + b"\n"


def test_the_signed_bytes_are_those_of_dsse() -> None:
    """The test vector of the specification (protocol.md, "Test Vectors")."""
    found = Envelope("http://example.com/HelloWorld", b"hello world").signed_bytes
    assert found == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


@given(st.binary(max_size=100), st.lists(st.sampled_from(["ana", "ben", "cleo"]), unique=True))
def test_a_file_is_read_back(payload: bytes, names: Sequence[str]) -> None:
    """Any document, with any number of signatures, and who has signed is told."""
    content = signed(TYPE, payload, names)
    found = read_envelope(content, TYPE, WHAT)
    assert write_envelope(found) == content
    assert type_of(content, WHAT) == TYPE
    assert signers(found, keys("ana", "ben", "dev"), WHAT) == {key(n).public.key_id for n in names if n != "cleo"}


@pytest.mark.parametrize(("names", "threshold"), [(["ana"], 1), (["ana", "ben"], 2), (["ana", "ben", "cleo"], 2)])
def test_enough_signatures_give_the_document(names: Sequence[str], threshold: int) -> None:
    """More than enough are as good."""
    assert verified(envelope(*names), keys("ana", "ben", "cleo"), threshold, WHAT) == b"payload"


@pytest.mark.parametrize(
    ("names", "threshold"), [([], 1), (["dev"], 1), (["ana"], 2), (["ana", "dev"], 2), (["ana", "ben"], 3)]
)
def test_too_few_signatures_give_nothing(names: Sequence[str], threshold: int) -> None:
    """Signatures by others than those who may do not count."""
    with pytest.raises(ListNotAuthorised, match=f"by {threshold} different keys"):
        verified(envelope(*names), keys("ana", "ben", "cleo"), threshold, WHAT)


@pytest.mark.parametrize("threshold", [0, -1])
def test_a_threshold_below_one_is_never_reached(threshold: int) -> None:
    """Not even by everybody's signatures: it is a mistake of the caller."""
    with pytest.raises(RuntimeError):
        verified(envelope("ana"), keys("ana"), threshold, WHAT)


def test_one_key_under_two_ids_counts_once() -> None:
    """As it should, even where a table of keys were to hold it twice."""
    ana = key("ana").public
    twice = {ana.key_id: ana, "0" * 16: ana}
    signature = envelope("ana").signatures[0]
    both = replace(envelope("ana"), signatures=(Signature("0" * 16, signature.sig), signature))
    assert len(signers(both, twice, WHAT)) == 2
    with pytest.raises(ListNotAuthorised, match="got 1"):
        verified(both, twice, 2, WHAT)


def test_a_signature_that_does_not_hold_spoils_all() -> None:
    """Although enough others hold: somebody has changed something."""
    bad = Signature(key("ana").public.key_id, to_base64(bytes(64)))
    with pytest.raises(ListNotAuthorised, match="does not hold"):
        verified(envelope("ben", "cleo").with_signature(bad), keys("ana", "ben", "cleo"), 2, WHAT)


def test_another_payload_or_type_is_not_signed() -> None:
    """A signature holds for one document of one type."""
    good = envelope("ana")
    for other in (replace(good, payload=b"other"), replace(good, payload_type="application/other")):
        with pytest.raises(ListNotAuthorised, match="does not hold"):
            signers(other, keys("ana"), WHAT)
    with pytest.raises(ListNotAuthorised, match="another type"):
        read_envelope(signed(TYPE, b"payload", ["ana"]), TYPE + "x", WHAT)


def test_a_second_signature_by_one_key_takes_the_place_of_the_first() -> None:
    """Signing twice is signing once."""
    assert len(key("ana").sign(envelope("ana")).signatures) == 1


FORGED: dict[str, Callable[[Any], None]] = {
    "one signature twice": lambda d: d["signatures"].append(d["signatures"][0]),
    "an unknown field": lambda d: d.update(comment="x"),
    "an unknown field of a signature": lambda d: d["signatures"][0].update(comment="x"),
    "another form": lambda d: d["signatures"][0].update(form="rsa"),
    "the usual form spelt out": lambda d: d["signatures"][0].update(form="ed25519", keyid="x"),
    "no payload": lambda d: d.pop("payload"),
    "no signatures": lambda d: d.pop("signatures"),
    "signatures as a mapping": lambda d: d.update(signatures={}),
    "a key id in capitals": lambda d: d["signatures"][0].update(keyid="ABCDEF0123456789"),
    "a payload that is no base64": lambda d: d.update(payload="?"),
    "a payload with blanks": lambda d: d.update(payload="cGF5 bG9hZA=="),
    "a number for a payload": lambda d: d.update(payload=1),
    "too many signatures": lambda d: d.update(
        signatures=[{"keyid": f"{n:016x}", "sig": ""} for n in range(MOST_SIGNATURES + 1)]
    ),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_other_envelopes_are_refused(forge: Callable[[Any], None]) -> None:
    """What `write_envelope` does not write is no envelope."""
    with pytest.raises(ListNotAuthorised, match=WHAT):
        read_envelope(changed(signed(TYPE, b"payload", ["ana"]), forge), TYPE, WHAT)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"{}", b"null\n", b"payload", signed(TYPE, b"", ["ana"]) + b"\n", BOM + signed(TYPE, b"", [])],
)
def test_what_is_no_envelope_is_refused(content: bytes) -> None:
    """Foreign bytes are an error that says what they were taken for."""
    with pytest.raises(ListNotAuthorised, match=WHAT):
        read_envelope(content, TYPE, WHAT)
    with pytest.raises(ListNotAuthorised, match=WHAT):
        type_of(content + b"\n", WHAT)


@needs_ssh
def test_ssh_signatures_count_as_the_others_do(tmp_path: Path) -> None:
    """A key signs in either form, and is one key in both."""
    unsigned = envelope()
    by_ssh = add_ssh_signature(unsigned, ssh_sign(tmp_path, key("ana"), unsigned.signed_bytes))
    assert by_ssh.signatures[0].form == "sshsig"
    assert signers(by_ssh, keys("ana"), WHAT) == {key("ana").public.key_id}
    assert verified(key("ben").sign(by_ssh), keys("ana", "ben"), 2, WHAT) == b"payload"
    assert len(key("ana").sign(by_ssh).signatures) == 1
    stolen = replace(by_ssh, payload=b"other")
    with pytest.raises(ListNotAuthorised, match="does not hold"):
        signers(stolen, keys("ana"), WHAT)
    with pytest.raises(UsageError, match="not over this document"):
        add_ssh_signature(stolen, ssh_sign(tmp_path, key("ana"), unsigned.signed_bytes))


def test_an_authenticator_signs_by_ssh_alone() -> None:
    """Its touched signature counts; without the touch, under another application or as a plain key's it does not."""
    document = Envelope(TYPE, b"payload")
    known = {AUTHENTICATOR.key_id: AUTHENTICATOR}
    good = add_ssh_signature(document, armoured(touched(document.signed_bytes)))
    assert signers(good, known, WHAT) == {AUTHENTICATOR.key_id}
    plain = PublicKey(KeyKind.ED25519, AUTHENTICATOR.public, "plain")
    elsewhere = PublicKey(KeyKind.AUTHENTICATOR, AUTHENTICATOR.public, "elsewhere", "ssh:elsewhere")
    for other in (plain, elsewhere):
        with pytest.raises(ListNotAuthorised, match="does not hold"):
            signers(good, {AUTHENTICATOR.key_id: other}, WHAT)
    bare = replace(good, signatures=(replace_form(good.signatures[0]),))
    with pytest.raises(ListNotAuthorised, match="does not hold"):
        signers(bare, known, WHAT)
    with pytest.raises(UsageError, match="nobody touched"):
        add_ssh_signature(document, armoured(touched(document.signed_bytes, flags=0)))


def replace_form(signature: Signature) -> Signature:
    """Return a signature that claims to be of the plain form."""
    return Signature(signature.keyid, signature.sig)


@pytest.mark.parametrize("text", [b"", b"x", armoured(b"x"), armoured(touched(MESSAGE))])
def test_what_is_no_ssh_signature_of_a_document_is_not_added(text: bytes) -> None:
    """Foreign bytes, or a signature over something else."""
    with pytest.raises(UsageError, match="SSH signature"):
        add_ssh_signature(envelope(), text)
