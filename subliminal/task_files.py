"""Rows of tasks of a user's own, from files of JSON lines and from what `datasets` reads."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from pydantic_core import from_json

from subliminal.errors import UserError
from subliminal.packages import need
from subliminal.spec_file.faults import shown

HUB = "hub:"
CONFIGURATION = "main"
"""Of a data set on the hub that has several and names none as its default, as GSM8K."""

_GZIP_MAGIC = b"\x1f\x8b"


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
    path = Path(source)
    if source.startswith(HUB) or path.is_dir() or path.suffix == ".parquet":
        rows = _dataset_rows(source, things)
    else:
        rows = _lines(path, things)
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


def _dataset_rows(source: str, things: str) -> Iterator[tuple[str, object]]:
    library = _datasets(source)
    from datasets.exceptions import DatasetsError

    try:
        for number, row in enumerate(_dataset(library, source), 1):
            yield f"{source}: row {number}", row
    except (OSError, ValueError, DatasetsError) as error:
        raise _unreadable(source, things, error) from error


def _lines(path: Path, things: str) -> Iterator[tuple[str, object]]:
    try:
        with path.open("rb") as file:
            is_zipped = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        with gzip.open(path) if is_zipped else path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                yield f"{path}:{number}", _from_json(line, f"{path}:{number}")
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(str(path), things, error) from error


def _from_json(line: bytes, place: str) -> object:
    try:
        return from_json(line)
    except ValueError as error:
        raise UserError(f"{place}: not JSON ({error}); mend or remove the line") from error


def _dataset(library: ModuleType, source: str) -> Iterable[object]:
    if not source.startswith(HUB):
        if source.endswith(".parquet"):
            return cast(
                Iterable[object],
                library.load_dataset("parquet", data_files=source, split="train", streaming=True),
            )
        saved = library.load_from_disk(source)
        if isinstance(saved, dict):
            splits = ", ".join(str(Path(source) / split) for split in saved)
            raise UserError(f"{source}: holds several splits; give one of {splits}")
        return cast(Iterable[object], saved)
    name, _, split = source.removeprefix(HUB).partition(":")
    if not name:
        raise UserError(f"{source}: the name of the data set is missing; write {HUB}OWNER/NAME")
    configuration = library.get_dataset_default_config_name(name) or CONFIGURATION
    return cast(
        Iterable[object],
        library.load_dataset(name, configuration, split=split or "train", streaming=True),
    )


def _datasets(source: str) -> ModuleType:
    need("datasets", extra="lm", where=source)
    import datasets

    return cast(ModuleType, datasets)


def _unreadable(source: str, things: str, error: Exception) -> UserError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return UserError(f"{source}: cannot be read ({reason}); give a readable source of {things}")
