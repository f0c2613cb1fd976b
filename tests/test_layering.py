"""The house has floors; imports go down."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "hashmatch"

# Rooms of one line may not import each other; a room's own modules may.
FLOORS: list[set[str]] = [
    {"", "errors"},
    {"digests", "config", "outcomes"},
    {"authority", "hashlists", "hashing"},
    {"store", "evidence", "custody", "access"},
    {"matching"},
    {"reports"},
    {"scan"},
    {"lists", "lookup"},
    {"on_record"},
    {"bulk", "selftest", "runs", "answers", "lookup_records"},
    {"bench", "api", "cluster"},
    {"cli"},
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

# Packages that one room alone may know.
GUARDED = {
    "plyvel": "store",
    "aiohttp": "api",
    "prometheus_client": "api",
    "click": "cli",
    "rich": "cli",
    "ijson": "hashlists",
    "matplotlib": "bench",
    "celery": "cluster",
}
PURE_ROOMS = {"errors", "digests", "config", "outcomes", "matching"}
IMPURE = {"time", "socket", "subprocess", "multiprocessing", "tempfile", "shutil", "random", "threading"}


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imports() -> Iterator[tuple[str, str, str]]:
    """Yield (room, file, imported module) for every import of the package, wherever in a file it stands."""
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        room = (
            "" if relative.name == "__init__.py" and len(relative.parts) == 1 else relative.parts[0].removesuffix(".py")
        )
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                for name in node.names:
                    yield room, str(relative), name.name
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{relative}: relative import"
                base = node.module or ""
                if base == "hashmatch":
                    for name in node.names:
                        known = name.name in FLOOR_OF
                        yield room, str(relative), f"hashmatch.{name.name}" if known else "hashmatch"
                else:
                    yield room, str(relative), base


def test_imports_go_down() -> None:
    """A module imports only from floors below its own, or from its own room."""
    upward = []
    for room, file, imported in imports():
        if imported.split(".")[0] != "hashmatch":
            continue
        target = room_of(imported)
        assert room in FLOOR_OF, f"{file}: room {room!r} has no floor"
        assert target in FLOOR_OF, f"{file}: imports room {target!r}, which has no floor"
        if target != room and FLOOR_OF[target] >= FLOOR_OF[room]:
            upward.append(f"{file} imports {imported}")
    assert not upward


def test_the_test_sees_imports() -> None:
    """The reader of imports finds those that are known to be there, so that the tests above can fail."""
    found = {(room, imported) for room, _, imported in imports()}
    assert ("store", "plyvel") in found
    assert ("cli", "hashmatch.config") in found
    assert len(found) > 100


@pytest.mark.parametrize(("package", "room"), GUARDED.items())
def test_one_room_knows_a_package(package: str, room: str) -> None:
    """LevelDB, HTTP and the terminal are each known to one room alone."""
    elsewhere = [file for at, file, imported in imports() if imported.split(".")[0] == package and at != room]
    assert not elsewhere


# What changes lists or reads evidence, by the module that has it; shells have it from `on_record`.
RECORDED = {
    "hashmatch.lists": {"import_list", "activate", "retire"},
    "hashmatch.admission": {"import_list"},
    "hashmatch.scan.run": {"scan"},
}


def test_shells_act_on_the_record_alone() -> None:
    """No shell imports what `on_record` does and records, but from there."""
    past = []
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        if relative.parts[0] in {"api", "cli", "runs", "cluster"}:
            found = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
            names = [(node.module or "", alias.name) for node in found for alias in node.names]
            past += [f"{relative}: {name}" for module, name in names if name in RECORDED.get(module, ())]
    assert not past


def test_lower_floors_are_pure() -> None:
    """Rules and words know no clock, disk, network or process."""
    impure = [f"{file}: {imported}" for room, file, imported in imports() if room in PURE_ROOMS and imported in IMPURE]
    assert not impure


def test_the_environment_is_read_by_the_shell_alone() -> None:
    """No room but the command line reads environment variables."""
    readers = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "os.environ" in path.read_text() or "getenv" in path.read_text()
    ]
    assert readers == ["cli/main.py"]
