"""Rows of tasks of a user's own, from files of JSON lines and from what `datasets` reads."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from subliminal.data_sets import is_data_set, open_data_set, reading_errors, unreadable
from subliminal.errors import UserError
from subliminal.spec_file.faults import shown

_GZIP_MAGIC = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_rows(source: str, things: str) -> Iterator[tuple[str, object]]:
    """Read rows one by one.

    Args:
        source: A file of JSON lines (gzipped or not, whatever its name), a `.parquet` file, a
            folder saved by `Dataset.save_to_disk`, or `hub:OWNER/NAME` or `hub:OWNER/NAME:SPLIT`
            for a data set of the Hugging Face hub, whose split is `train` if left out.
        things: What the rows are, in the plural, for messages.

    Yields:
        Each row with the place that messages name.

    Raises:
        UserError: It is not there, cannot be read, needs a library that is not installed, or holds
            no rows.
    """
    rows = _of_data_set(source, things) if is_data_set(source) else _lines(Path(source), things)
    count = 0
    for placed in rows:
        count += 1
        yield placed
    if not count:
        raise UserError(f"{source}: holds no {things}; give a file with at least one")


def text_field(row: dict[str, Any], field: str, place: str, mend: str) -> str:
    """The text of a row's field, as it stands there.

    Args:
        row: The row.
        field: The field's name.
        place: What messages call the row.
        mend: What the user should do, for messages.

    Raises:
        UserError: The field is missing, no text, or blank.
    """
    if field not in row:
        names = ", ".join(map(shown, row)) or "no fields"
        raise UserError(f"{place}: {field}: is missing, the row has {names}; {mend}")
    text = row[field]
    if not isinstance(text, str) or not text.strip():
        raise UserError(f"{place}: {field}: must be text, not {shown(text)}; {mend}")
    return text


def _of_data_set(source: str, things: str) -> Iterator[tuple[str, object]]:
    rows = open_data_set(source, things)
    try:
        for number, row in enumerate(rows, 1):
            yield f"{source}: row {number}", row
    except reading_errors() as error:
        raise unreadable(source, error, things) from error


def _lines(path: Path, things: str) -> Iterator[tuple[str, object]]:
    try:
        with path.open("rb") as file:
            is_zipped = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        with gzip.open(path) if is_zipped else path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                text = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
                yield f"{path}:{number}", _from_json(text, f"{path}:{number}")
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(str(path), error, things) from error


def _from_json(line: bytes, place: str) -> object:
    try:
        return from_json(line)
    except ValueError as error:
        reason = error if line.strip() else "an empty line"
        raise UserError(f"{place}: not JSON ({reason}); mend or remove the line") from error
