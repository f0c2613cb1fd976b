"""Known answers through hashing, import, store, look-up and scan, before the answers that matter.

Everything is made up, in a temporary directory that is gone afterwards. The digests of the short messages are those
published in RFC 1321 (appendix A.5) and FIPS 180-4's examples; all others are computed by `hashlib` directly.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from hashmatch.config import Settings
from hashmatch.digests import ALL_ALGORITHMS, Algorithm
from hashmatch.errors import StoreError
from hashmatch.hashing.choice import EngineChoice, describe, open_engine
from hashmatch.hashing.engine import ReadRules
from hashmatch.hashlists.entries import ListType
from hashmatch.lists import ImportRequest, import_list, verify
from hashmatch.matching import decide
from hashmatch.outcomes import Outcome, Strength
from hashmatch.reports.header import tool_versions
from hashmatch.scan.request import ScanRequest
from hashmatch.scan.run import scan
from hashmatch.store.layout import DATABASE, Layout
from hashmatch.store.opening import sealer_for_use
from hashmatch.store.snapshot import Snapshot, open_snapshot

PUBLISHED: Final = {
    b"abc": (
        "900150983cd24fb0d6963f7d28e17f72",
        "a9993e364706816aba3e25717850c26c9cd0d89d",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ),
    b"message digest": (
        "f96b697d7cb7938d525a2f31aaf161d0",
        "c12252ceda8be8994d5fa0290a47231c1d16aae3",
        "f7846f55cf23e14eebeab5b4e1550cad5b509e3348fbc4efa3a1413d393cb650",
    ),
    b"a" * 1_000_000: (
        "7707d6ae4e027c70eea2a935c2296f21",
        "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    ),
}

_LISTED: Final = tuple(b"listed in full %d" % n for n in range(40))
_WEAK: Final = tuple(b"listed by MD5 alone %d" % n for n in range(40))
_OTHERS: Final = tuple(b"not listed %d" % n for n in range(40))


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried; `found` says what came instead of the expected, where it failed."""

    name: str
    passed: bool
    found: str


@dataclass(frozen=True, slots=True)
class SelfTest:
    """A record that can be filed. `versions` name everything the answers depend on."""

    started: datetime
    ended: datetime
    versions: dict[str, str]
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)


def run_selftest(
    started: datetime, clock: Callable[[], datetime], engine: EngineChoice = EngineChoice.AUTO
) -> SelfTest:
    """Try every part on known answers.

    Raises:
        UsageError: the native engine was asked for, and there is none.
    """
    versions = {**tool_versions(describe(engine)), "msgspec": importlib.metadata.version("msgspec")}
    with tempfile.TemporaryDirectory(prefix="hashmatch-selftest-") as name:
        checks = tuple(_checks(Path(name), engine, started, clock))
    return SelfTest(started, clock(), versions, checks)


def _checks(place: Path, engine: EngineChoice, now: datetime, clock: Callable[[], datetime]) -> Iterator[Check]:
    settings = Settings(place / "store", place / "key" / "sealing.key")
    yield _check("hashing: published digests", lambda: _published(place, engine))
    yield _check("hashing: every length to 300 bytes, beside hashlib", lambda: _lengths(place, engine))
    yield _check("import: two made-up lists, sealed and read back", lambda: _import(place, settings, now))
    yield _check("look-up: every listed digest found, no other", lambda: _look_up(settings))
    yield _check("match rule: strong, weak_only, conflict", lambda: _match_rule(settings))
    yield _check("scan: every planted file flagged, no other", lambda: _scan(place, settings, engine, now, clock))
    yield _check("store: a flipped byte is noticed", lambda: _flipped_byte(settings))


def _check(name: str, attempt: Callable[[], str]) -> Check:
    """Run one attempt; it returns what was wrong, or nothing."""
    try:
        found = attempt()
    except Exception as error:  # noqa: BLE001 - whatever goes wrong here is what the record has to say
        found = f"{type(error).__name__}: {error}"
    return Check(name, not found, found)


def _published(place: Path, engine: EngineChoice) -> str:
    expected = [tuple(bytes.fromhex(digest) for digest in digests) for digests in PUBLISHED.values()]
    return _compare(place / "vectors", engine, list(PUBLISHED), expected)


def _lengths(place: Path, engine: EngineChoice) -> str:
    messages = [bytes((7 * length + at) % 251 for at in range(length)) for length in range(1, 301)]
    expected = [tuple(_octets(algorithm, message) for algorithm in ALL_ALGORITHMS) for message in messages]
    return _compare(place / "lengths", engine, messages, expected)


def _compare(
    folder: Path, choice: EngineChoice, messages: Sequence[bytes], expected: Sequence[tuple[bytes, ...]]
) -> str:
    """Have the engine read the messages from files of one folder, and count the digests that are wrong."""
    folder.mkdir()
    names = [str(number).encode() for number in range(len(messages))]
    for name, message in zip(names, messages, strict=True):
        (folder / name.decode()).write_bytes(message)
    rules = ReadRules(ALL_ALGORITHMS)
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with open_engine(choice, rules) as engine:
            results = engine.digest_files(directory, names, rules)
    finally:
        os.close(directory)
    wrong = sum(1 for result, digests in zip(results, expected, strict=True) if result.digests != digests)
    return f"{wrong} of {len(expected)} messages have other digests" if wrong else ""


def _import(place: Path, settings: Settings, now: datetime) -> str:
    full = place / "full.csv"
    rows = [",".join([*(_hex(a, m) for a in ALL_ALGORITHMS), str(len(m))]) for m in _LISTED]
    full.write_text("md5,sha1,sha256,size\n" + "\n".join(rows) + "\n")
    weak = place / "weak.md5"
    weak.write_text("".join(f"{_hex(Algorithm.MD5, m)}  name\n" for m in _WEAK))
    for path, list_id, list_type, algorithm in (
        (full, "full", ListType.NOTABLE, None),
        (weak, "weak", ListType.KNOWN, Algorithm.MD5),
    ):
        request = ImportRequest(path, list_id, list_type, "1", "self-test", algorithm=algorithm, unsigned=True)
        imported = import_list(settings, request, now=now, processes=0, progress=lambda _step, _done: None)
        entries = imported.stored.manifest.entries
        if entries != len(_LISTED):
            return f"expected {len(_LISTED)} entries, got {entries}"
    records = sum(item.records for item in verify(settings, None, processes=0))
    expected = len(ALL_ALGORITHMS) * len(_LISTED) + len(_WEAK)
    return "" if records == expected else f"expected {expected} records, got {records}"


def _look_up(settings: Settings) -> str:
    with open_snapshot(Layout(settings.store), sealer_for_use(settings)) as snapshot:
        missed = sum(not snapshot.find(a, _octets(a, m)) for a in ALL_ALGORITHMS for m in _LISTED)
        missed += sum(not snapshot.find(Algorithm.MD5, _octets(Algorithm.MD5, m)) for m in _WEAK)
        wrong = sum(bool(snapshot.find(a, _octets(a, m))) for a in ALL_ALGORITHMS for m in _OTHERS)
    return f"{missed} missed, {wrong} wrongly found" if missed or wrong else ""


def _match_rule(settings: Settings) -> str:
    listed, weak, other = _LISTED[0], _WEAK[0], _OTHERS[0]
    with open_snapshot(Layout(settings.store), sealer_for_use(settings)) as snapshot:
        cases = (
            (_judge(snapshot, listed, listed, len(listed)), Strength.STRONG),
            (_judge(snapshot, weak, weak, len(weak)), Strength.WEAK_ONLY),
            (_judge(snapshot, listed, other, len(listed)), Strength.CONFLICT),
            (_judge(snapshot, listed, listed, len(listed) + 1), Strength.CONFLICT),
            (_judge(snapshot, other, other, len(other)), None),
        )
    return "; ".join(f"expected {expected}, got {found}" for found, expected in cases if found != expected)


def _judge(snapshot: Snapshot, md5_of: bytes, rest_of: bytes, size: int) -> Strength | None:
    """Return the strength for a file whose MD5 is that of one message and whose other digests are of another."""
    digests = {a: _octets(a, md5_of if a is Algorithm.MD5 else rest_of) for a in ALL_ALGORITHMS}
    agreements = decide(digests, size, snapshot)
    return agreements[0].strength if agreements else None


def _scan(place: Path, settings: Settings, engine: EngineChoice, now: datetime, clock: Callable[[], datetime]) -> str:
    tree = place / "tree" / "folder"
    tree.mkdir(parents=True)
    for number, message in enumerate((*_LISTED, *_WEAK, *_OTHERS, b"")):
        (tree / f"{number}.bin").write_bytes(message)
    request = ScanRequest(
        tree.parent, place / "report", workers=2, engine=engine, allow_writable="self-test on made-up files"
    )
    with open_snapshot(Layout(settings.store), sealer_for_use(settings)) as snapshot:
        counts = scan(request, snapshot, now, clock).listed.counts
    expected = {
        Outcome.MATCH: len(_LISTED) + len(_WEAK),
        Outcome.NO_MATCH: len(_OTHERS),
        Outcome.NOT_EXAMINED: 0,
        Outcome.EXCLUDED: 2,
    }
    found = {outcome: counts.outcomes[outcome] for outcome in Outcome}
    return "" if found == expected else f"expected {expected}, got {found}"


def _flipped_byte(settings: Settings) -> str:
    table = next(Layout(settings.store).lists.glob(f"full/*/{DATABASE}/*.ldb"))
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 0x01
    table.write_bytes(content)
    try:
        verify(settings, "full", processes=0)
    except StoreError:
        return ""
    return "a damaged table was verified as sound"


def _octets(algorithm: Algorithm, message: bytes) -> bytes:
    return hashlib.new(algorithm.label, message).digest()


def _hex(algorithm: Algorithm, message: bytes) -> str:
    return _octets(algorithm, message).hex()
