"""Programs are measured, and one that did not do the work does not count."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.bench import figures, listfiles, peers, raw, targets
from hashmatch.bench.benchmark import LeftOut, Workbench
from hashmatch.bench.corpora import Corpus, Tree
from hashmatch.bench.measuring import Measured, Program, measure
from hashmatch.bench.ours import OURS

SCRIPT = "import time; block = bytearray(b'x') * (64 << 20); time.sleep(0.6)"


def measured(seconds: float, *, peak: int | None = 1 << 20, problem: str = "") -> Measured:
    return Measured(seconds, seconds, 0.0, peak, 1 if problem else 0, problem)


def runs(benchmark: str, program: str, *each: Measured) -> list[raw.Record]:
    return [raw.Record(benchmark, program, n, one, 10, "files", 1000) for n, one in enumerate(each, 1)]


def test_time_and_memory_of_a_process_tree_are_measured(tmp_path: Path) -> None:
    """A child's memory counts as its parent's, and time on the wall is not time of the processor."""
    command = ("sh", "-c", f'{sys.executable} -c "{SCRIPT}"; true')
    found = measure(Program("child", command), tmp_path)
    assert found.problem == ""
    assert found.peak is not None
    assert found.peak > 64 << 20
    assert found.seconds >= 0.6
    assert found.user + found.system > 0


def test_memory_is_sampled_only_where_it_is_asked_for(tmp_path: Path) -> None:
    """A run without sampling has times, a check of its work, and no memory."""
    found = measure(Program("child", (sys.executable, "-c", SCRIPT)), tmp_path, memory=False)
    assert (found.problem, found.peak) == ("", None)
    assert found.seconds > 0


def test_an_exit_code_that_is_not_accepted_is_a_problem(tmp_path: Path) -> None:
    """A failing program's code and last words are kept; codes that mean success for it are none."""
    command = ("sh", "-c", "echo first >&2; echo last >&2; exit 2")
    assert measure(Program("fails", command), tmp_path).problem == "exit code 2: last"
    bell = ("sh", "-c", r"printf '50%%\r\a' >&2; exit 1")
    assert measure(Program("rings", bell), tmp_path).problem.isprintable()
    assert measure(Program("does not", command, accepted=frozenset({2})), tmp_path).problem == ""


def test_a_program_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    """A program that cannot be started has failed like any other."""
    assert "127" in measure(Program("absent", (str(tmp_path / "no-such-program"),)), tmp_path).problem


def test_a_program_that_does_less_than_the_work_has_failed(tmp_path: Path) -> None:
    """A tool that prints fewer lines than there are files is not called fast."""
    tree = Corpus("few", 3, 100, 0.5, 1000).make(tmp_path)
    program = peers.sums(_bench_with_cores(1), Tree(tree.root, 4, tree.size), "md5sum")
    assert isinstance(program, Program)
    assert measure(program, tmp_path).problem == "expected 4 lines, got 3"


def _bench_with_cores(cores: int) -> Workbench:
    return Workbench(Path("/nonexistent"), (), 1, False, cores, ("hashmatch",), {}, print)


def test_a_peer_that_is_not_installed_is_left_out_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is not installed is left out with the reason."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert peers.rhash(Tree(tmp_path, 1, 1), "md5") == LeftOut("rhash", "rhash not installed")


def test_a_failed_run_leaves_no_median() -> None:
    """One failed run takes a program's figures out; without hashmatch's own there is no ratio."""
    records = runs("b", OURS, measured(2)) + runs("b", "peer", measured(1), measured(3, problem="exit code 1"))
    ours, peer = figures.rows(records, "b")
    assert (ours.seconds, ours.ratio) == (2, 1)
    assert (peer.seconds, peer.ratio, peer.problem) == (None, None, "exit code 1")
    (alone,) = figures.rows(runs("b", "peer", measured(1)), "b")
    assert (alone.seconds, alone.ratio) == (1, None)


def test_targets_are_held_against_the_right_figures() -> None:
    """Faster is the peer's time by ours, a cost is ours by the peer's, leaner is of memory."""
    key = "hashing/mixed/md5+sha1+sha256"
    records = runs(key, OURS, measured(2)) + runs(key, "hashdeep -j2", measured(21)) + runs(key, "cat", measured(1))
    found = {item.peer: item for item in targets.held({key: figures.rows(records, key)})}
    assert (found["hashdeep -j2"].measured, found["hashdeep -j2"].met) == (10.5, True)
    assert (found["cat"].measured, found["cat"].met) == (2, False)
    assert (found["rhash"].measured, found["rhash"].met) == (None, None)
    key = "scan/small/long-list"
    records = runs(key, OURS, measured(1)) + runs(key, "md5deep -m", measured(50, peak=5 << 20))
    faster, leaner = targets.held({key: figures.rows(records, key)})
    assert (faster.measured, faster.met) == (50, True)
    assert (leaner.measured, leaner.met) == (5, False)


PRINTABLE = st.text("aé→ ,;|\"'#=", max_size=20)
TIMES = st.integers(0, 10**9).map(lambda n: round(n / 10_000, 4))


@given(
    st.lists(
        st.builds(
            raw.Record,
            PRINTABLE,
            PRINTABLE,
            st.integers(1, 99),
            st.builds(Measured, TIMES, TIMES, TIMES, st.none() | st.integers(0), st.integers(-64, 255), PRINTABLE),
            st.integers(0),
            st.sampled_from(["files", "digests"]),
            st.integers(0),
        ),
        max_size=5,
    )
)
def test_raw_figures_are_read_as_they_were_written(records: list[raw.Record]) -> None:
    """Whatever a program is called and says in printable characters, the file gives back what went in."""
    file = io.StringIO(newline="")
    table = raw.RawFile(file)
    for one in records:
        table.write(one)
    file.seek(0)
    assert raw.read(file) == records


def test_lists_hold_what_is_asked_for(tmp_path: Path) -> None:
    """Digests called present are on the list, those called absent are not, and planted ones are there too."""
    listed = [line[:32] for line in listfiles.md5_list(tmp_path / "list.md5", 25_000).read_text().splitlines()]
    assert len(set(listed)) == 25_000
    present = listfiles.present(25_000, 1_000)
    assert len(set(present)) == 1_000
    assert set(present) <= set(listed)
    assert not set(listfiles.absent(30_000)) & set(listed)
    planted = listfiles.md5_list(tmp_path / "planted.md5", 1_000, ["a" * 32]).read_text()
    assert planted.startswith("a" * 32)
    assert planted.count("\n") == 1_000


def test_a_corpus_is_the_same_each_time(tmp_path: Path) -> None:
    """Two trees of one corpus have the same files, no two of which are equal."""
    corpus = Corpus("made", 300, 2_000, 1.5, 9_000)
    trees = [corpus.make(tmp_path / name) for name in ("one", "two")]
    assert trees[0].digests(1) == trees[1].digests(1)
    assert len(set(trees[0].digests(1))) == 300
    assert trees[0].size == sum(path.stat().st_size for path in trees[0].root.rglob("*.bin"))
    assert corpus.make(tmp_path / "one") == trees[0]
