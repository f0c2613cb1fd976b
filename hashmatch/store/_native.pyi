# What native/module.c gives; hashmatch/store/portable.py has the same functions in Python.

from collections.abc import Sequence
from typing import Final

from hashmatch.store.portable import Section

LANES: Final[tuple[int, ...]]

def key_state(key: bytes) -> bytes: ...
def seal(state: bytes, prefix: bytes, messages: Sequence[bytes | None], lanes: int = 0) -> bytes: ...
def order(state: bytes, prefix: bytes, messages: Sequence[bytes]) -> tuple[list[bytes], list[int]]: ...
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
