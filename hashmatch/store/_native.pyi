# What native/module.c gives; hashmatch/store/portable.py has the same functions in Python.

from array import array
from collections.abc import Callable, Sequence
from typing import Final

from hashmatch.store.portable import Section

LANES: Final[tuple[int, ...]]

def key_state(key: bytes) -> bytes: ...
def seal(state: bytes, prefix: bytes, messages: Sequence[bytes | None], lanes: int = 0) -> bytes: ...
def sift(
    state: bytes, prefix: bytes, octets: bytes, size: int, sections: Sequence[Section] | None
) -> tuple[bytes, bytes]: ...
def ask(
    get: Callable[..., bytes | None], name: str, keys: bytes, width: int, positions: bytes, numbers: array[int]
) -> list[tuple[int, bytes]]: ...
def probe(
    state: bytes,
    prefix: bytes,
    rows: Sequence[tuple[bytes, ...]],
    position: int,
    size: int,
    sections: Sequence[Section],
    marks: bytearray,
) -> None: ...
def fill(blocks: bytearray, first: int, count: int, keys: bytes, width: int) -> None: ...
def close(blocks: bytearray, first: int, salt: int) -> None: ...
