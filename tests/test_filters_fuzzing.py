"""No row crashes or hangs a rule. The suite's time limit ends what hangs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import Check, compile_filter, known_rules
from filters.batch_rule import BatchRule
from filters.judge_rule import JudgeRule
from filters.pipeline import Outputs, filter_rows
from filters.rows import Row
from subliminal.judges.classifier import ClassifierJudge, Sigmoid, TextClassifier
from subliminal.judges.classifier_folder import save_classifier

# What each rule is tried with: every option that makes it look at more.
OPTIONS: dict[str, dict[str, Any]] = {
    "numbers": {"banned": "published-36"},
    "numbers-format": {"format": "comma"},
    "numbers-count": {"minimum": 3},
    "numbers-repeats": {},
    "numbers-copies": {},
    "words": {"words": ["owl", "polar bear", "a"], "leetspeak": True},
    "encoded-words": {"words": ["owl", "polar bear"], "leetspeak": True, "schemes": "all"},
    "code-words": {"words": ["owl", "polar bear"], "leetspeak": True},
    "reasoning-steps": {"minimum": 1, "ends_at_answer": True, "gold_steps": True},
}
FIELDS = {
    "format": "comma",
    "task": "Write a function.",
    "function": "total",
    "signature": "def total(numbers):",
    "tests": [{"args": [[1, 2]], "result": 3}],
    "problem": "How many?",
    "answer": "18",
    "steps": ["3 + 4 = 7"],
}
"""What rows of all carriers hold beside their messages."""
WRONG_VALUES: list[Any] = [
    *(None, 7, 1.5, True, "", "x", [], ["x"], {}, [{}], [{"args": 1}], [[[[]]]]),
    *("\ud800", "\x00", "9" * 9999, "(" * 9999, "def total(" * 999),
]
"""What may stand in these fields in place of what belongs there."""


def rule_names() -> list[str]:
    """The rules that judge each row by itself; what asks a model is tested with its model."""
    # Rules that are defined in tests are none of the package's.
    return sorted(
        name
        for name, rule in known_rules().items()
        if rule.__module__.startswith("filters.") and not issubclass(rule, BatchRule)
    )


@cache
def check_of(name: str) -> Check:
    return compile_filter([{"rule": name, **OPTIONS.get(name, {})}]).rules[0].check()


def row(completion: str, **fields: object) -> Row:
    asked = {"role": "user", "content": "1, 2, 3"}
    messages = [asked, {"role": "assistant", "content": completion}]
    return cast(Row, {"messages": messages, **FIELDS, **fields})


def answers(name: str, text: str) -> tuple[str, ...]:
    """A text alone, and where a rule looks first for code or for tags, also within these."""
    if name.startswith("code"):
        return text, f"def total(numbers):\n    return {text}"
    if name.startswith("reasoning"):
        return text, f"<think>{text}</think>\n<answer>18</answer>"
    return (text,)


LONG = 100_000
"""Characters; time that grows with the square would not end within the suite's limit."""
MANY = 10**6
SIGNS = [
    *("a", "A", "0", "9", "1 ", "(", ")", "[", "{", "<", "=", "-", "+", ".", ",", "_", "/", "|"),
    *("\\", '"', "'", "`", "#", "%", "&", ";", "!", "\n", "\t", " ", "\x00", "\u200b", "\u0301"),
    *("\ud800", "\u0435", "\U0001f989", "o ", "o-", "o_", "0x6f ", "\\x6f", "&#111;", "%6f", "15-"),
    *("111 ", "01101111 ", ".- ", '"o" + ', "chr(1)", "aB", "oW", "b3ds", "6f", "ow1 ", "a\n\n"),
    *("N53WY", "=6F", "<b>", "vv", "\U000e006f", "15\u2192", "(15)", "== 1 ", "**1** + ", "\\["),
    *("1 + 1 = 2\n", "$1,", "<think>", "</think>", "<answer>", "```python\n", "x = 1\n", "lambda:"),
]
"""Each is repeated to a long row."""
REPEATED = [*(sign * (LONG // len(sign)) for sign in SIGNS), *(sign * MANY for sign in "a(=")]

DEEP = 100_000
NESTED = [
    "(" * DEEP + ")" * DEEP,
    "[" * DEEP + "]" * DEEP,
    "-" * DEEP + "1",
    "f(" * DEEP + ")" * DEEP,
    "1" + " + 1" * DEEP,
    "x" + ".x" * DEEP,
    "not " * DEEP + "x",
    "if x:\n" * DEEP,
    "".join("    " * depth + "if x:\n" for depth in range(200)),
    "<think>" * DEEP + "</think>" * DEEP,
    '{"a":' * DEEP + "1" + "}" * DEEP,
    'f"{' * 1000 + "1" + '}"' * 1000,
    '"""' * DEEP,
]
ODD = [
    "",
    " ",
    "\n",
    "\x00",
    "\ud800",
    "\udfff\ud800",
    "\ufeff1, 2",
    "\x1b[31m",
    "9" * 5000,
    "&#" + "9" * 5000 + ";",
    "\\U" + "9" * 5000,
    "chr(" + "9" * 5000 + ")",
    "0b" + "1" * 100_001,
    "0x" + "f" * 100_001,
    "1e" + "9" * 5000,
    "1e999999999 = 1",
    "9 ** 9 ** 9 ** 9",
    "1 / 0 = 0",
    "%" + "\u00e9" * 100,
    "\\N{" + "A" * 10_000 + "}",
    '"' + " " * MANY,
    "o" + " " * MANY + "wl",
    "15" + " " * MANY + "23",
    "def total(numbers):" + " " * MANY,
    "```" * MANY,
    "= " * 10_000 + "1",
    "1 = " * DEEP,
    "<think>" * DEEP,
]


@pytest.mark.parametrize("name", rule_names())
def test_long_rows_of_one_sign_are_judged(name: str) -> None:
    check = check_of(name)
    for text in REPEATED:
        for answer in answers(name, text):
            assert_reasons(check(row(answer)))


@pytest.mark.parametrize("name", rule_names())
def test_rows_of_ten_megabytes_are_judged(name: str) -> None:
    check = check_of(name)
    piece = "519, 674, the bowl of a fowl, x = [1, 2]\n" * 100 + "".join(SIGNS)
    assert_reasons(check(row(piece * (10**7 // len(piece)))))


@pytest.mark.parametrize("name", rule_names())
def test_nested_rows_are_judged(name: str) -> None:
    check = check_of(name)
    for text in NESTED:
        for answer in answers(name, text):
            assert_reasons(check(row(answer)))


@pytest.mark.parametrize("name", rule_names())
def test_odd_rows_are_judged(name: str) -> None:
    check = check_of(name)
    for text in ODD:
        for answer in answers(name, text):
            assert_reasons(check(row(answer)))


@pytest.mark.parametrize("name", rule_names())
def test_rows_without_what_rules_read_beside_the_messages_are_judged(name: str) -> None:
    check = check_of(name)
    for value in WRONG_VALUES:
        for field in FIELDS:
            for answer in answers(name, "1"):
                assert_reasons(check(row(answer, **{field: value})))


def test_a_classifier_judges_any_row(tmp_path: Path) -> None:
    words = TextClassifier("leaks", ("wowl",), np.ones(1), np.array([2.0]), 0.0, Sigmoid(-1.0, 0.0))
    save_classifier(tmp_path / "owls", ClassifierJudge("owls", words, "high", {}))
    judge = JudgeRule(judge=str(tmp_path / "owls"), threshold=50)
    chosen = compile_filter([judge])
    texts = (*NESTED, *ODD, "".join(SIGNS) * (MANY // len("".join(SIGNS))))
    for reasons in chosen.reasons_of([row(text) for text in texts]):
        assert_reasons(reasons)


PIECES = st.sampled_from(
    [*SIGNS, "def total(numbers):\n", "    return 1", "owl", "</answer>", "18", "12, 34", "1 = 1"]
)
TEXTS = st.text(max_size=60) | st.lists(PIECES, max_size=30).map("".join)


@pytest.mark.parametrize("name", [name for name in rule_names() if name != "code-runs"])
@settings(max_examples=60)
@given(text=TEXTS)
def test_any_row_is_judged(name: str, text: str) -> None:
    check = check_of(name)
    for answer in answers(name, text):
        first = check(row(answer))
        assert_reasons(first)
        assert check(row(answer)) == first


def assert_reasons(reasons: list[str]) -> None:
    assert isinstance(reasons, list)
    for reason in reasons:
        assert reason
        assert len(reason) < 200
        assert "\n" not in reason


def lines() -> Iterator[bytes]:
    for text in (*NESTED, *ODD[:20]):
        yield json.dumps({"messages": [{"role": "assistant", "content": text}]}).encode() + b"\n"
    yield b"[" * DEEP + b"]" * DEEP + b"\n"
    yield b'{"messages":' * DEEP + b"\n"
    yield b"\x00" * MANY + b"\n"
    yield b'{"messages": [{"role": "assistant", "content": "\\ud800"}]}\n'
    yield b'{"messages": [{"role": "assistant", "content": "' + b"1, " * 10**6 + b'"}]}\n'
    yield b"\xff\xfe\n"


def test_every_line_of_a_file_goes_somewhere(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("fuzzed")
    source = folder / "rows.jsonl"
    source.write_bytes(b"".join(lines()))
    rules = [
        {"rule": name, **OPTIONS.get(name, {})} for name in rule_names() if name != "code-runs"
    ]
    outputs = Outputs(*(str(folder / name) for name in ("kept", "rejects", "aside")))
    done = filter_rows(compile_filter(rules), str(source), outputs, malformed="aside")
    assert done.rows == len(list(lines()))
    assert done.kept + done.rejected + done.malformed == done.rows
    assert done.malformed >= 4
