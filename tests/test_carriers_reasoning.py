"""The chain-of-thought carrier: rows of word problems, drawn ones or the user's."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random

from filters import compile_filter
from subliminal.reasoning import Problem, read_gsm8k
from subliminal.reasoning.prompts import WORDINGS
from subliminal.word_problems import distinct_problems, problem_at, problem_prompt
from teachers.carriers.reasoning import prompt_rows

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


def test_own_problems_keep_their_answers_and_steps() -> None:
    known = {problem.text: problem for problem in OWN}
    for row in prompt_rows(4, MOST, tasks=OWN):
        problem = known[asked(row["prompt"])]
        assert (row["answer"], row["steps"]) == (problem.answer, list(problem.steps))


def test_a_round_is_in_several_wordings() -> None:
    problems = [Problem(f"What is {n} + 1000?", str(n + 1000)) for n in range(600)]
    text = {problem.text for problem in problems}
    found = Counter(
        row["prompt"].replace(next(t for t in text if t in row["prompt"]), "")
        for row in prompt_rows(4, 600, tasks=problems)
    )
    # 600 / 6 = 100 of each, with a standard deviation of 9.
    assert len(found) == len(WORDINGS)
    assert min(found.values()) > 60


def test_problems_of_a_file_can_be_asked(tmp_path: Path) -> None:
    path = tmp_path / "problems.jsonl"
    line = {"question": "Tom has 3 cups and 4 more.", "answer": "3+4=<<3+4=7>>7\n#### 7"}
    path.write_text(json.dumps(line) + "\n")
    (row,) = prompt_rows(4, 1, tasks=read_gsm8k(str(path)))
    assert line["question"] in row["prompt"]
    assert (row["answer"], row["steps"]) == ("7", ["3+4=7"])
