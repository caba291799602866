"""Ctrl-C is the run's to handle: the processes that it starts never get it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Start processes that do not hear Ctrl-C, not even half-way into their imports."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, set())
    # Starting its tracker unblocks signals, so Python must do that before they are held back.
    resource_tracker.ensure_running()
    # What is started here inherits the mask.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
