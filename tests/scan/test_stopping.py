"""Stopping by signal: asked once, insisted upon the second time."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from hashmatch.scan.stopping import stopping_on_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_question(number: signal.Signals) -> None:
    """It sets the answer, and nothing is interrupted."""
    before = signal.getsignal(number)
    with stopping_on_signals() as stopped:
        assert not stopped()
        os.kill(os.getpid(), number)
        assert stopped()
    assert signal.getsignal(number) is before


def test_the_second_signal_interrupts() -> None:
    """Who presses Ctrl-C again does not wait for a report."""
    with stopping_on_signals():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_other_threads_take_no_signals() -> None:
    """A scan within a service leaves the service's handlers alone."""
    answers: list[bool] = []

    def use() -> None:
        with stopping_on_signals() as stopped:
            answers.append(stopped())

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert answers == [False]
