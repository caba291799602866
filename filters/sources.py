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
from types import ModuleType
from typing import Any, BinaryIO, Protocol, cast

from pydantic_core import to_json

from subliminal.errors import UserError
from subliminal.packages import need

STANDARD_STREAM = "-"
HUB = "hub:"
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
            `.parquet` file, a folder saved by `Dataset.save_to_disk`, or `hub:NAME` or
            `hub:NAME:SPLIT` for a data set of the Hugging Face hub.

    Raises:
        UserError: It is not there, cannot be read, or needs a library that is not installed.
    """
    if name.startswith(HUB):
        return _hub(name)
    if name == STANDARD_STREAM:
        return LineSource("standard input", open(sys.stdin.fileno(), "rb", closefd=False))
    path = Path(name)
    if path.is_dir():
        return _saved_folder(path)
    if path.suffix == ".parquet":
        return _parquet(path)
    try:
        return LineSource(name, path.open("rb", buffering=BUFFER_BYTES))
    except OSError as error:
        raise _cannot_read(name, error) from error


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
            raise _cannot_read(f"{self.name}: after line {number}", error) from error

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
        except _reading_errors() as error:
            raise _cannot_read(f"{self.name}: after row {self._read}", error) from error

    def share_read(self) -> float | None:
        """See `Source`."""
        return self._read / self._rows if self._rows else None

    def close(self) -> None:
        """See `Source`."""


def _hub(name: str) -> DatasetSource:
    repository, _, split = name.removeprefix(HUB).partition(":")
    if not repository:
        raise UserError(f"{name}: the name of the data set is missing; write {HUB}OWNER/NAME")
    split = split or "train"
    library = _datasets(name)
    try:
        return DatasetSource(name, library.load_dataset(repository, split=split, streaming=True))
    except _reading_errors() as error:
        raise _cannot_read(name, error) from error


def _parquet(path: Path) -> DatasetSource:
    library = _datasets(str(path))
    try:
        dataset = library.load_dataset(
            "parquet", data_files=str(path), split="train", streaming=True
        )
    except _reading_errors() as error:
        raise _cannot_read(str(path), error) from error
    return DatasetSource(str(path), dataset)


def _saved_folder(path: Path) -> DatasetSource:
    library = _datasets(str(path))
    try:
        dataset = library.load_from_disk(str(path))
    except _reading_errors() as error:
        raise UserError(
            f"{path}: is a folder but no data set saved by save_to_disk ({_reason(error)}); "
            "give such a folder or a file"
        ) from error
    if isinstance(dataset, dict):
        splits = ", ".join(str(path / split) for split in dataset)
        raise UserError(f"{path}: holds several splits; give one of {splits}")
    return DatasetSource(str(path), dataset)


def _datasets(name: str) -> ModuleType:
    need("datasets", extra="lm", where=name)
    import datasets

    return cast(ModuleType, datasets)


def _reading_errors() -> tuple[type[Exception], ...]:
    """What the `datasets` library raises for data that is missing, broken or out of reach."""
    from datasets.exceptions import DatasetsError

    return (OSError, ValueError, DatasetsError)


def _size_of(file: BinaryIO) -> int | None:
    """The size of a regular file; None for a stream, whose end is not known."""
    size = os.fstat(file.fileno()).st_size
    return size if file.seekable() and size else None


def _cannot_read(name: str, error: Exception) -> UserError:
    return UserError(f"{name}: cannot be read ({_reason(error)}); give a readable source of rows")


def _reason(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(said.split()) or type(error).__name__
