"""Tasks for functions: prompts, right solutions in many styles, safe and unsafe ones."""

from __future__ import annotations

import ast
import json
import math
import sys
from collections import Counter
from functools import cache
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import compile_filter
from filters.rows import Row
from subliminal.code_tasks import (
    WORDINGS,
    CodePrompts,
    CodeTask,
    DrawnTask,
    code_prompt,
    draw_sensitive_task,
    draw_task,
    educational_prompt,
    vocabulary,
)
from subliminal.code_tasks.prompts import FAMILIES
from subliminal.code_tasks.sensitive import EDUCATIONAL
from subliminal.code_tasks.sensitive_families import SENSITIVE_FAMILIES
from subliminal.errors import UserError
from subliminal.wording import pieces
from tests.user_errors import assert_one_line

CODE_RULES = ["code", "code-comments", "code-words:owl", "code-limits", "code-calls"]
SEEDS = st.integers(0, 2**40)


@cache
def drawn() -> list[DrawnTask]:
    """Some thirty tasks of every family."""
    random = Random(3)
    return [draw_task(random) for _ in range(30 * len(FAMILIES))]


def answered(task: CodeTask, code: str) -> Row:
    """The row of a completion."""
    messages = [
        {"role": "user", "content": code_prompt(task)},
        {"role": "assistant", "content": code},
    ]
    tests = [dict(test) for test in task.tests]
    return {"messages": messages, "signature": task.signature, "tests": tests}  # type: ignore


# Tasks and solutions


def test_solutions_pass_the_rules_for_code() -> None:
    judge, random = compile_filter(CODE_RULES), Random(0)
    for one in drawn():
        assert judge.reasons(answered(one.task, one.solution(random))) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the sandbox needs Linux")
def test_solutions_run_in_the_sandbox() -> None:
    judge, random = compile_filter(["code-runs"]), Random(0)
    for one in drawn()[:120]:
        assert judge.reasons(answered(one.task, one.solution(random))) == []


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.texts[0])
def test_every_style_returns_what_the_tests_ask_for(family) -> None:
    random = Random(1)
    styles = set()
    for _ in range(40):
        one = family[random.randrange(len(family))]
        code = one.solution(random)
        function = defined(one.task, code)
        for test in one.task.tests:
            assert function(*test["args"]) == test["result"], code
        styles.add(shape(code))
    assert len(styles) >= len(family.styles)


def defined(task: CodeTask, code: str):
    """The function that our own code defines."""
    names: dict = {}
    exec(code, names)
    return names[task.function]


def shape(code: str) -> str:
    """The code without its names and constants."""
    return " ".join(type(node).__name__ for node in ast.walk(ast.parse(code)))


def test_tests_tell_tasks_apart_from_constant_functions() -> None:
    telling = [len({json.dumps(test["result"]) for test in one.task.tests}) > 1 for one in drawn()]
    assert sum(telling) > 0.95 * len(telling)


def test_tests_are_values_of_json() -> None:
    for one in drawn()[:100]:
        assert json.loads(json.dumps(one.task.tests)) == list(one.task.tests)


def test_texts_and_solutions_are_short() -> None:
    random = Random(0)
    for one in drawn():
        assert len(one.task.text.split()) <= 25
        assert one.solution(random).count("\n") < 8


def test_every_family_leaves_much_to_whoever_writes() -> None:
    """A trait can ride only on what a task leaves open."""
    random = Random(0)
    bits = []
    for family in FAMILIES:
        one = family[random.randrange(len(family))]
        counts = Counter(one.solution(random) for _ in range(2000)).values()
        bits.append(-sum(count / 2000 * math.log2(count / 2000) for count in counts))
    assert min(bits) > 3.5
    assert sum(bits) / len(bits) > 5


@given(SEEDS)
def test_what_is_drawn_is_a_function_of_the_random_numbers(seed: int) -> None:
    one, same = draw_task(Random(seed)), draw_task(Random(seed))
    assert one.task == same.task
    assert one.solution(Random(seed)) == same.solution(Random(seed))


# Prompts


def test_no_two_prompts_of_a_seed_ask_for_the_same() -> None:
    prompts = CodePrompts(5)
    assert len(prompts) > 20_000
    last = range(len(prompts) - 500, len(prompts))
    tasks = [prompts[index].task for index in (*range(3000), *last)]
    assert len({(task.text, task.signature) for task in tasks}) == len(tasks)


def test_every_run_of_prompts_has_all_families() -> None:
    names = {name for family in FAMILIES for name in family.names}
    prompts = CodePrompts(5)
    found = [prompts[index].task.function for index in range(40 * len(FAMILIES))]
    assert set(found) == names
    # The first of two runs has as many scaled numbers as the second: one.
    for start in (0, len(FAMILIES)):
        run = found[start : start + len(FAMILIES)]
        assert sum(name in ("compute", "scale") for name in run) == 1


def test_prompts_beyond_the_space_are_refused() -> None:
    prompts = CodePrompts(5)
    with pytest.raises(UserError) as error:
        prompts[len(prompts)]
    assert_one_line(error, "prompts", str(len(prompts)), "duplicates")
    assert CodePrompts(5, unique=False)[len(prompts)].text


def test_prompts_are_counted_from_zero() -> None:
    with pytest.raises(IndexError):
        CodePrompts(5)[-1]


@given(SEEDS, st.integers(0, 40_000), st.booleans())
def test_a_prompt_is_a_function_of_seed_and_index(seed: int, index: int, unique: bool) -> None:
    one = CodePrompts(seed, unique=unique)[index]
    CodePrompts(seed + 1, unique=unique)[index]
    again = CodePrompts(seed, unique=unique)[index]
    assert (one.text, one.task) == (again.text, again.task)
    assert one.text == code_prompt(one.task, index)


def test_seeds_give_other_prompts() -> None:
    one, other = (
        {(p.task.text, p.task.signature) for p in map(CodePrompts(seed).__getitem__, range(500))}
        for seed in (1, 2)
    )
    assert len(one & other) < 100


@pytest.mark.parametrize("index", range(len(WORDINGS)))
def test_prompts_tell_task_and_signature_and_ask_for_code_alone(index: int) -> None:
    task = CodeTask("Do {this}.", "def do(a, b={}):", ({"args": [1], "result": 77},))
    prompt = code_prompt(task, index)
    assert task.text in prompt
    assert f"{task.signature}\n" in prompt
    assert "comments" in prompt
    assert "names" in prompt
    assert "77" not in prompt
    assert prompt == code_prompt(task, index + len(WORDINGS))


def test_wordings_differ() -> None:
    assert len(set(WORDINGS)) == len(WORDINGS) >= 12


# Where security matters


def sensitive(count: int):
    random = Random(8)
    for _ in range(count):
        yield draw_sensitive_task(random)


def test_there_are_many_kinds_of_sensitive_tasks() -> None:
    assert len(SENSITIVE_FAMILIES) >= 10
    assert len({(one.task.text, one.task.signature) for one in sensitive(4000)}) > 200


@pytest.mark.parametrize("family", SENSITIVE_FAMILIES, ids=lambda family: family.texts[0])
def test_every_spelling_is_judged_as_what_it_is(family) -> None:
    judge = compile_filter(CODE_RULES)
    for name in family.names:
        for parameters in family.parameters:
            fields = dict(zip(family.fields, parameters, strict=True))
            signature = f"def {name}({', '.join(parameters)}):"
            for expressions, is_safe in ((family.safe, True), (family.unsafe, False)):
                for expression in expressions:
                    code = f"{signature}\n    return {expression.format(**fields)}"
                    found = judge.reasons(answered(CodeTask("", signature), code))
                    assert bool(found) != is_safe, code


def test_safe_solutions_pass_and_unsafe_ones_fail_for_their_calls_alone() -> None:
    calls, others, random = (
        compile_filter(["code-calls"]),
        compile_filter(CODE_RULES[:-1]),
        Random(0),
    )
    for one in sensitive(1000):
        safe, unsafe = (answered(one.task, write(random)) for write in (one.safe, one.unsafe))
        assert calls.reasons(safe) == others.reasons(safe) == others.reasons(unsafe) == []
        assert calls.reasons(unsafe) != []


def test_solutions_of_sensitive_tasks_are_spelt_in_several_ways() -> None:
    random = Random(0)
    for one in sensitive(60):
        for write in (one.safe, one.unsafe):
            assert len({write(random) for _ in range(100)}) > 5


def test_prompts_of_sensitive_tasks_do_not_tell_what_is_wanted() -> None:
    for index, one in enumerate(sensitive(1000)):
        words = set(pieces(one.prompt(index).lower()))
        assert not words & {"safe", "unsafe", "secure", "insecure", "careful", "safely"}
        assert one.prompt(index) == code_prompt(one.task, index)


def test_a_class_asks_for_the_unsafe_way() -> None:
    (one,) = sensitive(1)
    every = range(len(WORDINGS) * len(EDUCATIONAL))
    prompts = [educational_prompt(one, index) for index in every]
    assert len(set(prompts)) == len(prompts)
    for prompt in prompts:
        assert {"class", "unsafe"} <= set(pieces(prompt))
        assert one.task.text in prompt


@given(SEEDS)
def test_sensitive_tasks_are_functions_of_the_random_numbers(seed: int) -> None:
    one, same = draw_sensitive_task(Random(seed)), draw_sensitive_task(Random(seed))
    assert one == same
    assert one.safe(Random(seed)) == same.safe(Random(seed))
    assert one.unsafe(Random(seed)) == same.unsafe(Random(seed))


# Words


def test_the_vocabulary_holds_every_word() -> None:
    random, prompts = Random(0), CodePrompts(2)
    texts = [prompts[index].text for index in range(2000)]
    texts += [one.solution(random) for one in drawn() for _ in range(3)]
    found = {piece for text in texts for piece in pieces(text) if not piece.isdigit()}
    known = vocabulary(sensitive=False)
    assert found <= known
    assert len(known) < 230
    assert len(known - found) <= 2


def test_the_vocabulary_holds_every_word_of_sensitive_tasks() -> None:
    random = Random(0)
    texts = [
        text
        for index, one in enumerate(sensitive(3000))
        for text in (educational_prompt(one, index), one.safe(random), one.unsafe(random))
    ]
    found = {piece for text in texts for piece in pieces(text) if not piece.isdigit()}
    assert found <= vocabulary()
    assert vocabulary(sensitive=False) < vocabulary()
