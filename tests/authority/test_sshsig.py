"""SSH signatures are read as OpenSSH writes them, and hold where `ssh-keygen -Y verify` says so."""

from __future__ import annotations

import hashlib
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.authority.canonical import from_base64, to_base64
from hashmatch.authority.keys import KeyKind, PublicKey
from hashmatch.authority.signing import public_line
from hashmatch.authority.sshsig import read_public_line, read_signature, signature_holds, unarmoured
from tests.authority.lab import key, ssh_sign

needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen (openssh-client)")

MESSAGE = b"what is signed"
SK = KeyKind.AUTHENTICATOR
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
AUTHENTICATOR = PublicKey(SK, PRIVATE.public_key().public_bytes_raw().hex(), "made-up authenticator", "ssh:")


def string(octets: bytes) -> bytes:
    return struct.pack(">I", len(octets)) + octets


def plain_parts(message: bytes = MESSAGE) -> dict[str, bytes]:
    """Return the parts of a signature by a plain key, to forge one at a time."""
    public = PRIVATE.public_key().public_bytes_raw()
    digest = hashlib.sha512(message).digest()
    to_sign = b"SSHSIG" + string(b"hashmatch") + string(b"") + string(b"sha512") + string(digest)
    return {
        "preamble": b"SSHSIG",
        "version": struct.pack(">I", 1),
        "public": string(b"ssh-ed25519") + string(public),
        "namespace": b"hashmatch",
        "reserved": b"",
        "hash": b"sha512",
        "signature": string(b"ssh-ed25519") + string(PRIVATE.sign(to_sign)),
    }


def joined(parts: dict[str, bytes]) -> bytes:
    preamble, version, *strings = parts.values()
    return preamble + version + b"".join(map(string, strings))


def touched(message: bytes = MESSAGE, flags: int = 1, counter: int = 7, application: bytes = b"ssh:") -> bytes:
    """Do as an authenticator does (PROTOCOL.u2f): sign application, flags, counter and the digest of what SSH signs."""
    digest = hashlib.sha512(message).digest()
    to_sign = b"SSHSIG" + string(b"hashmatch") + string(b"") + string(b"sha512") + string(digest)
    state = struct.pack(">BI", flags, counter)
    octets = PRIVATE.sign(hashlib.sha256(application).digest() + state + hashlib.sha256(to_sign).digest())
    return joined(
        plain_parts()
        | {
            "public": string(SK.encode()) + string(AUTHENTICATOR.octets) + string(application),
            "signature": string(SK.encode()) + string(octets) + state,
        }
    )


def armoured(octets: bytes) -> bytes:
    text = to_base64(octets)
    lines = "\n".join(text[at : at + 70] for at in range(0, len(text), 70))
    return f"-----BEGIN SSH SIGNATURE-----\n{lines}\n-----END SSH SIGNATURE-----\n".encode()


def ssh_verifies(directory: Path, public: PublicKey, octets: bytes, message: bytes = MESSAGE) -> bool:
    """Ask OpenSSH itself."""
    (directory / "allowed").write_text(f"somebody {public_line(public)}")
    (directory / "signature").write_bytes(armoured(octets))
    words = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "somebody", "-n", "hashmatch", "-s", "signature"]
    return subprocess.run(words, input=message, capture_output=True, cwd=directory).returncode == 0


@needs_ssh
@pytest.mark.parametrize("message", [b"", b"x", MESSAGE, bytes(100_000)])
def test_what_ssh_keygen_signs_holds(tmp_path: Path, message: bytes) -> None:
    """Of any message, by a key that hashmatch made; and for no other message."""
    found = read_signature(unarmoured(ssh_sign(tmp_path, key("cleo"), message)))
    assert found.key.public == key("cleo").public.public
    assert signature_holds(found, message)
    assert not signature_holds(found, message + b"x")


@needs_ssh
def test_a_signature_for_another_namespace_is_refused(tmp_path: Path) -> None:
    """What somebody signed as a file or a commit vouches for no list."""
    with pytest.raises(ValueError, match="namespace"):
        read_signature(unarmoured(ssh_sign(tmp_path, key("cleo"), MESSAGE, "file")))


@needs_ssh
@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_other_kinds_of_keys_are_refused(tmp_path: Path, kind: str) -> None:
    """Ed25519 alone."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", "key"], check=True, cwd=tmp_path)
    words = ["ssh-keygen", "-Y", "sign", "-n", "hashmatch", "-f", "key"]
    text = subprocess.run(words, input=MESSAGE, capture_output=True, check=True, cwd=tmp_path).stdout
    with pytest.raises(ValueError, match="Ed25519"):
        read_signature(unarmoured(text))
    with pytest.raises(ValueError, match="kind"):
        read_public_line((tmp_path / "key.pub").read_text())


@needs_ssh
@pytest.mark.parametrize("flags", [0, 1, 5, 0x81])
def test_an_authenticator_must_have_been_touched(tmp_path: Path, flags: int) -> None:
    """A signature without the flag of a touch does not hold, although OpenSSH finds nothing else wrong with it."""
    octets = touched(flags=flags)
    found = read_signature(octets)
    assert (found.key.kind, found.key.application) == (SK, "ssh:")
    assert signature_holds(found, MESSAGE) == bool(flags & 1)
    assert ssh_verifies(tmp_path, AUTHENTICATOR, octets)
    assert not signature_holds(found, MESSAGE + b"x")


@needs_ssh
def test_ssh_keygen_verifies_what_the_tests_make(tmp_path: Path) -> None:
    """The signatures that are forged below are sound before they are."""
    plain = PublicKey(KeyKind.ED25519, AUTHENTICATOR.public, "plain")
    assert ssh_verifies(tmp_path, plain, joined(plain_parts()))
    assert signature_holds(read_signature(joined(plain_parts())), MESSAGE)


def test_counter_and_application_are_signed() -> None:
    """Neither can be changed afterwards."""
    found = read_signature(touched())
    assert signature_holds(found, MESSAGE)
    assert not signature_holds(found._replace(authenticator=b"\x01\0\0\0\x08"), MESSAGE)
    other = PublicKey(SK, found.key.public, "x", "ssh:other")
    assert not signature_holds(found._replace(key=other), MESSAGE)


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("preamble", b"SSHSIX", "version 1"),
        ("version", struct.pack(">I", 2), "version 1"),
        ("version", struct.pack(">I", 0), "version 1"),
        ("namespace", b"", "namespace"),
        ("namespace", b"hashmatch\0", "namespace"),
        ("reserved", b"x", "SHA-256 or SHA-512"),
        ("hash", b"sha1", "SHA-256 or SHA-512"),
        ("hash", b"md5", "SHA-256 or SHA-512"),
        ("public", b"", "Ed25519"),
        ("public", string(b"ssh-ed25519") + string(b"\x05" * 31), "32 bytes"),
        ("public", string(b"ssh-ed25519") + string(b"\x05" * 32) + b"x", "behind"),
        ("public", string(b"ssh-ed25519") + string(b"\x01" + bytes(31)), "small order"),
        ("public", string(b"ssh-rsa") + string(b"\x05" * 32), "Ed25519"),
        ("public", string(b"\xff\xfe") + string(b"\x05" * 32), "Ed25519"),
        ("public", string(SK.encode()) + string(AUTHENTICATOR.octets), "cut"),
        ("public", string(SK.encode()) + string(AUTHENTICATOR.octets) + string(b""), "application"),
        ("signature", string(b"ssh-ed25519") + string(b"\x05" * 63), "64 bytes"),
        ("signature", string(b"ssh-rsa") + string(b"\x05" * 64), "another kind"),
        ("signature", string(b"ssh-ed25519") + string(b"\x05" * 64) + b"\x01\0\0\0\x07", "behind"),
        ("signature", struct.pack(">I", 2**32 - 1), "cut"),
    ],
)
def test_forged_parts_are_refused(part: str, value: bytes, said: str) -> None:
    """Each part of a signature is what it must be, or the signature is none."""
    with pytest.raises(ValueError, match=said):
        read_signature(joined(plain_parts() | {part: value}))


@given(st.data())
def test_any_bytes_are_a_signature_or_an_error(data: st.DataObject) -> None:
    """A cut or changed signature is an error, or does not hold, or is the same one."""
    octets = bytearray(joined(plain_parts()))
    at = data.draw(st.integers(0, len(octets) - 1))
    octets[at] = data.draw(st.integers(0, 255))
    octets = octets[: data.draw(st.integers(0, len(octets)))] if data.draw(st.booleans()) else octets
    try:
        found = read_signature(bytes(octets))
    except ValueError:
        return
    assert not signature_holds(found, MESSAGE) or octets == joined(plain_parts())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n",
        armoured(b"x") * 2,
        b"x" + armoured(b"x"),
        armoured(b"x") + b"\n",
        armoured(b"x").replace(b"SSH", b"PGP"),
        armoured(b"x").replace(b"eA==", b"eB=="),
        armoured(b"x").replace(b"eA==", b"e A=="),
    ],
)
def test_what_is_no_signature_file_is_refused(text: bytes) -> None:
    """One signature between its two lines, and nothing else."""
    with pytest.raises(ValueError, match=r"SSH signature|base64"):
        unarmoured(text)


def test_public_lines_are_read_back() -> None:
    """Keys of both kinds, with the name that the line's comment gives or another."""
    for public in (key("ana").public, AUTHENTICATOR):
        assert read_public_line(public_line(public), "") == public
        assert read_public_line(public_line(public), "other").name == "other"


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 AAAA x", "ssh-rsa AAAA x", "ssh-ed25519 ???? x"])
def test_what_is_no_public_line_is_refused(line: str) -> None:
    """Nothing, half a line, another kind, no base64."""
    with pytest.raises(ValueError, match=r"kind|cut|base64|Ed25519"):
        read_public_line(line, "name")


def test_a_public_line_says_whose_key_it_is() -> None:
    """Without a comment somebody has to; and the kind is said twice, alike."""
    kind, blob, _ = public_line(key("ana").public).split(" ")
    with pytest.raises(ValueError, match="whose"):
        read_public_line(f"{kind} {blob}")
    with pytest.raises(ValueError, match="another kind"):
        read_public_line(f"{SK} {blob} ana")
    assert from_base64(blob).endswith(key("ana").public.octets)
