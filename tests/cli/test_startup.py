"""What a command loads before it answers: a scan of a small stick must not wait for what an import needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hashmatch.config import Settings
from tests.madeup import MD5, command, digests, take_in, write_list

# Loading these takes from ten milliseconds to two tenths of a second each.
HEAVY = frozenset(
    {"aiohttp", "asyncio", "ijson", "importlib.metadata", "numpy", "rich", "sqlite3", "ssl"}
    | {"hashmatch.hashlists.formats", "hashmatch.store.build"}
)
_RUN = """
import sys
from hashmatch.cli.main import run
code = run(sys.argv[1:])
print(*sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""


def loaded_by(settings: Settings, *words: str | Path, codes: tuple[int, ...] = (0,)) -> set[str]:
    """Run a command in a fresh interpreter and return the modules that were loaded by its end."""
    ran = [sys.executable, "-c", _RUN, *command(settings, *words)[1:]]
    done = subprocess.run(ran, capture_output=True, text=True, check=False, input=digests(1)[0].hex())
    assert done.returncode in codes, done.stderr
    return set(done.stderr.splitlines()[-1].split())


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Settings:
    take_in(settings, write_list(tmp_path / "list", digests(20)), algorithm=MD5)
    return settings


def test_a_scan_loads_only_what_it_needs(store: Settings, tmp_path: Path) -> None:
    """A whole scan, report included, without anything that reads lists or shows displays."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(b"content")
    words = ("scan", source, "--output", tmp_path / "report", "--allow-writable", "made for a test")
    loaded = loaded_by(store, *words)
    assert not loaded & HEAVY
    assert "hashmatch.scan.run" in loaded


def test_a_lookup_loads_only_what_it_needs(store: Settings) -> None:
    """Nor does a look-up load the scan, nor what starts processes."""
    loaded = loaded_by(store, "lookup", "--algorithm", "md5")
    assert not loaded & (HEAVY | {"hashmatch.scan.run", "hashmatch.bulk", "multiprocessing"})
    assert "hashmatch.store.snapshot" in loaded


def test_the_version_loads_next_to_nothing(settings: Settings) -> None:
    """Neither lists nor evidence are looked at for it."""
    loaded = loaded_by(settings, "--version")
    assert not loaded & (HEAVY | {"hashmatch.scan.run", "hashmatch.store.snapshot", "plyvel"})


def test_an_import_loads_what_is_heavy(settings: Settings, tmp_path: Path) -> None:
    """The test sees what is loaded, so that the others can fail."""
    loaded = loaded_by(settings, "lists", "import", "--help")
    assert loaded & HEAVY
