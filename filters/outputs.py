"""Files of rows that appear whole or not at all, however long they take to write."""

from __future__ import annotations

import gzip
import io
import os
import secrets
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self, cast

from filters.sources import BUFFER_BYTES, STANDARD_STREAM
from subliminal.atomic import cannot_write, sync_folder
from subliminal.errors import UserError


class Output:
    """A file of lines, plain or gzipped, that takes its place when it is committed.

    It is filled beside its place, as in :mod:`subliminal.atomic`; leaving the context without a
    commit removes it. Standard output and devices are written to as they are.

    Args:
        name: A path, gzipped if it ends with `.gz`, or `-` for standard output.

    Raises:
        UserError: Here or in a method: it cannot be written, or the disk is full.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._path = Path(name).resolve()
        self._aside: Path | None = None
        try:
            self._file = self._open()
        except OSError as error:
            raise cannot_write(Path(name), error) from error
        self._packed = _gzipped(self._file) if name.endswith(".gz") else self._file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # What is not committed is abandoned, and a full disk must not hide why.
        for file in (self._packed, self._file):
            with suppress(OSError):
                file.close()
        if self._aside is not None:
            self._aside.unlink(missing_ok=True)

    def write(self, line: bytes) -> None:
        """Append a line, which brings its own line end."""
        try:
            self._packed.write(line)
        except OSError as error:
            raise cannot_write(Path(self._name), error) from error

    def finish(self) -> None:
        """Flush everything to disk; nothing can be written any more."""
        try:
            if self._packed is not self._file:
                self._packed.close()
            self._file.flush()
            if self._aside is not None:
                os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            raise cannot_write(Path(self._name), error) from error

    def commit(self) -> None:
        """Take the place of what was there; only a finished output may be committed."""
        if self._aside is None:
            return
        try:
            self._aside.replace(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            raise cannot_write(Path(self._name), error) from error
        self._aside = None

    def _open(self) -> BinaryIO:
        if self._name == STANDARD_STREAM:
            return open(sys.stdout.fileno(), "wb", BUFFER_BYTES, closefd=False)
        if self._path.exists() and not self._path.is_file():
            return self._path.open("wb", BUFFER_BYTES)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unique = f"{os.getpid()}.{secrets.token_hex(4)}"
        aside = self._path.with_name(f".{self._path.name}.{unique}.tmp")
        file = aside.open("xb", BUFFER_BYTES)
        self._aside = aside
        return file


def commit_all(outputs: Iterable[Output]) -> None:
    """Finish all outputs, then put each in its place, so that a full disk changes none."""
    outputs = list(outputs)
    for output in outputs:
        output.finish()
    for output in outputs:
        output.commit()


def refuse_shared_places(source: str, outputs: Mapping[str, str]) -> None:
    """Refuse to write one file twice or over what is being read.

    Args:
        source: Name of the input.
        outputs: Option -> name of the output.

    Raises:
        UserError: Two names lead to one file, be it through links.
    """
    # Standard input and output are two streams, though they share a name.
    taken = {} if source == STANDARD_STREAM else {_identity(source): "--in"}
    for option, name in outputs.items():
        identity = _identity(name)
        if identity is None:
            continue
        if identity in taken:
            raise UserError(
                f"{option} {name}: is the same file as {taken[identity]}; give each its own"
            )
        taken[identity] = option


def _identity(name: str) -> object:
    """What two names of one file have in common; None for a device, which may be written twice."""
    if name == STANDARD_STREAM:
        return name
    path = Path(name).resolve()
    try:
        status = path.stat()
    except OSError:
        return path
    if path.exists() and not (path.is_file() or path.is_dir()):
        return None
    return (status.st_dev, status.st_ino)


def _gzipped(file: BinaryIO) -> BinaryIO:
    """A buffer before a compressor, which is slow at taking single lines; no time stamp."""
    packer = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0)
    return cast(BinaryIO, io.BufferedWriter(cast(io.RawIOBase, packer), BUFFER_BYTES))
