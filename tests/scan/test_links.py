"""Files with several names, where a driver gives one inode number to several files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from hashmatch.digests import ALL_ALGORITHMS
from hashmatch.hashing.engine import ReadRules
from hashmatch.hashing.portable import PortableEngine
from hashmatch.outcomes import Outcome
from hashmatch.scan.batch import Answer, Batch
from hashmatch.scan.journal import Journal
from hashmatch.scan.ledger import Ledger
from hashmatch.scan.links import HardLinks
from tests.scan.dict_snapshot import DictList, DictSnapshot
from tests.scan.test_records import one_by_one


def test_files_that_share_a_number_and_not_a_size_are_each_read(tmp_path: Path) -> None:
    """A file is not taken for a name of another one only because the driver numbers both alike."""
    contents = {b"harmless": b"short", b"wanted": b"longer, and on a list", b"wanted too": b"longer, and on a list"}
    (tmp_path / "source").mkdir()
    for name, content in contents.items():
        (tmp_path / "source" / name.decode()).write_bytes(content)
    root = os.open(tmp_path / "source", os.O_RDONLY)

    def read(batches: Iterator[Batch]) -> Iterator[Answer]:
        for batch in batches:
            results = PortableEngine().digest_files(root, batch.names, ReadRules(ALL_ALGORITHMS))
            yield batch, [result._replace(device=1, inode=7) for result in results]

    known = DictSnapshot([DictList().listing(contents[b"wanted"])])
    with Journal.begin(tmp_path, {}) as journal, HardLinks(tmp_path) as links:
        ledger = Ledger(journal, known, ALL_ALGORITHMS)
        for _, results in read(iter([Batch(b"", tuple(contents), streams=False, defer_links=True)])):
            for result in results:
                links.put_off(result.name, result)
        for _ in links.read(read, ledger):
            pass
        links.enter(ledger)
        found = {finding.path: finding.outcome for finding in one_by_one(journal.findings())}
    os.close(root)
    assert found == {b"harmless": Outcome.NO_MATCH, b"wanted": Outcome.MATCH, b"wanted too": Outcome.MATCH}
    assert ledger.hard_links == 1
