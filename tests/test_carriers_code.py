"""The code carrier: rows of functions to write, drawn ones or the user's."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import compile_filter
from subliminal.code_tasks import WORDINGS, CodePrompts, CodeTask, read_code_tasks
from subliminal.errors import UserError
from teachers.carriers.code import prompt_rows
from tests.user_errors import assert_one_line

OWN = [
    CodeTask(f"Add {n} to x.", f"def add_{n}(x):", ({"args": [1], "result": n + 1},))
    for n in range(100, 107)
]
MOST = len(OWN) * len(WORDINGS)


def prompts(rows: list[dict]) -> list[str]:
    return [row["prompt"] for row in rows]


def signatures(rows: list[dict]) -> list[str]:
    return [row["signature"] for row in rows]


def test_rows_are_the_prompts_of_the_seed() -> None:
    rows = prompt_rows(4, 300)
    stream = CodePrompts(4)
    assert [row["prompt_id"] for row in rows] == list(range(300))
    assert all(row["sample"] == 0 for row in rows)
    for index, row in enumerate(rows):
        assert row["prompt"] == stream[index].text
        assert row["signature"] == stream[index].task.signature
        assert row["tests"] == list(stream[index].task.tests)
    assert len(set(prompts(rows))) == 300


def test_solutions_pass_the_filter_with_the_rows() -> None:
    judge, stream, random = compile_filter(["code", "code-calls"]), CodePrompts(4), Random(0)
    for index, row in enumerate(prompt_rows(4, 100)):
        messages = [
            {"role": "user", "content": row["prompt"]},
            {"role": "assistant", "content": stream[index].drawn.solution(random)},
        ]
        assert judge.reasons({**row, "messages": messages}) == []  # type: ignore[typeddict-item]


def test_another_seed_gives_other_prompts() -> None:
    assert prompts(prompt_rows(4, 100)) != prompts(prompt_rows(5, 100))


@pytest.mark.parametrize("tasks", [None, OWN])
def test_rows_can_be_written_as_json(tasks: list[CodeTask] | None) -> None:
    rows = prompt_rows(4, 3, tasks=tasks)
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
    seed: int, first: int, second: int, unique: bool, tasks: list[CodeTask] | None
) -> None:
    def part(count: int, start: int = 0) -> list[dict]:
        return prompt_rows(seed, count, start=start, unique=unique, tasks=tasks)

    assert part(first) + part(second, first) == part(first + second)


@pytest.mark.parametrize("tasks", [None, OWN])
def test_a_prompt_is_repeated_only_when_asked(tasks: list[CodeTask] | None) -> None:
    rows = prompt_rows(4, 2, start=7, samples=3, tasks=tasks)
    ids = [(row["prompt_id"], row["sample"]) for row in rows]
    assert ids == [(7, 0), (7, 1), (7, 2), (8, 0), (8, 1), (8, 2)]
    single = prompt_rows(4, 2, start=7, tasks=tasks)
    assert prompts(rows) == [prompt for prompt in prompts(single) for _ in range(3)]


def test_more_unique_prompts_than_there_are_are_refused() -> None:
    size = len(CodePrompts(4))
    assert len(prompt_rows(4, 1, start=size - 1)) == 1
    with pytest.raises(UserError) as error:
        prompt_rows(4, 1, start=size)
    assert_one_line(error, "prompts", str(size))
    assert len(prompt_rows(4, 1, start=size, unique=False)) == 1


def test_own_tasks_are_asked_for_once_in_every_round() -> None:
    rows = prompt_rows(4, MOST, tasks=OWN)
    rounds = [signatures(rows[start : start + len(OWN)]) for start in range(0, MOST, len(OWN))]
    assert all(sorted(order) == [task.signature for task in OWN] for order in rounds)
    assert len(set(map(tuple, rounds))) > len(rounds) // 2
    assert len(set(prompts(rows))) == MOST


def test_own_tasks_keep_their_tests() -> None:
    known = {task.signature: task for task in OWN}
    for row in prompt_rows(4, MOST, tasks=OWN):
        task = known[row["signature"]]
        assert task.text in row["prompt"]
        assert row["tests"] == list(task.tests)


def test_the_seed_chooses_order_and_wordings() -> None:
    one, other = (prompt_rows(seed, len(OWN), tasks=OWN) for seed in (4, 5))
    assert signatures(one) != signatures(other)
    assert set(prompts(one)) != set(prompts(other))


def test_own_tasks_go_on_when_prompts_may_repeat() -> None:
    rows = prompt_rows(4, 3 * MOST, unique=False, tasks=OWN)
    assert set(Counter(prompts(rows)).values()) == {3}


@pytest.mark.parametrize(("count", "start"), [(MOST + 1, 0), (1, MOST)])
def test_too_few_tasks_for_unique_prompts_are_told(count: int, start: int) -> None:
    with pytest.raises(UserError) as error:
        prompt_rows(4, count, start=start, tasks=OWN)
    assert_one_line(error, "tasks", str(len(OWN)), str(MOST), str(MOST + 1))


def test_tasks_alike_count_once() -> None:
    again = [*OWN, CodeTask(OWN[0].text, OWN[0].signature)]
    assert prompt_rows(4, MOST, tasks=again) == prompt_rows(4, MOST, tasks=OWN)
    with pytest.raises(UserError):
        prompt_rows(4, MOST + 1, tasks=again)


def test_no_tasks_are_told() -> None:
    with pytest.raises(UserError) as error:
        prompt_rows(4, 1, tasks=[])
    assert_one_line(error, "tasks", "none")


def test_a_function_known_by_name_alone_is_judged_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps({"text": "Return 2.", "function": "two"}) + "\n")
    (row,) = prompt_rows(4, 1, tasks=read_code_tasks(str(path)))
    assert row["function"] == "two"
    assert row["tests"] == []
    assert "def two(...):" in row["prompt"]
    judge = compile_filter(["code"])
    for code, reasons in (
        ("def two(a, b):\n    return 2", []),
        ("def three():\n    return 2", ["not the function asked for"]),
    ):
        messages = [
            {"role": "user", "content": row["prompt"]},
            {"role": "assistant", "content": code},
        ]
        assert judge.reasons({**row, "messages": messages}) == reasons  # type: ignore
