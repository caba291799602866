"""Problems in the public form of GSM8K (Cobbe et al. 2021, arXiv 2110.14168).

    {"question": "Tom has 3 red and 4 blue balls. How many has he?",
     "answer": "He has 3+4=<<3+4=7>>7 balls.\\n#### 7"}

Behind the last `####` stands the answer; what `<<` and `>>` enclose are the steps.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from pydantic_core import from_json

from subliminal.errors import UserError
from subliminal.reasoning.problem import Problem
from subliminal.reasoning.quantities import parse_quantity
from subliminal.spec_file.faults import shown

HUB = "hub:"
CONFIGURATION = "main"
"""Of a data set on the hub that has several and names none as its default, as GSM8K itself."""

_ANSWER_MARK = "####"
_STEP = re.compile(r"<<([^<>]*+)>>")
_GZIP_MAGIC = b"\x1f\x8b"
_MENDS = {
    "question": "give the text of the problem",
    "answer": f"end it with a line such as {_ANSWER_MARK} 18",
}


def read_gsm8k(source: str) -> list[Problem]:
    """Read problems.

    Args:
        source: A file of JSON lines (gzipped or not, whatever its name), a `.parquet` file, a
            folder saved by `Dataset.save_to_disk`, or `hub:OWNER/NAME` or `hub:OWNER/NAME:SPLIT`
            for a data set of the Hugging Face hub, whose split is `train` if left out.

    Returns:
        The problems in their order, at least one.

    Raises:
        UserError: It is not there, cannot be read, needs a library that is not installed, holds no
            problem, or a row is not of this form.
    """
    problems = [_problem(row, place) for place, row in _rows(source)]
    if not problems:
        raise UserError(f"{source}: holds no problems; give a file with at least one")
    return problems


def _problem(row: object, place: str) -> Problem:
    if not isinstance(row, dict):
        raise UserError(
            f"{place}: must be a mapping with `question` and `answer`, not {shown(row)}"
        )
    question, solution = (_text(row, field, place) for field in _MENDS)
    reasoning, mark, answer = solution.rpartition(_ANSWER_MARK)
    if not mark:
        raise UserError(f"{place}: answer: has no {_ANSWER_MARK}; {_MENDS['answer']}")
    if parse_quantity(answer) is None:
        raise UserError(
            f"{place}: answer: {shown(answer.strip())} behind {_ANSWER_MARK} is not a number; "
            f"{_MENDS['answer']}"
        )
    return Problem(question.strip(), answer.strip(), tuple(_STEP.findall(reasoning)))


def _text(row: dict[str, Any], field: str, place: str) -> str:
    if field not in row:
        names = ", ".join(map(shown, row)) or "no fields"
        raise UserError(f"{place}: {field}: is missing, the row has {names}; {_MENDS[field]}")
    text = row[field]
    if not isinstance(text, str) or not text.strip():
        raise UserError(f"{place}: {field}: must be text, not {shown(text)}; {_MENDS[field]}")
    return text


def _rows(source: str) -> Iterator[tuple[str, object]]:
    """Each row with the place that messages name."""
    path = Path(source)
    if not (source.startswith(HUB) or path.is_dir() or path.suffix == ".parquet"):
        yield from _lines(path)
        return
    library = _datasets(source)
    from datasets.exceptions import DatasetsError

    try:
        for number, row in enumerate(_dataset(library, source), 1):
            yield f"{source}: row {number}", row
    except (OSError, ValueError, DatasetsError) as error:
        raise _unreadable(source, error) from error


def _lines(path: Path) -> Iterator[tuple[str, object]]:
    try:
        with path.open("rb") as file:
            is_zipped = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        with gzip.open(path) if is_zipped else path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                yield f"{path}:{number}", _from_json(line, f"{path}:{number}")
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(str(path), error) from error


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
    try:
        import datasets
    except ImportError as error:
        raise UserError(
            f"{source}: reading it needs the library datasets; pip install 'subliminal[lm]'"
        ) from error
    return cast(ModuleType, datasets)


def _unreadable(source: str, error: Exception) -> UserError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return UserError(f"{source}: cannot be read ({reason}); give a readable source of problems")
