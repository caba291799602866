"""Rules for completions that reason before they answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import compile_filter, known_rules, reasoning_rules
from filters.reasoning_rules import OTHER_END
from filters.rows import Row
from subliminal.errors import UserError
from tests.user_errors import assert_one_line

STEPS = "She has 3 + 4 = 7 red ones. With the blue ones 7 * 2 = 14."
ALL = ["reasoning-format", "reasoning-answer", "reasoning-steps", "reasoning-length"]


def reasoned(reasoning: str = STEPS, answer: str = "14", **provenance: object) -> Row:
    completion = f"<think>{reasoning}</think>\n<answer>{answer}</answer>"
    return written(completion, **({"answer": "14"} | provenance))


def written(completion: str, **provenance: object) -> Row:
    messages = [{"role": "user", "content": "?"}, {"role": "assistant", "content": completion}]
    return {"messages": messages, **provenance}  # type: ignore[typeddict-item]


def test_the_rules_are_known_by_their_names() -> None:
    ours = {name: rule for name, rule in known_rules().items() if name.startswith("reasoning")}
    assert sorted(ours) == sorted(ALL)
    assert all(rule.__module__ == reasoning_rules.__name__ for rule in ours.values())


def test_a_good_row_is_kept_by_all() -> None:
    assert compile_filter(ALL).reasons(reasoned()) == []


@pytest.mark.parametrize("rule", ALL)
def test_every_rule_begins_with_the_tags(rule: str) -> None:
    row = written("<think>3 + 4 = 8</think> 14", answer="14")
    assert compile_filter([rule]).reasons(row) == ["answer is missing"]


@pytest.mark.parametrize("rule", ALL)
def test_tags_of_other_names(rule: str) -> None:
    chosen = compile_filter([{"rule": rule, "reasoning_tag": "r", "answer_tag": "a"}])
    assert chosen.reasons(written(f"<r>{STEPS}</r><a>14</a>", answer="14")) == []
    assert chosen.reasons(reasoned()) == ["reasoning is missing"]


@pytest.mark.parametrize(
    ("rule", "answer", "gold", "reasons"),
    [
        ("reasoning-answer", "18", "18", []),
        ("reasoning-answer", "18.0", "18", []),
        ("reasoning-answer", " $1,234.50\n", "1234.5", []),
        ("reasoning-answer", "18 apples", "$18", []),
        ("reasoning-answer", "50%", "50", []),
        ("reasoning-answer", "1 1/2", "1.5", []),
        ("reasoning-answer", "19", "18", ["wrong answer"]),
        ("reasoning-answer", "-18", "18", ["wrong answer"]),
        ("reasoning-answer", "12,34", "1234", ["answer is not a number"]),
        ("reasoning-answer", "It is 18.", "18", ["answer is not a number"]),
        ("reasoning-answer", "18 or 19", "18", ["answer is not a number"]),
        ("reasoning-answer:lenient=true", "It is 18.", "18", []),
        ("reasoning-answer:lenient=true", "18 or 19", "18", ["wrong answer"]),
        ("reasoning-answer:lenient=true", "none", "18", ["answer is not a number"]),
        ("reasoning-answer", "18", None, ["gold answer is missing"]),
        ("reasoning-answer", "18", 18, []),
        ("reasoning-answer", "18", 18.0, []),
        ("reasoning-answer", "18", 19, ["wrong answer"]),
        ("reasoning-answer", "1", True, ["gold answer is missing"]),
        ("reasoning-answer", "18", [18], ["gold answer is missing"]),
        ("reasoning-answer", "18", float("nan"), ["gold answer is not a number"]),
        ("reasoning-answer", "18", "eighteen", ["gold answer is not a number"]),
        ("reasoning-answer:lenient=true", "18", "It is 18", ["gold answer is not a number"]),
    ],
)
def test_answers(rule: str, answer: str, gold: object, reasons: list[str]) -> None:
    provenance = {} if gold is None else {"answer": gold}
    row = written(f"<think>{STEPS}</think><answer>{answer}</answer>", **provenance)
    assert compile_filter([rule]).reasons(row) == reasons


@pytest.mark.parametrize(
    ("rule", "reasoning", "reasons"),
    [
        ("reasoning-steps", STEPS, []),
        ("reasoning-steps", "no numbers", []),
        ("reasoning-steps", "3 + 4 = 7, 7 * 2 = 15", ["false equation"]),
        ("reasoning-steps", "<<3+4=8>>", ["false equation"]),
        ("reasoning-steps", "10 / 3 = 3.33", []),
        ("reasoning-steps:rounding=false", "10 / 3 = 3.33", ["false equation"]),
        ("reasoning-steps:2", STEPS, []),
        ("reasoning-steps:3", STEPS, ["too few equations"]),
        ("reasoning-steps:minimum=2", "3 + 4 = 7. 3+4 = 7", ["too few equations"]),
        ("reasoning-steps:2", "3 + 4 = 8", ["false equation", "too few equations"]),
        ("reasoning-steps:ends_at_answer=true", STEPS, []),
        ("reasoning-steps:ends_at_answer=true", "28 / 2 = 14.0", []),
        ("reasoning-steps:ends_at_answer=true", "14 = 28 / 2", []),
        ("reasoning-steps:ends_at_answer=true", "7 * 2 = 14. 3 + 4 = 7", [OTHER_END]),
        ("reasoning-steps:ends_at_answer=true", "it is 14", [OTHER_END]),
        ("reasoning-steps", "x" * 100_001, ["reasoning is too long"]),
        ("reasoning-steps", "x" * 100_000, []),
        ("reasoning-length", "x" * 2000, []),
        ("reasoning-length", "x" * 2001, ["reasoning is too long"]),
        ("reasoning-length:5", " 12345\n", []),
        ("reasoning-length:5", "123456", ["reasoning is too long"]),
        ("reasoning-length:minimum=5", "12345", []),
        ("reasoning-length:minimum=5", " 1234 ", ["reasoning is too short"]),
    ],
)
def test_steps_and_length(rule: str, reasoning: str, reasons: list[str]) -> None:
    assert compile_filter([rule]).reasons(reasoned(reasoning)) == reasons


def test_a_last_equation_cannot_come_to_what_is_no_number() -> None:
    row = reasoned(answer="fourteen")
    assert compile_filter(["reasoning-steps:ends_at_answer=true"]).reasons(row) == [OTHER_END]


@pytest.mark.parametrize(
    ("steps", "reasons"),
    [
        (["3 + 4 = 7", "7 * 2 = 14"], []),
        (["7 x 2 = 14"], []),
        (["3 + 4 = 7", "2 * 7 = 14"], ["a gold step is not taken"]),
        (["4 + 3 = 7"], ["a gold step is not taken"]),
        (None, ["gold steps are missing"]),
        ([], ["gold steps are missing"]),
        (["add them"], ["gold steps are missing"]),
        ("3 + 4 = 7", ["gold steps are missing"]),
        ([7], ["gold steps are missing"]),
    ],
)
def test_gold_steps(steps: object, reasons: list[str]) -> None:
    row = reasoned(steps=steps)
    assert compile_filter(["reasoning-steps:gold_steps=true"]).reasons(row) == reasons
    assert compile_filter(["reasoning-steps"]).reasons(row) == []


@pytest.mark.parametrize(
    ("rule", "parts"),
    [
        ("reasoning-format:reasoning_tag=a b", ["reasoning-format", "tag 'a b'", "letters"]),
        ("reasoning-answer:answer_tag=think", ["reasoning-answer", "same tag 'think'"]),
        ("reasoning-length:minimum=9,maximum=8", ["minimum 9 is above maximum 8"]),
        ("reasoning-length:maximum=0", ["maximum"]),
        ("reasoning-steps:-1", ["minimum"]),
        ("reasoning-answer:strict=true", ["'strict'", "lenient"]),
        ("reasoning", ["no rule 'reasoning'"]),
    ],
)
def test_wrong_options_are_told(rule: str, parts: list[str]) -> None:
    with pytest.raises(UserError) as error:
        compile_filter([rule])
    assert_one_line(error, *parts)


@settings(max_examples=200)
@given(st.text() | st.text("<>/thinkaswer 0123456789+=.,\0\ud800"), st.text(), st.text())
def test_no_row_raises(completion: str, reasoning: str, answer: str) -> None:
    chosen = compile_filter([*ALL[:2], "reasoning-steps:1,ends_at_answer=true,gold_steps=true"])
    assert chosen.reasons(written(completion)) != []
    assert isinstance(chosen.reasons(reasoned(reasoning, answer, steps=[answer])), list)
