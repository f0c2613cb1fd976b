"""What holds an engine to its contract: a result for every file, in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hashmatch.digests import Algorithm
from hashmatch.errors import HashmatchError
from hashmatch.evidence.reader import EvidenceReader
from hashmatch.evidence.tree import Files
from hashmatch.hashing.engine import FileResult, ReadRules
from hashmatch.hashing.portable import PortableEngine

NAMES = (b"a", b"b", b"c")


class Careless(PortableEngine):
    """An engine whose results something happens to."""

    def __init__(self, change: Callable[[list[FileResult]], list[FileResult]]) -> None:
        super().__init__()
        self._change = change

    def digest_files(self, directory: int, names: Sequence[bytes], rules: ReadRules) -> list[FileResult]:
        return self._change(super().digest_files(directory, names, rules))


@pytest.mark.parametrize(
    "change",
    [
        lambda results: results[:-1],
        lambda results: results[:0],
        lambda results: results[::-1],
        lambda results: [results[0], results[0], results[2]],
    ],
    ids=["last left out", "none", "another order", "one twice"],
)
@pytest.mark.parametrize("streams", [False, True])
def test_files_that_an_engine_leaves_out_stop_the_scan(
    change: Callable[[list[FileResult]], list[FileResult]], streams: bool, tmp_path: Path
) -> None:
    """No file is without a result, and none gets another one's."""
    for name in NAMES:
        (tmp_path / name.decode()).write_bytes(name)
    status = tmp_path.stat()
    rules = ReadRules((Algorithm.SHA256,))
    with EvidenceReader(os.fsencode(tmp_path), (status.st_dev, status.st_ino)) as reader:
        assert len(reader.examine(PortableEngine(), Files(b"", NAMES, streams), rules)) == len(NAMES)
        with pytest.raises(HashmatchError, match="a result for each of 3 files"):
            reader.examine(Careless(change), Files(b"", NAMES, streams), rules)
