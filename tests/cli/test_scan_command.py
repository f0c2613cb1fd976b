"""`hashmatch scan` as a machine runs it: one JSON document on stdout, all else on stderr."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hashmatch.config import Settings
from tests.madeup import hashmatch, take_in, write_list


@pytest.mark.parametrize(("unread", "code"), [([], 0), (["--max-file-size", "3"], 3)])
def test_one_json_document(unread: list[str], code: int, settings: Settings, tmp_path: Path) -> None:
    """Stdout is report.json and nothing else, also where the scan is incomplete."""
    take_in(settings, write_list(tmp_path / "list", [bytes(range(16))]))
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "file").write_text("content")
    words = ("--allow-writable", "made for a test", "--json", *unread)
    done = hashmatch(settings, "scan", tmp_path / "evidence", "--output", tmp_path / "report", *words)
    assert done.returncode == code, done.stderr
    assert done.stdout == (tmp_path / "report" / "report.json").read_text()
    document = json.loads(done.stdout)
    assert document["status"] == ("incomplete" if unread else "complete")
    assert document["counts"]["not_examined"] == len(unread) // 2
