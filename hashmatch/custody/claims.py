"""What somebody signed about a trail: the checkpoints that a verification holds it to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hashmatch.custody.note import Checkpoint, Note, PublicKey, parse_checkpoint, parse_note, parse_public_key, split
from hashmatch.errors import UsageError


@dataclass(frozen=True, slots=True)
class Claim:
    """A checkpoint whose signature is still to be checked; `where` says which of which file."""

    where: str
    note: Note
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Claims:
    """The checkpoints of a file, what in it is none, and what is left of one that was cut short."""

    claims: tuple[Claim, ...]
    wrong: tuple[str, ...]
    torn: bytes


def read_claims(path: Path) -> Claims:
    """Read a file of checkpoints, as a writer leaves it, or of one, as a person cut it out.

    Raises:
        OSError: it cannot be read.
    """
    notes, rest = split(path.read_bytes())
    if rest and _is_checkpoint(rest):
        notes, rest = [*notes, rest], b""
    claims: list[Claim] = []
    wrong: list[str] = []
    for number, content in enumerate(notes, 1):
        where = f"{path.name}, checkpoint {number}"
        try:
            note = parse_note(content)
            claims.append(Claim(where, note, parse_checkpoint(note.text)))
        except ValueError as error:
            wrong.append(f"{where}: {error}")
    return Claims(tuple(claims), tuple(wrong), rest)


def read_public_keys(paths: Iterable[Path]) -> list[PublicKey]:
    """Read files of public keys, one a line.

    Raises:
        UsageError: a file cannot be read, or has no key in it, or a line that is none.
    """
    keys = []
    for path in paths:
        try:
            lines = path.read_text().splitlines()
            keys += [parse_public_key(line) for line in lines if line.strip()]
        except OSError as error:
            raise UsageError(f"public key {path}: {error.strerror}") from error
        except ValueError as error:
            raise UsageError(f"public key {path}: {error}") from None
    if not keys:
        raise UsageError("public key: expected at least one")
    return keys


def signed_by(claim: Claim, keys: Sequence[PublicKey]) -> str:
    """Return what is wrong with the signatures of a checkpoint, or nothing.

    As C2SP's signed-note has it: signatures of unknown keys count for nothing, and one of a known key that is wrong
    spoils the note.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    known = {(key.name, key.key_id): key for key in keys if key.name == claim.checkpoint.origin}
    signatures = [(known[s.name, s.key_id], s) for s in claim.note.signatures if (s.name, s.key_id) in known]
    for key, signature in signatures:
        try:
            Ed25519PublicKey.from_public_bytes(key.octets).verify(signature.octets, claim.note.text)
        except InvalidSignature:
            return "its signature is wrong"
    return "" if signatures else "it is signed with no key that is known"


def _is_checkpoint(content: bytes) -> bool:
    try:
        parse_checkpoint(parse_note(content).text)
    except ValueError:
        return False
    return True
