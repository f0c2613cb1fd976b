"""What a scan's workers do with a batch: read it beneath the evidence root with the hashing engine."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from hashmatch.evidence.reader import EvidenceReader
from hashmatch.evidence.source import SourceFacts
from hashmatch.evidence.tree import Files
from hashmatch.hashing.engine import Engine, FileResult, ReadRules
from hashmatch.hashing.portable import PortableEngine
from hashmatch.scan.batch import Batch


class EvidenceExaminer:
    """Reads batches of one source."""

    def __init__(self, reader: EvidenceReader, engine: Engine, rules: ReadRules) -> None:
        self._reader = reader
        self._engine = engine
        self._rules = {defer: dataclasses.replace(rules, defer_links=defer) for defer in (False, True)}

    @property
    def description(self) -> str:
        return self._engine.description

    def examine(self, batch: Batch) -> list[FileResult]:
        """Return a result for every name in order, then one for every alternate stream found on the way."""
        files = Files(batch.directory, batch.names, batch.streams)
        return self._reader.examine(self._engine, files, self._rules[batch.defer_links])


@dataclass(frozen=True, slots=True)
class OpenEvidence:
    """What it takes to open the source, in this process or in a worker."""

    root: bytes
    identity: tuple[int, int]
    cross_mounts: bool
    ntfs: bool
    one_device: bool
    rules: ReadRules

    @classmethod
    def of(cls, source: SourceFacts, rules: ReadRules, *, cross_mounts: bool) -> OpenEvidence:
        ntfs = source.ntfs
        return cls(source.path_bytes, source.identity, cross_mounts, ntfs, source.one_device, rules)

    def reader(self) -> EvidenceReader:
        """Open the source.

        Raises:
            SourceUnusable: it cannot be opened, or is another directory than it was.
        """
        return EvidenceReader(
            self.root, self.identity, cross_mounts=self.cross_mounts, ntfs=self.ntfs, one_device=self.one_device
        )

    def __call__(self) -> EvidenceExaminer:
        return EvidenceExaminer(self.reader(), PortableEngine(), self.rules)
