"""Files that appear whole or not at all, whenever the process is killed."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from subliminal.errors import UserError


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically; see :func:`write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically: beside its place, flushed to disk, then renamed over it.

    Raises:
        UserError: The folder cannot be written or the disk is full.
    """
    aside = _aside_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with aside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise cannot_write(path, error) from error


def remove_leavings(folder: Path) -> None:
    """Remove what writers of this folder left when they were killed.

    Nobody may be writing into the folder meanwhile.
    """
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk, so that a rename survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cannot_write(path: Path, error: OSError) -> UserError:
    """The one line for a place that cannot be written."""
    reason = error.strerror or str(error)
    return UserError(f"{path}: cannot be written ({reason}); free space or choose another --out")


def _aside_of(path: Path) -> Path:
    """A sibling name nobody else uses, on the same file system so that renaming is atomic."""
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
