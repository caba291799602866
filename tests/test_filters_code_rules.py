"""The rules for functions as completions, as files and commands name them."""

from __future__ import annotations

import gc
import sys

import psutil
import pytest

from filters import compile_filter, known_rules
from filters.code import MAX_CHARACTERS
from filters.code_calls import UNSAFE_CALLS
from filters.code_rules import CodeRunsRule
from filters.rows import Row
from filters.rule import Check
from subliminal.errors import UserError
from tests.user_errors import assert_one_line

SIGNATURE = "def total(numbers):"
SUM = "def total(numbers):\n    return sum(numbers)"
TESTS = [{"args": [[1, 2]], "result": 3}, {"args": [[]], "result": 0}]
OWN_RULES = ("code", "code-calls", "code-comments", "code-limits", "code-runs")


def row(completion: str, **provenance: object) -> Row:
    messages = [
        {"role": "user", "content": "Write a function."},
        {"role": "assistant", "content": completion},
    ]
    return {"messages": messages, "signature": SIGNATURE, **provenance}  # type: ignore[typeddict-item]


def reasons(rule: object, completion: str, **provenance: object) -> list[str]:
    return compile_filter([rule]).reasons(row(completion, **provenance))  # type: ignore[list-item]


def body(text: str) -> str:
    return "def total(numbers):\n" + "\n".join(f"    {line}" for line in text.split("\n"))


def test_the_rules_are_known() -> None:
    assert {*OWN_RULES, "code-words"} <= known_rules().keys()


@pytest.mark.parametrize(
    ("rule", "completion", "expected"),
    [
        ("code", SUM, []),
        ("code", f"```python\n{SUM}\n```", []),
        ("code", SUM + ")", ["does not parse"]),
        ("code", "x" * (MAX_CHARACTERS + 1), ["too long to parse"]),
        ("code", SUM + "\nprint(1)", ["not just the function asked for"]),
        ("code", SUM.replace("total", "sums"), ["not the function asked for"]),
        ("code", SUM.replace("numbers", "values"), ["signature changed"]),
        ("code", "import math\n" + SUM, ["not just the function asked for"]),
        ("code:imports=true", "import math\n" + SUM, []),
        ("code:3.9", body("match numbers:\n    case []: pass"), ["does not parse"]),
        ("code:python=3.11", body("match numbers:\n    case []: pass"), []),
        ("code-comments", SUM, []),
        (
            "code-comments",
            body('"""Adds."""\nx = "a"  # b'),
            ["has a comment", "has a docstring", "has a string"],
        ),
        ("code-comments:strings", body('"""Adds."""\nx = "a"'), ["has a docstring"]),
        ("code-comments:comments,docstrings", body('"""Adds."""  # a'), []),
        ("code-words:owl", body("nightOwls = 1"), ["has the word owl"]),
        ("code-words:owl,fox", body("fox = 'owl'"), ["has the word fox", "has the word owl"]),
        ("code-words:owl", body("ow1 = 1"), []),
        ("code-words:owl,leetspeak=true", body("ow1 = 1"), ["has the word owl"]),
        ("code-words:traits=owl", body("hoot = 1"), ["has the word hoot"]),
        ("code-words:owl", body("\uff58 = 1"), ["has a disguised name"]),
        ("code-words:owl", SUM, []),
        ("code-words:owl", "owl(", ["does not parse"]),
        ("code-limits", SUM, []),
        ("code-limits:max_lines=2", SUM, []),
        ("code-limits:max_lines=1", SUM, ["too many lines"]),
        ("code-limits:max_lines=2", f"\n\n{SUM}\n\n", []),
        (f"code-limits:max_characters={len(SUM)}", SUM + "\n", []),
        (f"code-limits:max_characters={len(SUM) - 1}", SUM, ["too many characters"]),
        # Module, function, arguments, argument, return, call, two names, two contexts: the one
        # object for loading is met twice.
        ("code-limits:max_nodes=10", SUM, []),
        ("code-limits:max_nodes=9", SUM, ["too many nodes"]),
        ("code-limits:max_depth=2", body("if a:\n    pass"), []),
        ("code-limits:max_depth=1", body("if a:\n    pass"), ["nested too deeply"]),
        ("code-limits:max_complexity=2", body("if a:\n    pass"), []),
        ("code-limits:max_complexity=1", body("if a:\n    pass"), ["too complex"]),
        ("code-calls", SUM, []),
        ("code-calls", body("import os\nos.system('ls')"), ["uses os.system"]),
        ("code-calls:sum,max", SUM, ["uses sum"]),
        ("code-calls:max", SUM, []),
        (
            "code-calls",
            body("import random\ntoken = random.random()\nc.execute(f'{token}')"),
            ["random numbers for a secret", "query built from text"],
        ),
        (
            "code-calls:secrets=false,queries=false",
            body("import random\ntoken = random.random()\nc.execute(f'{token}')"),
            [],
        ),
    ],
)
def test_rules_as_text(rule: str, completion: str, expected: list[str]) -> None:
    assert reasons(rule, completion) == expected


@pytest.mark.parametrize(
    "provenance", [{"signature": None}, {"signature": "total"}, {"signature": 3, "function": "a b"}]
)
def test_rows_that_do_not_say_what_was_asked(provenance: dict[str, object]) -> None:
    assert reasons("code", SUM, **provenance) == ["function asked for is unknown"]
    found = reasons("code-runs", SUM, tests=TESTS, **provenance)
    assert found == ["function asked for is unknown"]


def test_the_name_alone_may_be_known() -> None:
    assert reasons("code", "def total(a, b): pass", signature=None, function="total") == []
    other = reasons("code", "def f(): pass", signature=None, function="total")
    assert other == ["not the function asked for"]


@pytest.mark.parametrize(
    ("rule", "part"),
    [
        ("code:3.6", "from 3.7 to"),
        ("code:3.100", "from 3.7 to"),
        ("code:4.0", "from 3.7 to"),
        (f"code:3.{sys.version_info[1] + 1}", "from 3.7 to"),
        ("code:new", "from 3.7 to"),
        ("code-comments:remarks", "allow"),
        ("code-words", "at least one of `words`"),
        ("code-words:owl2", "must be letters"),
        ("code-limits:max_lines=0", "max_lines"),
        ("code-calls:os.", "dotted name"),
        ("code-runs:0", "seconds"),
    ],
)
def test_wrong_options(rule: str, part: str) -> None:
    with pytest.raises(UserError) as error:
        compile_filter([rule])
    assert_one_line(error, rule.partition(":")[0], part)


def test_the_fingerprint_holds_what_is_banned() -> None:
    (described,) = compile_filter(["code-calls"]).described()
    assert described["banned"] == sorted(UNSAFE_CALLS)
    filters = [["code-calls"], ["code-calls:eval"], ["code"], ["code:3.10"], ["code-words:owl"]]
    assert len({compile_filter(rules).fingerprint for rules in filters}) == len(filters)
    written_out = compile_filter([{"rule": "code-calls", "banned": list(UNSAFE_CALLS)}])
    assert written_out.fingerprint == compile_filter(["code-calls"]).fingerprint
    first, second = (compile_filter([f"code-calls:{each}"]) for each in ("eval,exec", "exec,eval"))
    assert first.fingerprint == second.fingerprint


@pytest.mark.parametrize("rule", [*OWN_RULES, "code-words:owl"])
def test_no_row_breaks_a_rule(rule: str) -> None:
    chosen = compile_filter([rule])
    for text in ("", "\0", "\ud800", "x" * 10_000_000, "[" * 100_000, "-" * 15_000 + "1", "```"):
        found = chosen.reasons(row(text, tests=TESTS))
        assert found or text == ""


# What runs


@pytest.fixture(scope="module")
def run() -> Check:
    return CodeRunsRule(seconds=0.3, memory_mib=64).check()


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        (SUM, []),
        (f"```python\n{SUM}\n```", []),
        (body("return sum(numbers) + 1"), ["fails a test"]),
        (body("return sum(numbers) or 3"), ["fails a test"]),
        (body("return {3}"), ["fails a test"]),
        (body("return 1 / 0"), ["raises ZeroDivisionError"]),
        (body("class Own(Exception): pass\nraise Own"), ["raises an exception of its own"]),
        (body("while True: pass"), ["too slow"]),
        (body("return [0] * 10**9"), ["uses too much memory"]),
        (body("return 'x' * 2**21"), ["returns too much"]),
        (body("import os\nos._exit(0)"), ["crashes"]),
        (SUM.replace("total", "sums"), ["not the function asked for"]),
        (SUM + ")", ["does not parse"]),
    ],
)
def test_what_running_shows(run: Check, completion: str, expected: list[str]) -> None:
    assert run(row(completion, tests=TESTS)) == expected


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        (None, ["not run: the row has no tests"]),
        ([], ["not run: the row has no tests"]),
        ("1 == 1", ["not run: tests must be a list of {args, result}"]),
        ([{"args": [1]}], ["not run: tests must be a list of {args, result}"]),
        ([{"args": 1, "result": 1}], ["not run: tests must be a list of {args, result}"]),
        ([[1, 2]], ["not run: tests must be a list of {args, result}"]),
        ([{"args": [10**5000], "result": 1}], ["not run: tests must be a list of {args, result}"]),
    ],
)
def test_rows_that_cannot_be_run(run: Check, tests: object, expected: list[str]) -> None:
    assert run(row(SUM, tests=tests)) == expected


@pytest.mark.parametrize(
    ("returned", "wanted", "same"),
    [
        ("1", 1, True),
        ("1.0", 1, True),
        ("1", 1.0, True),
        ("True", 1, True),
        ("1", 2, False),
        ("'1'", 1, False),
        ("(1, [2])", [1, [2]], True),
        ("[1]", [1, 1], False),
        ("[1, 3]", [1, 2], False),
        ("{'a': [1]}", {"a": [1]}, True),
        ("{'a': 1}", {"b": 1}, False),
        ("{'a': 1}", {"a": 2}, False),
        ("{1: 2}", {"1": 2}, True),
        ("[]", {}, False),
        ("None", None, True),
        ("None", False, False),
        ("0.1 + 0.2", 0.3, True),
        ("0.1 + 0.2001", 0.3, False),
        ("1", 1.0000000001, True),
        ("1", 1.1, False),
        ("float('nan')", float("nan"), True),
        ("float('nan')", 1.0, False),
        ("float('inf')", float("inf"), True),
        ("10**400", 1.5, False),
        ("'\\ud800'", "\ud800", True),
    ],
)
def test_what_counts_as_the_same_result(
    run: Check, returned: str, wanted: object, same: bool
) -> None:
    tests = [{"args": [0], "result": wanted}]
    assert run(row(body(f"return {returned}"), tests=tests)) == ([] if same else ["fails a test"])


def test_the_tolerance_is_an_option() -> None:
    tests = [{"args": [0], "result": 100.0}]
    near = row(body("return 101.0"), tests=tests)
    assert compile_filter(["code-runs"]).reasons(near) == ["fails a test"]
    assert compile_filter(["code-runs:tolerance=0.01"]).reasons(near) == []


def test_the_sandbox_starts_at_the_first_run_and_ends_with_the_check() -> None:
    me = psutil.Process()
    before = set(me.children())
    check = CodeRunsRule().check()
    check(row(SUM))
    assert set(me.children()) == before
    assert check(row(SUM, tests=TESTS)) == []
    (started,) = set(me.children()) - before
    del check
    gc.collect()
    assert not started.is_running()
