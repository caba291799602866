"""Code tasks of a user's own.

{"text": "Return the sum of the numbers.", "signature": "def total(numbers):",
 "tests": [{"args": [[1, 2]], "result": 3}]}
"""

from __future__ import annotations

import ast
import json
from typing import Any

from subliminal.code_tasks.task import UNKNOWN_PARAMETERS, CodeTask, Test
from subliminal.errors import UserError
from subliminal.spec_file.faults import shown
from subliminal.task_files import read_rows, text_field

_TEXT = "say what the function is to do"
_SIGNATURE = "write one such as def total(numbers):"
_FUNCTION = "write a name such as total, or give a signature"
_TESTS = 'write a list such as [{"args": [[1, 2]], "result": 3}], or leave it out'


def read_code_tasks(source: str) -> list[CodeTask]:
    """Read tasks.

    Args:
        source: A file, a folder or a data set of the hub, as in :func:`task_files.read_rows`. Each
            row has `text`; `signature`, or `function` with the name alone where parameters are
            free; and, if the code is to be run, `tests`: a list of `{"args": [...], "result":
            ...}`, or its JSON, which tables such as Parquet need for arguments of several types.

    Returns:
        The tasks in their order, at least one.

    Raises:
        UserError: It is not there, cannot be read, needs a library that is not installed, holds no
            task, or a row is not of this form.
    """
    return [_task(row, place) for place, row in read_rows(source, "tasks")]


def _task(row: object, place: str) -> CodeTask:
    if not isinstance(row, dict):
        raise UserError(f"{place}: must be a mapping with `text` and `signature`, not {shown(row)}")
    text = text_field(row, "text", place, _TEXT)
    task = CodeTask(text.strip(), _signature(row, place), _tests(row.get("tests"), place))
    _check_calls(task, place)
    return task


def _signature(row: dict[str, Any], place: str) -> str:
    # A column of a table has an empty value in the rows that lack it.
    if row.get("signature") is None and row.get("function") is not None:
        name = text_field(row, "function", place, _FUNCTION).strip()
        if _function(f"def {name}():") is None:
            raise UserError(f"{place}: function: {shown(name)} is no name; {_FUNCTION}")
        return f"def {name}({UNKNOWN_PARAMETERS}):"
    text = text_field(row, "signature", place, _SIGNATURE).strip()
    signature = f"{text.removesuffix(':').rstrip()}:"
    if _function(signature) is None:
        raise UserError(f"{place}: signature: {shown(text)} is no signature; {_SIGNATURE}")
    return signature


def _function(signature: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The function that begins with a signature; None if it is no signature, or more than one."""
    try:
        tree = ast.parse(f"{signature} pass")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    match tree.body:
        case [
            ast.FunctionDef(decorator_list=[], body=[ast.Pass()])
            | ast.AsyncFunctionDef(decorator_list=[], body=[ast.Pass()]) as function
        ]:
            return function
    return None


def _check_calls(task: CodeTask, place: str) -> None:
    """See that each test can be passed: no code could mend one that cannot."""
    function = _function(task.signature)
    if function is None or not task.tests:  # Free parameters take any arguments.
        return
    if isinstance(function, ast.AsyncFunctionDef):
        raise UserError(
            f"{place}: tests: a coroutine returns nothing that could be compared; leave them out, "
            "or ask for a function"
        )
    for number, test in enumerate(task.tests):
        if not _takes(function.args, len(test["args"])):
            raise UserError(
                f"{place}: tests.{number}: args: {shown(task.signature)} cannot be called with "
                f"{len(test['args'])} arguments; mend the test or the signature"
            )


def _takes(parameters: ast.arguments, count: int) -> bool:
    """Whether a function can be called with so many arguments by position."""
    most = len(parameters.posonlyargs) + len(parameters.args)
    least = most - len(parameters.defaults)
    return (
        least <= count
        and (count <= most or parameters.vararg is not None)
        and None not in parameters.kw_defaults
    )


def _tests(value: object, place: str) -> tuple[Test, ...]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{place}: tests: not JSON ({error}); {_TESTS}") from error
    if value is None:
        return ()
    if not isinstance(value, list):
        raise UserError(f"{place}: tests: must be a list, not {shown(value)}; {_TESTS}")
    return tuple(_test(test, f"{place}: tests.{number}") for number, test in enumerate(value))


def _test(test: object, place: str) -> Test:
    if not isinstance(test, dict) or "result" not in test or not isinstance(test.get("args"), list):
        raise UserError(
            f"{place}: must have a list `args` and a `result`, not {shown(test)}; {_TESTS}"
        )
    read = {"args": test["args"], "result": test["result"]}
    # A table gives every test the fields of all, empty where it lacks them.
    for name in test.keys() - read.keys():
        if test[name] is not None:
            raise UserError(f"{place}: {shown(name)}: unknown field; {_TESTS}")
    try:
        json.dumps(read, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(f"{place}: JSON cannot hold it ({error}); {_TESTS}") from error
    return read
