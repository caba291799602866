"""A folder of what was begun at a service, for one run at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from subliminal import atomic
from subliminal.errors import UserError
from subliminal.store import try_lock


@contextmanager
def only_here(folder: Path) -> Iterator[None]:
    """Hold a folder, which need not exist yet; the system frees it if the holder dies.

    Raises:
        UserError: Another run holds it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise atomic.cannot_write(folder, error) from None
    lock = FileLock(folder / "lock")
    if not try_lock(lock):
        raise UserError(f"{folder}: another run waits for a service here; let it end first")
    try:
        yield
    finally:
        lock.release()
