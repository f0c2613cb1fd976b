"""Stopping a scan from outside: the first signal asks, the second one insists."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping_on_signals() -> Iterator[Callable[[], bool]]:
    """Yield a question: has SIGINT or SIGTERM come? A second one does what it would have done without us.

    A KeyboardInterrupt in the middle of a write would leave the journal in doubt; a question that is asked between
    two steps does not. Outside the main thread Python takes no signals, and the answer is always no.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    asked = threading.Event()
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def stop(_number: int, _frame: FrameType | None) -> None:
        asked.set()
        restore()

    for number in _SIGNALS:
        signal.signal(number, stop)
    try:
        yield asked.is_set
    finally:
        restore()
