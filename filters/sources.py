"""Where rows come from: JSON lines, plain or gzipped, or what the `datasets` library reads.

Every source gives its rows as lines of JSON in bytes, so that all go one way from there, and holds
one line or one small batch in memory at a time.
"""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from pydantic_core import to_json

from subliminal.data_sets import is_data_set, open_data_set, reading_errors, unreadable

STANDARD_STREAM = "-"
BUFFER_BYTES = 2**20
ROWS_IN_A_BATCH = 1000
_GZIP_MAGIC = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Source(Protocol):
    """Rows in order, as lines of JSON; a context manager."""

    @property
    def name(self) -> str:
        """The source as the user wrote it."""
        ...

    def __iter__(self) -> Iterator[bytes]: ...

    def share_read(self) -> float | None:
        """How much of it has been read, from 0 to 1, if that can be known."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...


def open_source(name: str) -> Source:
    """Open a source of rows.

    Args:
        name: A file of JSON lines (gzipped or not, whatever its name), `-` for standard input, a
            `.parquet` file, a folder saved by `Dataset.save_to_disk`, or `hub:OWNER/NAME`
            or `hub:OWNER/NAME:SPLIT` for a data set of the Hugging Face hub.

    Raises:
        UserError: It is not there, cannot be read, or needs a library that is not installed.
    """
    if name == STANDARD_STREAM:
        return LineSource("standard input", open(sys.stdin.fileno(), "rb", closefd=False))
    if is_data_set(name):
        return DatasetSource(name, open_data_set(name))
    try:
        return LineSource(name, Path(name).open("rb", buffering=BUFFER_BYTES))
    except OSError as error:
        raise unreadable(name, error) from error


class LineSource:
    """Lines of a file or a stream; gzip is known by its first bytes."""

    def __init__(self, name: str, file: BinaryIO) -> None:
        self.name = name
        self._stack = ExitStack()
        self._file = self._stack.enter_context(file)
        self._size = _size_of(file)

    def __iter__(self) -> Iterator[bytes]:
        number = 0
        try:
            lines = iter(self._decompressed())
            first = next(lines, None)
            if first is not None:
                yield first.removeprefix(_BYTE_ORDER_MARK)
            for number, line in enumerate(lines, 2):  # noqa: B007 the error below tells it
                yield line
        except (OSError, EOFError, zlib.error) as error:
            raise unreadable(f"{self.name}: after line {number}", error) from error

    def share_read(self) -> float | None:
        """See `Source`."""
        return min(self._file.tell() / self._size, 1.0) if self._size else None

    def close(self) -> None:
        """See `Source`."""
        self._stack.close()

    def _decompressed(self) -> BinaryIO:
        reader = cast(io.BufferedReader, self._file)
        if not reader.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC):
            return self._file
        unzipped = self._stack.enter_context(gzip.GzipFile(fileobj=self._file))
        return self._stack.enter_context(io.BufferedReader(unzipped, BUFFER_BYTES))


class DatasetSource:
    """Rows of a data set of the `datasets` library, read as Arrow tables."""

    def __init__(self, name: str, dataset: Any) -> None:
        self.name = name
        self._dataset = dataset
        self._rows = getattr(dataset, "num_rows", None)
        self._read = 0

    def __iter__(self) -> Iterator[bytes]:
        tables: Iterable[Any] = self._dataset.with_format("arrow").iter(ROWS_IN_A_BATCH)
        try:
            for table in tables:
                for row in table.to_pylist():
                    self._read += 1
                    yield to_json(row, inf_nan_mode="constants", bytes_mode="base64", fallback=str)
        except reading_errors() as error:
            raise unreadable(f"{self.name}: after row {self._read}", error) from error

    def share_read(self) -> float | None:
        """See `Source`."""
        return self._read / self._rows if self._rows else None

    def close(self) -> None:
        """See `Source`."""


def _size_of(file: BinaryIO) -> int | None:
    """The size of a regular file; None for a stream, whose end is not known."""
    size = os.fstat(file.fileno()).st_size
    return size if file.seekable() and size else None
