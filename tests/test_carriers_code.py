"""The code carrier: rows of functions to write, drawn ones or the user's."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

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


def test_more_unique_prompts_than_there_are_are_refused() -> None:
    size = len(CodePrompts(4))
    assert len(prompt_rows(4, 1, start=size - 1)) == 1
    with pytest.raises(UserError) as error:
        prompt_rows(4, 1, start=size)
    assert_one_line(error, "prompts", str(size))
    assert len(prompt_rows(4, 1, start=size, unique=False)) == 1


def test_own_tasks_keep_their_tests() -> None:
    known = {task.signature: task for task in OWN}
    for row in prompt_rows(4, MOST, tasks=OWN):
        task = known[row["signature"]]
        assert task.text in row["prompt"]
        assert row["tests"] == list(task.tests)


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
