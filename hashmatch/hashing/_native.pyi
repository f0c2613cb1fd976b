from collections.abc import Callable, Iterable
from typing import final

from _typeshed import ReadableBuffer

from hashmatch.hashing.engine import FileResult
from hashmatch.outcomes import FailureReason

@final
class Stream:
    def __new__(cls, algorithms: int) -> Stream: ...
    def update(self, buffer: ReadableBuffer, /) -> None: ...
    def digests(self) -> tuple[bytes, ...]: ...

@final
class Engine:
    def __init__(
        self,
        *,
        algorithms: int,
        threads: int,
        read_size: int,
        result: type[FileResult],
        explain: Callable[[int, int], FailureReason],
    ) -> None: ...
    @property
    def bytes_read(self) -> int: ...
    def submit(
        self,
        ticket: int,
        directory: int,
        names: tuple[bytes, ...],
        device: int | None,
        defer_links: bool,
        max_bytes: int | None,
        sizes: bytes | None,
        /,
    ) -> None: ...
    def take(self, wanted: int, seconds: float, /) -> list[tuple[int, list[FileResult]]]: ...
    def close(self, seconds: float, /) -> None: ...

def update_streams(streams: Iterable[Stream], buffers: Iterable[ReadableBuffer], /) -> None: ...
def digest_buffers(algorithms: int, buffers: Iterable[ReadableBuffer], /) -> list[tuple[bytes, ...]]: ...
def kernels() -> tuple[str, ...]: ...
def use_kernel(name: str, /) -> None: ...
def kernel() -> str: ...
def description() -> str: ...
