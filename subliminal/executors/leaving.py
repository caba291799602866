"""How processes end: with the one that started them, and without being taken apart."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import NoReturn

SECONDS_BETWEEN_LOOKS_AT_THE_PARENT = 0.5


def leave_with(parent: int) -> None:
    """Start to watch the parent process; do not outlive it, however it dies."""
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS_AT_THE_PARENT)
    os._exit(1)


def leave(code: int) -> NoReturn:
    """End this process at once, with what it has written and said, and without Python's clean-up.

    Threads of PyTorch's that connect processes live on where a model was shared out. One that lets
    go of a tensor while the interpreter is taken apart aborts the process, whose work is done.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
