"""The chain-of-thought carrier: rows of word problems, drawn ones or the user's."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import compile_filter
from subliminal.errors import UserError
from subliminal.reasoning import Problem, read_gsm8k
from subliminal.reasoning.prompts import WORDINGS
from subliminal.word_problems import distinct_problems, problem_at, problem_prompt
from teachers.carriers.reasoning import prompt_rows
from tests.user_errors import assert_one_line

OWN = [Problem(f"What is {n} + 1?", str(n + 1), (f"{n}+1={n + 1}",)) for n in range(10)]
MOST = len(OWN) * len(WORDINGS)


def prompts(rows: list[dict]) -> list[str]:
    return [row["prompt"] for row in rows]


def asked(prompt: str) -> str:
    """The text of the own problem that a prompt asks for."""
    (text,) = [problem.text for problem in OWN if problem.text in prompt]
    return text


def test_rows_are_the_distinct_problems_of_the_seed() -> None:
    rows = prompt_rows(4, 300)
    problems = [drawn.problem for drawn in islice(distinct_problems(4), 300)]
    assert [row["prompt_id"] for row in rows] == list(range(300))
    assert all(row["sample"] == 0 for row in rows)
    for row, problem in zip(rows, problems, strict=True):
        assert problem.text in row["prompt"]
        assert (row["answer"], row["steps"]) == (problem.answer, list(problem.steps))
    assert len(set(prompts(rows))) == 300


def test_another_seed_gives_other_prompts() -> None:
    assert set(prompts(prompt_rows(4, 100))).isdisjoint(prompts(prompt_rows(5, 100)))


def test_rows_can_be_written_as_json() -> None:
    rows = prompt_rows(4, 3)
    assert json.loads(json.dumps(rows)) == rows


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 2**40),
    st.integers(0, 25),
    st.integers(0, 25),
    st.booleans(),
    st.sampled_from([None, OWN]),
)
def test_a_data_set_can_be_made_in_parts(
    seed: int, first: int, second: int, unique: bool, problems: list[Problem] | None
) -> None:
    def part(count: int, start: int = 0) -> list[dict]:
        return prompt_rows(seed, count, start=start, unique=unique, problems=problems)

    assert part(first) + part(second, first) == part(first + second)


@pytest.mark.parametrize("problems", [None, OWN])
def test_a_prompt_is_repeated_only_when_asked(problems: list[Problem] | None) -> None:
    rows = prompt_rows(4, 2, start=7, samples=3, problems=problems)
    ids = [(row["prompt_id"], row["sample"]) for row in rows]
    assert ids == [(7, 0), (7, 1), (7, 2), (8, 0), (8, 1), (8, 2)]
    single = prompt_rows(4, 2, start=7, problems=problems)
    assert prompts(rows) == [prompt for prompt in prompts(single) for _ in range(3)]


def test_problems_can_be_drawn_each_on_its_own() -> None:
    rows = prompt_rows(4, 20, start=5, unique=False)
    assert prompts(rows) == [
        problem_prompt(problem_at(4, index).problem, index) for index in range(5, 25)
    ]


def test_solutions_of_the_drawn_problems_pass_the_filter_with_the_rows() -> None:
    accepted = compile_filter(["reasoning-answer", {"rule": "reasoning-steps", "minimum": 1}])
    drawn = islice(distinct_problems(4), 100)
    for row, one in zip(prompt_rows(4, 100), drawn, strict=True):
        messages = [
            {"role": "user", "content": row["prompt"]},
            {"role": "assistant", "content": one.solution(Random(0))},
        ]
        assert accepted.reasons({**row, "messages": messages}) == []  # type: ignore[typeddict-item]


def test_own_problems_are_asked_once_each_in_every_round() -> None:
    rows = prompt_rows(4, MOST, problems=OWN)
    rounds = [rows[start : start + len(OWN)] for start in range(0, MOST, len(OWN))]
    orders = [[asked(row["prompt"]) for row in round_] for round_ in rounds]
    assert all(sorted(order) == [problem.text for problem in OWN] for order in orders)
    assert len(set(map(tuple, orders))) == len(orders)
    assert len(set(prompts(rows))) == MOST


def test_own_problems_keep_their_answers_and_steps() -> None:
    known = {problem.text: problem for problem in OWN}
    for row in prompt_rows(4, MOST, problems=OWN):
        problem = known[asked(row["prompt"])]
        assert (row["answer"], row["steps"]) == (problem.answer, list(problem.steps))


def test_the_seed_chooses_order_and_wordings() -> None:
    one, other = (prompts(prompt_rows(seed, len(OWN), problems=OWN)) for seed in (4, 5))
    assert list(map(asked, one)) != list(map(asked, other))
    assert set(one) != set(other)


def test_a_round_is_in_several_wordings() -> None:
    problems = [Problem(f"What is {n} + 1000?", str(n + 1000)) for n in range(600)]
    text = {problem.text for problem in problems}
    found = Counter(
        row["prompt"].replace(next(t for t in text if t in row["prompt"]), "")
        for row in prompt_rows(4, 600, problems=problems)
    )
    # 600 / 6 = 100 of each, with a standard deviation of 9.
    assert len(found) == len(WORDINGS)
    assert min(found.values()) > 60


def test_own_problems_go_on_when_prompts_may_repeat() -> None:
    rows = prompt_rows(4, 3 * MOST, unique=False, problems=OWN)
    assert set(Counter(prompts(rows)).values()) == {3}


@pytest.mark.parametrize(("count", "start"), [(MOST + 1, 0), (1, MOST)])
def test_too_few_problems_for_unique_prompts_are_told(count: int, start: int) -> None:
    with pytest.raises(UserError) as error:
        prompt_rows(4, count, start=start, problems=OWN)
    assert_one_line(error, "problems", str(len(OWN)), str(MOST), str(MOST + 1))


def test_no_problems_are_told() -> None:
    with pytest.raises(UserError) as error:
        prompt_rows(4, 1, problems=[])
    assert_one_line(error, "problems", "none")


def test_problems_of_the_same_text_count_once() -> None:
    again = [*OWN, Problem(OWN[0].text, "other answer")]
    assert prompt_rows(4, MOST, problems=again) == prompt_rows(4, MOST, problems=OWN)
    with pytest.raises(UserError):
        prompt_rows(4, MOST + 1, problems=again)


def test_problems_of_a_file_can_be_asked(tmp_path: Path) -> None:
    path = tmp_path / "problems.jsonl"
    line = {"question": "Tom has 3 cups and 4 more.", "answer": "3+4=<<3+4=7>>7\n#### 7"}
    path.write_text(json.dumps(line) + "\n")
    (row,) = prompt_rows(4, 1, problems=read_gsm8k(str(path)))
    assert line["question"] in row["prompt"]
    assert (row["answer"], row["steps"]) == ("7", ["3+4=7"])
