"""Checksums of files, those of large ones remembered on this machine.

Every worker compares the weights that it loads with those that the plan saw, and to read many
gigabytes for that takes as long as to load them.
"""

from __future__ import annotations

import hashlib
import os
import time
from functools import lru_cache
from pathlib import Path

from subliminal import atomic
from subliminal.errors import UserError
from subliminal.user_cache import user_cache

LARGE = 2**26
"""Bytes from which on a checksum is remembered: below, a file is read as soon as its record is."""
SETTLED_SECONDS = 10
"""A file that was changed less long ago may be changed again within one tick of its clock."""


def checksum(path: Path) -> bytes:
    """SHA-256 of a file; read again only if its size, its times or its place have changed.

    Raises:
        OSError: It cannot be read.
    """
    about = path.stat()
    # The time of the last change to the file's entry as well, which nobody can set back.
    state = (about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino)
    return _in_this_process(path.resolve(), state)


@lru_cache(maxsize=1024)
def _in_this_process(path: Path, state: tuple[int, ...]) -> bytes:
    if state[0] < LARGE:
        return _read(path)
    record = _record(path, state)
    known = _remembered(record)
    if known is not None:
        return known
    found = _read(path)
    if time.time() - max(state[1:3]) / 1e9 > SETTLED_SECONDS:
        _remember(record, found)
    return found


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _record(path: Path, state: tuple[int, ...]) -> Path:
    named = hashlib.sha256(repr((os.fsencode(path), state)).encode()).hexdigest()
    return user_cache() / "checksums" / named


def _remembered(record: Path) -> bytes | None:
    """What a record says; None where there is none that can be used."""
    try:
        found = bytes.fromhex(record.read_text("ascii"))
    except (OSError, ValueError):
        return None
    return found if len(found) == hashlib.sha256().digest_size else None


def _remember(record: Path, found: bytes) -> None:
    try:
        atomic.write_text(record, found.hex())
    except UserError:
        return  # The cache cannot be written: the file is read again the next time.
