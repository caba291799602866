"""Rows of a file or data set, all in memory, for detectors that compare them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from filters.rows import Row, RowError, parse_row
from filters.sources import open_source
from subliminal.errors import UserError


def read_rows(source: str) -> list[Row]:
    """Read all rows of a source.

    Args:
        source: See :func:`filters.sources.open_source`.

    Raises:
        UserError: It cannot be read, or a line is no row.
    """
    return list(_rows(source))


def _rows(source: str) -> Iterator[Row]:
    with closing(open_source(source)) as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield parse_row(line)
            except RowError as error:
                raise UserError(f"{lines.name}:{number}: {error}") from error
