"""The tools that labs use for the same work, each called as its users call it."""

from __future__ import annotations

import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hashmatch.bench.benchmark import LeftOut, Workbench
from hashmatch.bench.corpora import Tree
from hashmatch.bench.measuring import Check, Program

# How each says which it is; the first line of the answer is kept.
VERSIONS: Final = {
    "hashdeep": ("hashdeep", "-V"),
    "md5deep": ("md5deep", "-v"),
    "rhash": ("rhash", "-V"),
    "hfind": ("hfind", "-V"),
    "md5sum": ("md5sum", "--version"),
    "sha256sum": ("sha256sum", "--version"),
    "cat": ("cat", "--version"),
    "xargs": ("xargs", "--version"),
}
# "Unused hashes" and "unmatched inputs" are bits of the exit code, md5deep(1): they say nothing about success.
_MD5DEEP_ACCEPTED: Final = frozenset({0, 1, 2, 3})
_NOT_FOUND: Final = b"Hash Not Found"


def hashdeep(bench: Workbench, tree: Tree, algorithms: str) -> Program | LeftOut:
    """Return hashdeep with a thread a core."""
    name = f"hashdeep -j{bench.cores}"
    command = ("hashdeep", "-c", algorithms, f"-j{bench.cores}", "-r", str(tree.root))
    return _if_installed(Program(name, command, check=_a_line_each(tree)), "hashdeep")


def rhash(tree: Tree, algorithms: str) -> Program | LeftOut:
    """Return RHash, which has no threads."""
    command = ("rhash", *(f"--{name}" for name in algorithms.split(",")), "-r", str(tree.root))
    return _if_installed(Program("rhash", command, check=_a_line_each(tree)), "rhash")


def sums(bench: Workbench, tree: Tree, tool: str) -> Program | LeftOut:
    """Return md5sum or sha256sum, a process a core."""
    parallel = f"xargs -0 -P{bench.cores} -n 500 {tool}"
    program = Program(f"xargs -P{bench.cores} {tool}", _each_file(tree, parallel), check=_a_line_each(tree))
    return _if_installed(program, "find", "xargs", tool)


def cat(tree: Tree) -> Program | LeftOut:
    """Return what reads the same files and does nothing with them."""
    return _if_installed(Program("cat", _each_file(tree, "xargs -0 cat > /dev/null")), "find", "xargs", "cat")


def hashlib_processes(bench: Workbench, tree: Tree, algorithms: str) -> Program:
    """Return Python with hashlib, a process a core."""
    script = Path(__file__).with_name("hashlib_processes.py")
    command = (sys.executable, "-I", str(script), str(bench.cores), algorithms, str(tree.root))
    return Program(f"hashlib, {bench.cores} processes", command, check=_a_line_each(tree))


def md5deep(tree: Tree, source: Path, expected: int) -> Program | LeftOut:
    """Return md5deep with a list, once: it loads the list for a minute and more whatever the tree."""
    command = ("md5deep", "-r", "-m", str(source), str(tree.root))
    program = Program("md5deep -m", command, accepted=_MD5DEEP_ACCEPTED, runs=1, check=_lines(expected, "matches"))
    return _if_installed(program, "md5deep")


def hfind_index(index: Path, prepare: Callable[[], None]) -> Program | LeftOut:
    """Return the Sleuth Kit's indexing of a list; `prepare` puts the list where its index is to be."""
    return _if_installed(Program("hfind -i", ("hfind", "-i", "md5sum", str(index)), prepare=prepare), "hfind")


def hfind(index: Path, asked: Path, expected: int) -> Program | LeftOut:
    """Return the Sleuth Kit's look-up of the digests of a file."""

    def check(output: Path) -> str:
        with output.open("rb") as file:
            found = sum(_NOT_FOUND not in line for line in file)
        return "" if found == expected else f"expected {expected} matches, got {found}"

    return _if_installed(Program("hfind -f", ("hfind", "-f", str(asked), str(index)), check=check), "hfind")


def versions() -> dict[str, str | None]:
    """Return what each peer says of itself; None for one that is not installed."""
    found = {name: _version(command) for name, command in VERSIONS.items()}
    return {**found, "python": platform.python_version()}


def _version(command: tuple[str, str]) -> str | None:
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False, text=True, errors="replace"
    )
    return next(iter((done.stdout or done.stderr).strip().splitlines()), "")


def _if_installed(program: Program, *tools: str) -> Program | LeftOut:
    absent = [tool for tool in tools if shutil.which(tool) is None]
    return LeftOut(program.name, f"{', '.join(absent)} not installed") if absent else program


def _each_file(tree: Tree, command: str) -> tuple[str, ...]:
    return ("sh", "-c", f"find {shlex.quote(str(tree.root))} -type f -print0 | {command}")


def _a_line_each(tree: Tree) -> Check:
    """Every tool prints a line for each file and some a heading; one that read fewer has fewer."""
    return _lines(tree.files, "lines", or_more=True)


def _lines(expected: int, what: str, *, or_more: bool = False) -> Check:
    def check(output: Path) -> str:
        with output.open("rb") as file:
            found = sum(1 for _ in file)
        right = found >= expected if or_more else found == expected
        return "" if right else f"expected {expected} {what}, got {found}"

    return check
