"""What the page about the service says is true."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hashmatch.api import hashlookup
from hashmatch.api.application import ROUTES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()


def test_the_commands_of_the_page_work(tmp_path: Path) -> None:
    """Every sh block of docs/api.md runs, in order, in an empty directory."""
    for tool in ("curl", "xxd"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 7
    script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + "\n".join(blocks)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr + (tmp_path / "serve.log").read_text()


def test_every_route_has_a_command() -> None:
    """The page shows curl for every route."""
    commands = "\n".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    for route in (*ROUTES, *hashlookup.ROUTES):
        path = re.escape(route.path)
        assert re.search(re.sub(r"\\\{\w+\\\}", "[^ /]+", path) + r"(?![\w/])", commands), route.path
