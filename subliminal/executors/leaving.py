"""Processes that do not outlive the one that started them."""

from __future__ import annotations

import os
import threading
import time

SECONDS_BETWEEN_LOOKS_AT_THE_PARENT = 0.5


def leave_with(parent: int) -> None:
    """Start to watch the parent process; do not outlive it, however it dies."""
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS_AT_THE_PARENT)
    os._exit(1)
