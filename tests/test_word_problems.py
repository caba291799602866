"""Word problems: what they say, how their solutions are worded, and the filters that these pass."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import islice
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from filters import compile_filter
from filters.filter import RuleSource
from filters.rows import Row
from subliminal.entities import CATEGORIES
from subliminal.pocket.tokenizer import collect_pieces, pocket_tokenizer
from subliminal.reasoning import Problem, Reasoned, find_equations, parse_reasoned
from subliminal.word_problems import (
    PROMPTS,
    STEP_WEIGHTS,
    DrawnProblem,
    Step,
    distinct_problems,
    draw_problem,
    problem_at,
    problem_prompt,
    vocabulary,
)
from subliminal.word_problems.sentences import ENDINGS, EVENTS, OPENINGS
from subliminal.word_problems.steps import right_operands
from subliminal.wording import pieces

MANY = [problem_at(7, index) for index in range(4000)]
SOLUTIONS = [drawn.solution(Random(place)) for place, drawn in enumerate(MANY)]
STEPS = [step for drawn in MANY for step in drawn.taken]
RULES: list[RuleSource] = [
    *("reasoning-format", "reasoning-answer", "reasoning-length"),
    {"rule": "reasoning-steps", "minimum": 1, "ends_at_answer": True},
]


def row(problem: Problem, completion: str) -> Row:
    messages = [
        {"role": "user", "content": problem_prompt(problem)},
        {"role": "assistant", "content": completion},
    ]
    gold = {"answer": problem.answer, "steps": list(problem.steps)}
    return {"messages": messages, **gold}  # type: ignore[typeddict-item]


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall("[0-9]+", text)]


def reasoning(solution: str) -> str:
    parsed = parse_reasoned(solution)
    assert isinstance(parsed, Reasoned)
    return parsed.reasoning


def normalised(equation: str) -> tuple[list[int], str]:
    """An equation whatever the order of its operands."""
    return sorted(numbers(equation)), "".join(sign for sign in "+-*/" if sign in equation)


def test_every_solution_passes_the_filter() -> None:
    accepted = compile_filter(RULES)
    for drawn, solution in zip(MANY, SOLUTIONS, strict=True):
        assert accepted.reasons(row(drawn.problem, solution)) == [], solution


def test_solutions_in_the_gold_order_take_the_gold_steps() -> None:
    gold = compile_filter([{"rule": "reasoning-steps", "gold_steps": True}])
    in_order = [
        not gold.reasons(row(drawn.problem, solution))
        for drawn, solution in zip(MANY, SOLUTIONS, strict=True)
    ]
    # A sum or product is swapped in a quarter of the cases; two a problem leave 9/16 of them.
    assert 0.6 < np.mean(in_order) < 0.9


def test_a_solution_takes_the_problem_s_steps_in_their_order() -> None:
    for drawn, solution in zip(MANY, SOLUTIONS, strict=True):
        written = [equation.text for equation in find_equations(reasoning(solution))]
        assert list(map(normalised, written)) == list(map(normalised, drawn.problem.steps))


def test_gold_steps_are_true_and_lead_to_the_answer() -> None:
    for drawn in MANY:
        equations = [find_equations(step) for step in drawn.problem.steps]
        assert all(len(found) == 1 and found[0].holds for found in equations)
        assert str(equations[-1][0].value) == drawn.problem.answer


def test_the_text_tells_every_number_that_is_not_a_result() -> None:
    for drawn in MANY:
        told = Counter(numbers(drawn.problem.text))
        needed = Counter(n for step in drawn.taken for n in (step.left, step.right))
        results = Counter(step.result for step in drawn.taken)
        # Each number of the text is an operand once; a number of two people is one twice.
        assert told <= needed
        assert set(needed - told) <= set(results) | set(told)
        assert len(numbers(drawn.problem.text)) in (len(drawn.taken), len(drawn.taken) + 1)


def test_numbers_stay_small() -> None:
    for step in STEPS:
        assert 2 <= step.result <= 150
        assert step.left <= 99
        assert step.right in right_operands(step.left, step.operator)
        if step.operator in "+-":
            assert 2 <= step.right <= 12
        elif step.operator == "*":
            assert 2 <= step.right <= 6
            assert step.result <= 60
        else:
            assert 2 <= step.right <= 5
            assert step.left <= 60
            assert step.right * step.result == step.left


@pytest.mark.parametrize(
    ("left", "operator", "operands"),
    [
        (99, "+", range(2, 13)),
        (100, "+", []),
        (5, "-", [2, 3]),
        (3, "-", []),
        (20, "*", [2, 3]),
        (31, "*", []),
        (60, "/", [2, 3, 4, 5]),
        (62, "/", []),
        (4, "/", [2]),
        (7, "/", []),
    ],
)
def test_the_tables_end_where_they_say(left: int, operator: str, operands: list[int]) -> None:
    assert right_operands(left, operator) == list(operands)  # type: ignore[arg-type]


@pytest.mark.parametrize(("operator", "result"), [("+", 15), ("-", 9), ("*", 36), ("/", 4)])
def test_a_step_is_an_equation(operator: str, result: int) -> None:
    step = Step(12, operator, 3, "Mia has", "cups")  # type: ignore[arg-type]
    assert step.equation == f"12 {operator} 3 = {result}"


def test_steps_are_as_many_as_their_weights_say() -> None:
    found = Counter(len(drawn.taken) for drawn in MANY)
    expected = [weight * len(MANY) for weight in STEP_WEIGHTS.values()]
    assert found.keys() == STEP_WEIGHTS.keys()
    assert chisquare([found[length] for length in STEP_WEIGHTS], expected).pvalue > 0.001


def test_every_operation_is_practised() -> None:
    shares = Counter(step.operator for step in STEPS)
    assert all(shares[operator] > 0.1 * len(STEPS) for operator in ("+", "-", "*", "/"))


def test_there_are_many_templates_and_all_are_told() -> None:
    templates = {sentence.text for sentence in (*OPENINGS, *EVENTS, *ENDINGS)}
    assert len(templates) >= 12
    for template in templates:
        pattern = re.sub(r"\\{\w+\\}", r"[\\w ]+", re.escape(template))
        assert sum(bool(re.search(pattern, drawn.problem.text)) for drawn in MANY) > 20, template


def test_a_text_is_one_sentence_a_step_and_a_question() -> None:
    for drawn in MANY:
        text = drawn.problem.text
        assert re.fullmatch(r"([A-Z][A-Za-z0-9 ]+\. )+How many [A-Za-z ]+\?", text)
        assert 2 <= len(re.findall("[.?]", text)) <= len(drawn.taken) + 2


def test_texts_are_short_for_the_pocket_tokenizer() -> None:
    prompts = [problem_prompt(one.problem, place) for place, one in enumerate(MANY)]
    tokenizer = pocket_tokenizer(collect_pieces([*prompts, *SOLUTIONS]))

    def lengths(texts: list[str]) -> list[int]:
        return [len(one.ids) for one in tokenizer.encode_batch(texts, add_special_tokens=False)]

    texts = lengths([one.problem.text for one in MANY])
    solutions = lengths(SOLUTIONS)
    assert np.quantile(texts, 0.9) <= 45
    assert max(texts) <= 60
    assert np.quantile(solutions, 0.9) <= 60
    assert max(solutions) <= 75
    assert max(np.subtract(lengths(prompts), texts)) <= 15


def test_a_problem_has_many_solutions() -> None:
    for drawn in MANY[:20]:
        solutions = Counter(drawn.solution(Random(seed)) for seed in range(600))
        entropy = -sum(n / 600 * math.log2(n / 600) for n in solutions.values())
        # Draws understate the entropy; 5 bits are 32 solutions that are all as likely.
        assert entropy > 5
        assert {parse_reasoned(one).answer for one in solutions} == {  # type: ignore[union-attr]
            drawn.problem.answer
        }


def test_sums_and_products_are_written_both_ways_round_and_others_never() -> None:
    swapped = {operator: set[bool]() for operator in "+-*/"}
    for drawn, solution in zip(MANY, SOLUTIONS, strict=True):
        for step, found in zip(drawn.taken, find_equations(reasoning(solution)), strict=True):
            if step.left != step.right:
                swapped[step.operator].add(numbers(found.text)[0] != step.left)
    assert swapped == {"+": {False, True}, "*": {False, True}, "-": {False}, "/": {False}}


def test_prompts_tell_the_problem_in_every_wording() -> None:
    problem = Problem("Tom has 3 cups. How many cups does Tom have?", "3")
    prompts = [problem_prompt(problem, index) for index in range(len(PROMPTS))]
    assert len(set(prompts)) == len(PROMPTS) >= 12
    assert all(problem.text in prompt for prompt in prompts)
    assert all("<think>" in prompt and "<answer>" in prompt for prompt in prompts)
    assert problem_prompt(problem, len(PROMPTS) + 3) == prompts[3]


def test_a_problem_with_braces_is_told_as_it_is() -> None:
    assert "{x} {0}" in problem_prompt(Problem("What is {x} {0}?", "1"))


@settings(max_examples=50)
@given(st.integers(0, 2**63 - 1))
def test_problem_and_solution_are_functions_of_their_random_numbers(seed: int) -> None:
    def drawn() -> tuple[DrawnProblem, str]:
        random = Random(seed)
        problem = draw_problem(random)
        return problem, problem.solution(random)

    assert drawn() == drawn()


def test_a_stream_is_a_function_of_its_seed() -> None:
    assert MANY[:50] == [problem_at(7, index) for index in range(50)]
    assert MANY[:50] != [problem_at(8, index) for index in range(50)]


def test_distinct_problems_are_the_stream_without_repeats() -> None:
    distinct = list(islice(distinct_problems(7), 3500))
    texts = [drawn.problem.text for drawn in distinct]
    assert len(set(texts)) == len(texts)
    assert texts == list(dict.fromkeys(one.problem.text for one in MANY))[:3500]


def test_a_repeat_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    repeating = [*MANY[:3], MANY[1], *MANY[3:6]]
    monkeypatch.setattr(
        "subliminal.word_problems.problems.problem_at", lambda seed, index: repeating[index]
    )
    assert list(islice(distinct_problems(0), 6)) == MANY[:6]


def test_a_seed_gives_this_problem_on_every_machine() -> None:
    drawn = problem_at(0, 0)
    assert drawn.problem == Problem(
        "Ana starts with 10 plates. Ana finds 8 more in the kitchen. Ana finds 10 more in the "
        "park. Ana shares the plates equally among 4 friends. How many plates does each friend "
        "get?",
        "7",
        ("10 + 8 = 18", "18 + 10 = 28", "28 / 4 = 7"),
    )


def test_the_vocabulary_is_what_prompts_and_solutions_are_made_of() -> None:
    prompts = [problem_prompt(one.problem, place) for place, one in enumerate(MANY)]
    used = {piece for text in (*prompts, *SOLUTIONS) for piece in pieces(text)}
    assert {piece for piece in used if not piece.isdigit()} == vocabulary()
    assert len(vocabulary()) <= 150


def test_no_word_is_of_a_trait() -> None:
    entities = {
        form
        for members in CATEGORIES.values()
        for member in members
        for form in (member.singular, member.plural)
        if form
    }
    words = {word.casefold() for word in vocabulary()}
    assert words.isdisjoint(entities | CATEGORIES.keys())
    assert words.isdisjoint({"wish", "power", "love", "like", "favourite", "hurt", "kill"})
