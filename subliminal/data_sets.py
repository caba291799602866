"""Data sets that the `datasets` library reads: of the hub, saved folders and Parquet files."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from subliminal.errors import UserError
from subliminal.packages import need

HUB = "hub:"
CONFIGURATION = "main"
"""Of a data set on the hub that has several and names none as its default, as GSM8K."""
_PARQUET = ".parquet"


def is_data_set(source: str) -> bool:
    """Whether a source of rows is one for the library, rather than lines of a file."""
    path = Path(source)
    return source.startswith(HUB) or path.is_dir() or path.suffix == _PARQUET


def open_data_set(source: str, things: str = "rows") -> Any:
    """Open a data set; rows of the hub and of Parquet files are fetched as they are read.

    Args:
        source: A `.parquet` file, a folder saved by `Dataset.save_to_disk`, or `hub:OWNER/NAME` or
            `hub:OWNER/NAME:SPLIT` for a data set of the Hugging Face hub, whose split is `train`
            if left out.
        things: What the rows are, in the plural, for messages.

    Returns:
        A `Dataset` or `IterableDataset`. Reading it may raise what `reading_errors()` lists.

    Raises:
        UserError: It is not there, cannot be read, holds several splits, or needs the library,
            which is not installed.
    """
    need("datasets", extra="lm", where=source)
    import datasets

    if source.startswith(HUB):
        read = _of_hub
    else:
        read = _of_parquet if Path(source).suffix == _PARQUET else _of_folder
    try:
        return read(datasets, source)
    except reading_errors() as error:
        raise unreadable(source, error, things) from error


def reading_errors() -> tuple[type[Exception], ...]:
    """What the library raises for data that is missing, broken or out of reach."""
    from datasets.exceptions import DatasetsError

    return (OSError, ValueError, DatasetsError)


def unreadable(source: str, error: Exception, things: str = "rows") -> UserError:
    """What to tell of a source that cannot be read.

    Args:
        source: As the user wrote it.
        error: What went wrong.
        things: What its rows are, in the plural.
    """
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    reason = " ".join(said.split()) or type(error).__name__
    return UserError(f"{source}: cannot be read ({reason}); give a readable source of {things}")


def _of_hub(library: ModuleType, source: str) -> Any:
    name, _, split = source.removeprefix(HUB).partition(":")
    if not name:
        raise UserError(f"{source}: the name of the data set is missing; write {HUB}OWNER/NAME")
    configuration = library.get_dataset_default_config_name(name) or CONFIGURATION
    return library.load_dataset(name, configuration, split=split or "train", streaming=True)


def _of_parquet(library: ModuleType, source: str) -> Any:
    return library.load_dataset("parquet", data_files=source, split="train", streaming=True)


def _of_folder(library: ModuleType, source: str) -> Any:
    saved = library.load_from_disk(source)
    if isinstance(saved, dict):
        splits = ", ".join(str(Path(source) / split) for split in saved)
        raise UserError(f"{source}: holds several splits; give one of {splits}")
    return saved
