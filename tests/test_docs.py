"""What the documents say is true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from hashmatch.cli import exits
from hashmatch.cli.main import cli
from hashmatch.hashlists.formats import FORMATS
from hashmatch.outcomes import FailureReason

ROOT = Path(__file__).resolve().parent.parent
USAGE = (ROOT / "docs" / "usage.md").read_text()
README = (ROOT / "README.md").read_text()


def commands(group: click.Group, name: str = "hashmatch") -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its full name."""
    context = click.Context(group)
    for part in group.list_commands(context):
        command = group.get_command(context, part)
        assert command is not None
        yield f"{name} {part}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {part}")


def test_the_commands_of_the_usage_page_work(tmp_path: Path) -> None:
    """Every sh block of docs/usage.md runs, in order, in an empty directory."""
    blocks = re.findall(r"^```sh\n(.*?)^```", USAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 6
    script = "set -euo pipefail\n" + "\n".join(blocks)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    flags = (tmp_path / "report" / "flags.jsonl").read_text().splitlines()
    assert [line.split('"')[3] for line in flags] == ["picture.jpg", "system.dll"]


def test_every_command_and_option_is_documented() -> None:
    """The usage page names every command and every option."""
    assert len(dict(commands(cli))) >= 9
    for name, command in commands(cli):
        assert name in USAGE or name.split()[-1] in USAGE, name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.opts[0] in USAGE, f"{name} {parameter.opts[0]}"


def test_every_command_has_help() -> None:
    """Every command and every option says what it is for."""
    for name, command in commands(cli):
        assert command.help, name
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.name != "format_name":
                assert parameter.help, f"{name} {parameter.opts[0]}"


def test_exit_codes_are_documented() -> None:
    """The table of exit codes is the one the program uses."""
    section = USAGE.partition("## Exit codes")[2]
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)}
    used = set(exits._CODES.values()) | {exits.COMPLETE, exits.FAILED, exits.INCOMPLETE, exits.INTERRUPTED}
    assert documented == used


def test_formats_and_reasons_are_documented() -> None:
    """Every list format and every reason for not examining a file is on the usage page."""
    for name in FORMATS:
        assert f"| `{name}` |" in USAGE
    for reason in FailureReason:
        assert f"`{reason}`" in USAGE


def test_the_two_commands_of_the_readme_exist() -> None:
    """The README's two commands are targets of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE))
    assert asked == {"demo", "test"}
    assert asked <= targets


def test_links_lead_somewhere() -> None:
    """Every file that a document links to is there."""
    for document in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_validation_page_names_tests_that_exist() -> None:
    """Every file and every test on the validation page is there."""
    text = (ROOT / "docs" / "validation.md").read_text()
    for row in re.findall(r"^\|[^|]+\| (.+) \|$", text, re.MULTILINE):
        for part in row.split("; "):
            names = re.findall(r"`([^`]+)`", part)
            files = [ROOT / "tests" / name for name in names if "/" in name or name.endswith(".py")]
            assert all(path.exists() for path in files), part
            content = "".join(path.read_text() for path in files if path.is_file())
            assert all(f"def {name}(" in content for name in names if name.startswith("test_") and "." not in name), (
                part
            )
