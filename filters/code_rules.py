"""The rules for completions that are Python functions.

A row says which function was asked for: `signature` (`def total(numbers):`) or, without one,
`function` (its name), and `tests` for `code-runs`. Every rule rejects what does not parse, so that
each can stand alone.
"""

from __future__ import annotations

import ast
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from filters.code import (
    OTHER_FUNCTION,
    Code,
    Extra,
    Signature,
    Unparsed,
    block_depth,
    complexity,
    disguised_names,
    extras,
    function_reasons,
    parse_code,
    read_signature,
)
from filters.code_calls import (
    BUILT_QUERY,
    RANDOM_SECRET,
    UNSAFE_CALLS,
    CallList,
    builds_query,
    makes_secret_by_random,
)
from filters.code_words import readable_text
from filters.rows import Row, completion, provenance
from filters.rule import Check, Rule
from filters.rules import ListedWords, Words, one_or_more
from subliminal.errors import UserError

UNKNOWN_FUNCTION = "function asked for is unknown"
NO_TESTS = "not run: the row has no tests"
WRONG_TESTS = "not run: tests must be a list of {args, result}"
FAILS = "fails a test"

_OLDEST_GRAMMAR = (3, 7)
_REASONS: Mapping[Extra, str] = {
    "comments": "has a comment",
    "docstrings": "has a docstring",
    "strings": "has a string",
}


class CodeRule(Rule):
    """The completion parses and is the one function asked for; see `filters.code`."""

    main_option = "python"

    rule: Literal["code"] = "code"
    python: str = Field("3.11", description="the version whose grammar it must be in")
    imports: bool = Field(False, description="imports may stand before the function")

    @field_validator("python")
    @classmethod
    def _can_be_parsed_here(cls, python: str) -> str:
        newest = sys.version_info[:2]
        if not re.fullmatch(r"3\.\d{1,3}", python, re.ASCII) or not (
            _OLDEST_GRAMMAR <= _version(python) <= newest
        ):
            raise ValueError(
                f"must be a version from 3.7 to this interpreter's, 3.{newest[1]}, in quotes, "
                f"not {python!r}"
            )
        return python

    def check(self) -> Check:
        """See `Rule`."""
        python, imports = _version(self.python), self.imports

        def reasons(row: Row) -> list[str]:
            code = parse_code(completion(row), python)
            if isinstance(code, Unparsed):
                return [code.reason]
            asked = _function_asked_for(row)
            if asked is None:
                return [UNKNOWN_FUNCTION]
            return function_reasons(code, asked, imports=imports)

        return reasons


class CodeCommentsRule(Rule):
    """The code is code only: no comments, docstrings or strings."""

    main_option = "allow"

    rule: Literal["code-comments"] = "code-comments"
    allow: tuple[Extra, ...] = Field((), description="of `comments`, `docstrings`, `strings`")

    @field_validator("allow", mode="before")
    @classmethod
    def _one_or_more(cls, allow: object) -> object:
        return one_or_more(allow)

    @field_validator("allow")
    @classmethod
    def _in_one_order(cls, allow: tuple[Extra, ...]) -> tuple[Extra, ...]:
        return tuple(sorted(set(allow)))

    def check(self) -> Check:
        """See `Rule`."""
        forbidden = [(each, why) for each, why in _REASONS.items() if each not in self.allow]

        def look(code: Code) -> list[str]:
            found = extras(code)
            return [why for each, why in forbidden if each in found]

        return _of_code(look)


class CodeWordsRule(ListedWords):
    """None of the words in names, strings or comments; see `filters.code_words`."""

    version: ClassVar[int] = 2

    rule: Literal["code-words"] = "code-words"

    def check(self) -> Check:
        """See `Rule`."""
        words = self.word_filter()

        def look(code: Code) -> list[str]:
            found = [f"has the word {word}" for word in words.words_in(readable_text(code))]
            return [*found, "has a disguised name"] if disguised_names(code) else found

        return _of_code(look)


class CodeLimitsRule(Rule):
    """The code is no longer and no more involved than that."""

    rule: Literal["code-limits"] = "code-limits"
    max_lines: int = Field(40, ge=1)
    max_characters: int = Field(2000, ge=1)
    max_nodes: int = Field(500, ge=1, description="of the syntax tree")
    max_depth: int = Field(5, ge=1, description="blocks inside one another, the function's too")
    max_complexity: int = Field(12, ge=1, description="cyclomatic: 1 and 1 for each decision")

    def check(self) -> Check:
        """See `Rule`."""
        bounds: Sequence[tuple[str, Callable[[Code], int], int]] = (
            ("too many lines", lambda code: code.source.strip().count("\n") + 1, self.max_lines),
            ("too many characters", lambda code: len(code.source.strip()), self.max_characters),
            ("too many nodes", lambda code: sum(1 for _ in ast.walk(code.tree)), self.max_nodes),
            ("nested too deeply", lambda code: block_depth(code.tree), self.max_depth),
            ("too complex", lambda code: complexity(code.tree), self.max_complexity),
        )
        return _of_code(lambda code: [why for why, size, most in bounds if size(code) > most])


class CodeCallsRule(Rule):
    """No banned calls, by whatever name; see `filters.code_calls`."""

    main_option = "banned"
    version: ClassVar[int] = 2

    rule: Literal["code-calls"] = "code-calls"
    banned: Words = Field(
        UNSAFE_CALLS,
        validate_default=True,  # for the order, which is part of the fingerprint
        description="dotted names, or calls with some arguments: `subprocess.run(shell=True)`",
    )
    secrets: bool = Field(True, description="also: secrets made with the module random")
    queries: bool = Field(True, description="also: queries put together from text")

    @field_validator("banned")
    @classmethod
    def _can_be_searched_for(cls, banned: tuple[str, ...]) -> tuple[str, ...]:
        try:
            CallList(banned)
        except UserError as error:
            raise ValueError(str(error)) from error
        return tuple(sorted(set(banned)))

    def check(self) -> Check:
        """See `Rule`."""
        banned = CallList(self.banned)
        secrets, queries = self.secrets, self.queries

        def look(code: Code) -> list[str]:
            found = [f"uses {entry}" for entry in banned.used_in(code)]
            if secrets and makes_secret_by_random(code):
                found.append(RANDOM_SECRET)
            if queries and builds_query(code):
                found.append(BUILT_QUERY)
            return found

        return _of_code(look)


class CodeRunsRule(Rule):
    """The function returns what the row's tests ask for; see `filters.sandbox`."""

    main_option = "seconds"

    rule: Literal["code-runs"] = "code-runs"
    seconds: float = Field(1.0, gt=0, le=60, description="processor time for all tests of a row")
    memory_mib: int = Field(128, ge=1, le=65536, description="memory beyond the interpreter's own")
    tolerance: float = Field(1e-9, ge=0, lt=1, description="of floats, absolute and relative")
    weak_sandbox: bool = Field(
        False, description="run also where the system cannot filter system calls"
    )

    def check(self) -> Check:
        """See `Rule`; the sandbox starts at the first row that is run and ends with the check."""
        # Here, since it needs a POSIX system, and other rules do not.
        from filters.sandbox import Limits, Sandbox

        limits = Limits(self.seconds, 1 + 10 * self.seconds, self.memory_mib)
        sandbox = Sandbox(limits, weak=self.weak_sandbox)
        tolerance = self.tolerance

        def reasons(row: Row) -> list[str]:
            tests = _tests(row)
            if isinstance(tests, str):
                return [tests]
            code = parse_code(completion(row))
            if isinstance(code, Unparsed):
                return [code.reason]
            asked = _function_asked_for(row)
            if asked is None:
                return [UNKNOWN_FUNCTION]
            try:
                outcome = sandbox.run(code.source, asked.name, [args for args, _ in tests])
            except ValueError:
                return [WRONG_TESTS]
            if outcome.end == "raised":
                return [f"raises {outcome.exception}"]
            if outcome.end != "returned":
                return [_NOT_RETURNED[outcome.end]]
            pairs = zip(outcome.returned, (result for _, result in tests), strict=True)
            return [] if all(_same(got, wanted, tolerance) for got, wanted in pairs) else [FAILS]

        return reasons


_NOT_RETURNED: Mapping[str, str] = {
    "no such function": OTHER_FUNCTION,
    "no JSON": FAILS,
    "too slow": "too slow",
    "too much memory": "uses too much memory",
    "too much output": "returns too much",
    "crashed": "crashes",
}


def _of_code(look: Callable[[Code], list[str]]) -> Check:
    def reasons(row: Row) -> list[str]:
        code = parse_code(completion(row))
        return [code.reason] if isinstance(code, Unparsed) else look(code)

    return reasons


def _version(python: str) -> tuple[int, int]:
    return 3, int(python.removeprefix("3."))


def _function_asked_for(row: Row) -> Signature | None:
    signature, name = provenance(row, "signature"), provenance(row, "function")
    if isinstance(signature, str):
        return read_signature(signature)
    return Signature(name) if isinstance(name, str) and name.isidentifier() else None


def _tests(row: Row) -> list[tuple[list[object], object]] | str:
    """Arguments and result of each test, or why there are none."""
    tests = provenance(row, "tests")
    if tests is None or tests == []:
        return NO_TESTS
    if not isinstance(tests, list) or not all(_is_test(test) for test in tests):
        return WRONG_TESTS
    return [(test["args"], test["result"]) for test in tests]


def _is_test(test: object) -> bool:
    return isinstance(test, dict) and "result" in test and isinstance(test.get("args"), list)


def _same(got: object, wanted: object, tolerance: float) -> bool:
    """Whether two values of JSON are equal as Python's `==` has it, but for the tolerance."""
    waiting = [(got, wanted)]  # by hand, since they may be nested deeper than Python's stack
    while waiting:
        first, second = waiting.pop()
        if isinstance(first, list) and isinstance(second, list):
            if len(first) != len(second):
                return False
            waiting += zip(first, second, strict=True)
        elif isinstance(first, dict) and isinstance(second, dict):
            if first.keys() != second.keys():
                return False
            waiting += ((value, second[key]) for key, value in first.items())
        elif isinstance(first, float) and isinstance(second, int | float):
            if not _close(first, second, tolerance):
                return False
        elif isinstance(second, float) and isinstance(first, int):
            if not _close(second, first, tolerance):
                return False
        elif first != second:
            return False
    return True


def _close(number: float, other: float, tolerance: float) -> bool:
    if number != number or other != other:
        return number != number and other != other  # NaN is NaN
    try:
        return math.isclose(number, other, rel_tol=tolerance, abs_tol=tolerance)
    except OverflowError:
        return False  # a whole number beyond all floats
