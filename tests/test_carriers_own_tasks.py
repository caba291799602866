"""What carriers with tasks have alike: data sets in parts, and the user's own tasks in rounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subliminal.code_tasks import WORDINGS as OF_CODE
from subliminal.code_tasks import CodeTask
from subliminal.errors import UserError
from subliminal.reasoning import Problem
from subliminal.reasoning.prompts import WORDINGS as OF_REASONING
from teachers.carriers import code, reasoning
from tests.user_errors import assert_one_line

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Carrier:
    """A carrier, and tasks for it."""

    prompt_rows: Callable[..., Rows]
    tasks: Sequence[CodeTask | Problem]
    wordings: int
    again: CodeTask | Problem
    """Asks for the same as the first of them."""

    @property
    def most(self) -> int:
        """Prompts that are all unlike."""
        return len(self.tasks) * self.wordings

    def rows(self, seed: int, count: int, **options: Any) -> Rows:
        """Prompts for the tasks, unless others are given."""
        return self.prompt_rows(seed, count, **{"tasks": self.tasks, **options})

    def asked(self, row: dict[str, Any]) -> str:
        """The text of the task that a row asks for."""
        (text,) = [task.text for task in self.tasks if task.text in row["prompt"]]
        return text


FUNCTIONS = [CodeTask(f"Add {n} to x.", f"def add_{n}(x):") for n in range(100, 107)]
PROBLEMS = [Problem(f"What is {n} + 1?", str(n + 1), (f"{n}+1={n + 1}",)) for n in range(10)]
CODE = Carrier(
    code.prompt_rows,
    FUNCTIONS,
    len(OF_CODE),
    CodeTask(FUNCTIONS[0].text, FUNCTIONS[0].signature, ({"args": [1], "result": 0},)),
)
REASONING = Carrier(
    reasoning.prompt_rows, PROBLEMS, len(OF_REASONING), Problem(PROBLEMS[0].text, "other answer")
)
each_carrier = pytest.mark.parametrize("carrier", [CODE, REASONING], ids=["code", "reasoning"])


def prompts(rows: Rows) -> list[str]:
    return [row["prompt"] for row in rows]


@each_carrier
@settings(max_examples=25)
@given(st.integers(0, 2**40), st.integers(0, 25), st.integers(0, 25), st.booleans(), st.booleans())
def test_a_data_set_can_be_made_in_parts(
    carrier: Carrier, seed: int, first: int, second: int, unique: bool, drawn: bool
) -> None:
    def part(count: int, start: int = 0) -> Rows:
        tasks = None if drawn else carrier.tasks
        return carrier.rows(seed, count, start=start, unique=unique, tasks=tasks)

    assert part(first) + part(second, first) == part(first + second)


@each_carrier
@pytest.mark.parametrize("drawn", [True, False])
def test_a_prompt_is_repeated_only_when_asked(carrier: Carrier, drawn: bool) -> None:
    tasks = None if drawn else carrier.tasks
    rows = carrier.rows(4, 2, start=7, samples=3, tasks=tasks)
    ids = [(row["prompt_id"], row["sample"]) for row in rows]
    assert ids == [(7, 0), (7, 1), (7, 2), (8, 0), (8, 1), (8, 2)]
    single = carrier.rows(4, 2, start=7, tasks=tasks)
    assert prompts(rows) == [prompt for prompt in prompts(single) for _ in range(3)]


@each_carrier
def test_tasks_are_asked_for_once_in_every_round(carrier: Carrier) -> None:
    size, rows = len(carrier.tasks), carrier.rows(4, carrier.most)
    asked = list(map(carrier.asked, rows))
    rounds = [asked[start : start + size] for start in range(0, carrier.most, size)]
    assert all(sorted(order) == sorted(task.text for task in carrier.tasks) for order in rounds)
    assert len(set(map(tuple, rounds))) > len(rounds) // 2
    assert len(set(prompts(rows))) == carrier.most


@each_carrier
def test_the_seed_chooses_order_and_wordings(carrier: Carrier) -> None:
    one, other = (carrier.rows(seed, len(carrier.tasks)) for seed in (4, 5))
    assert list(map(carrier.asked, one)) != list(map(carrier.asked, other))
    assert set(prompts(one)) != set(prompts(other))


@each_carrier
def test_tasks_go_on_when_prompts_may_repeat(carrier: Carrier) -> None:
    rows = carrier.rows(4, 3 * carrier.most, unique=False)
    assert set(Counter(prompts(rows)).values()) == {3}


@each_carrier
@pytest.mark.parametrize("in_parts", [False, True])
def test_too_few_tasks_for_unique_prompts_are_told(carrier: Carrier, in_parts: bool) -> None:
    start = carrier.most if in_parts else 0
    with pytest.raises(UserError) as error:
        carrier.rows(4, carrier.most + 1 - start, start=start)
    most = str(carrier.most)
    assert_one_line(error, "tasks", str(len(carrier.tasks)), most, str(carrier.most + 1))


@each_carrier
def test_tasks_alike_count_once(carrier: Carrier) -> None:
    twice = [*carrier.tasks, carrier.again]
    assert carrier.rows(4, carrier.most, tasks=twice) == carrier.rows(4, carrier.most)
    with pytest.raises(UserError):
        carrier.rows(4, carrier.most + 1, tasks=twice)


@each_carrier
@pytest.mark.parametrize("unique", [True, False])
def test_no_tasks_are_told(carrier: Carrier, unique: bool) -> None:
    with pytest.raises(UserError) as error:
        carrier.rows(4, 1, tasks=[], unique=unique)
    assert_one_line(error, "tasks: there are none")
