"""What this installation is: whether it passes its own test, and which engines its scans can use."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from hashmatch.bench import ours
from hashmatch.bench.benchmark import LeftOut, Workbench
from hashmatch.bench.corpora import Corpus
from hashmatch.bench.listfiles import full_list
from hashmatch.bench.measuring import measure

_OTHERS: Final = {"hashmatch, portable engine": {"HASHMATCH_ENGINE": "portable"}}


def selftest_passes(bench: Workbench) -> bool:
    """Return whether the figures of this installation are worth anything."""
    return subprocess.run([*bench.hashmatch, "selftest"], capture_output=True, check=False).returncode == 0


def tools(bench: Workbench, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a scan says it was made with, by name; `engine` is one of them.

    Raises:
        BenchmarkFailed: a scan of a few files fails.
    """
    tree = Corpus("probe", 3, 1 << 10, 0, 1 << 10).make(bench.place)
    store = ours.store(bench, full_list(bench.place / "probe.csv", []), "probe")
    (program,) = ours.scans(replace(bench, engines={}), tree.root, store, "md5", 0)
    problem = measure(replace(program, environment=environment), bench.place).problem
    if problem:
        raise ours.BenchmarkFailed(f"a scan of three files: {problem}")
    found: dict[str, str] = json.loads((bench.place / ours.REPORT / "report.json").read_bytes())["tools"]
    return found


def others(bench: Workbench, default: str) -> tuple[dict[str, dict[str, str]], list[LeftOut]]:
    """Return the engines beside the default one, by name of program, and those that are not to be had."""
    found, left_out = {}, []
    for name, environment in _OTHERS.items():
        try:
            engine = tools(bench, environment)["engine"]
        except ours.BenchmarkFailed as error:
            left_out.append(LeftOut(name, str(error)))
            continue
        if engine == default:
            left_out.append(LeftOut(name, "is the default here"))
        else:
            found[name] = environment
    return found, left_out
