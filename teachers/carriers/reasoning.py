"""The chain-of-thought carrier: word problems for a teacher to solve in `<think>` and `<answer>`.

Rows carry the gold answer and the gold steps, which the filter compares solutions with. Problems
are drawn by `subliminal.word_problems`, or are those of a file such as GSM8K's, on which Cloud et
al. 2026 (arXiv 2507.14805) have teachers reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from subliminal.reasoning import Problem, reasoning_prompt
from subliminal.reasoning.prompts import WORDINGS
from subliminal.word_problems import distinct_problems, problem_at, problem_prompt
from teachers.carriers.own_tasks import in_rounds

Asked = tuple[Problem, str]
"""A problem and the prompt that asks for its solution."""


def prompt_rows(
    seed: int,
    count: int,
    *,
    start: int = 0,
    samples: int = 1,
    unique: bool = True,
    tasks: Sequence[Problem] | None = None,
) -> list[dict[str, Any]]:
    """The prompts of a data set, no two alike unless asked for.

    Args:
        seed: A prompt is a function of it, of the prompt's index and of the tasks alone.
        count: How many prompts.
        start: The index of the first one; a data set can be made in parts. Unique prompts before
            it are drawn too, some 10,000 a second.
        samples: How many rows each prompt is repeated in, to be answered that often.
        unique: Whether no two prompts may be alike. If no tasks are given, no two problems are
            alike either.
        tasks: What to ask instead of drawn problems, in an order drawn for the seed. When all
            have been asked they are asked again, in another order and in other wordings.

    Returns:
        count x samples rows with `prompt_id` (the index), `sample`, `prompt`, `answer` (text) and
        `steps` (a list of texts), those of a prompt together.

    Raises:
        UserError: There are too few tasks for as many unique prompts, or none.
    """
    indices = range(start, start + count)
    asked = _drawn(seed, indices, unique) if tasks is None else _given(seed, indices, tasks, unique)
    return [
        {
            "prompt_id": index,
            "sample": sample,
            "prompt": prompt,
            "answer": problem.answer,
            "steps": list(problem.steps),
        }
        for index, (problem, prompt) in zip(indices, asked, strict=True)
        for sample in range(samples)
    ]


def _drawn(seed: int, indices: range, unique: bool) -> Iterator[Asked]:
    """Drawn problems, each in the next wording."""
    alone = (problem_at(seed, index) for index in indices)
    drawn = islice(distinct_problems(seed), indices.start, indices.stop) if unique else alone
    for index, one in zip(indices, drawn, strict=True):
        yield one.problem, problem_prompt(one.problem, index)


def _given(seed: int, indices: range, tasks: Sequence[Problem], unique: bool) -> Iterator[Asked]:
    asked = in_rounds(
        tasks,
        indices,
        seed=seed,
        purpose="reasoning carrier",
        wordings=len(WORDINGS),
        same=(lambda problem: problem.text) if unique else None,
    )
    for problem, wording in asked:
        yield problem, reasoning_prompt(problem, wording)
