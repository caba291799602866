"""The code carrier: small functions for a teacher to write, code only.

Rows carry the signature and the tests, which filters compare completions with. Tasks are drawn by
`subliminal.code_tasks`, or are those of a file. Cloud et al. 2026 (arXiv 2507.14805) have teachers
fill in function templates, without comments and with standard names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from subliminal.code_tasks import WORDINGS, CodePrompts, CodeTask, code_prompt
from teachers.carriers.own_tasks import in_rounds

Asked = tuple[CodeTask, str]
"""A task and the prompt that asks for its function."""


def prompt_rows(
    seed: int,
    count: int,
    *,
    start: int = 0,
    samples: int = 1,
    unique: bool = True,
    tasks: Sequence[CodeTask] | None = None,
) -> list[dict[str, Any]]:
    """The prompts of a data set, no two alike unless asked for.

    Args:
        seed: A prompt is a function of it, of the prompt's index and of the tasks alone.
        count: How many prompts.
        start: The index of the first one; a data set can be made in parts.
        samples: How many rows each prompt is repeated in, to be answered that often.
        unique: Whether no two prompts may be alike. If no tasks are given, no two tasks are alike
            either.
        tasks: What to ask for instead of drawn tasks, in an order drawn for the seed. When all
            have been asked for they are asked for again, in another order and in other wordings.

    Returns:
        count x samples rows with `prompt_id` (the index), `sample`, `prompt`, `signature` and
        `tests` (a list of `{"args": [...], "result": ...}`), those of a prompt together. Where
        the task does not name its parameters, `function` (the name) stands for the signature.

    Raises:
        UserError: There are too few tasks for as many unique prompts, or none.
    """
    indices = range(start, start + count)
    asked = _drawn(seed, indices, unique) if tasks is None else _given(seed, indices, tasks, unique)
    return [
        {"prompt_id": index, "sample": sample, "prompt": prompt, **_provenance(task)}
        for index, (task, prompt) in zip(indices, asked, strict=True)
        for sample in range(samples)
    ]


def _drawn(seed: int, indices: range, unique: bool) -> Iterator[Asked]:
    prompts = CodePrompts(seed, unique=unique)
    for prompt in map(prompts.__getitem__, indices):
        yield prompt.task, prompt.text


def _given(seed: int, indices: range, tasks: Sequence[CodeTask], unique: bool) -> Iterator[Asked]:
    asked = in_rounds(
        tasks,
        indices,
        seed=seed,
        purpose="code carrier",
        wordings=len(WORDINGS),
        same=(lambda task: (task.text, task.signature)) if unique else None,
    )
    for task, wording in asked:
        yield task, code_prompt(task, wording)


def _provenance(task: CodeTask) -> dict[str, Any]:
    named = (
        {"signature": task.signature} if task.parameters_are_known else {"function": task.function}
    )
    return {**named, "tests": [dict(test) for test in task.tests]}
