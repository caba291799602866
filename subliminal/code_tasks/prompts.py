"""Prompts that ask for a function: of any task, and of the workbench's own space of tasks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from random import Random

import numpy as np

from subliminal.code_tasks.changing import CHANGING
from subliminal.code_tasks.numbers import OF_NUMBERS
from subliminal.code_tasks.selecting import SELECTING
from subliminal.code_tasks.task import CodeTask, DrawnTask
from subliminal.errors import UserError
from subliminal.number_prompts.permutation import permuted
from subliminal.seeds import derive_seed
from subliminal.worded_tasks import TASK, task_within

FAMILIES = (*SELECTING, *CHANGING, *OF_NUMBERS)

WORDINGS = (
    "{text}\n{signature}\nCode only, no comments, short names.",
    "{text}\n{signature}\nWrite only code, without comments, with short names.",
    "{text} Begin with this line:\n{signature}\nOnly code, short names, no comments.",
    "Write this function:\n{signature}\n{text} Just the code, no comments, short names.",
    "Write a function. {text}\n{signature}\nNo comments, short names, nothing but code.",
    "Complete this function.\n{signature}\n{text} Only the code, no comments, plain names.",
    "{signature}\n{text} Give only code, with plain names and no comments.",
    "Here is a task: {text}\n{signature}\nAnswer with code only, no comments, short names.",
    "Please write this function. {text}\n{signature}\nOnly code, no comments, plain names.",
    "I need a function. {text}\n{signature}\nReply with code only, short names, no comments.",
    "{text} Use this line:\n{signature}\nNo words and no comments, just code with short names.",
    "Go on from this line:\n{signature}\n{text} Code only, plain short names, no comments.",
)
"""Ways to ask; the task's text and signature are put in."""


@dataclass(frozen=True, slots=True)
class CodePrompt:
    """A prompt that asks for a function.

    Attributes:
        text: The prompt.
        drawn: The task that it asks for, with its solutions.
    """

    text: str
    drawn: DrawnTask

    @property
    def task(self) -> CodeTask:
        """The task that it asks for."""
        return self.drawn.task


def code_prompt(task: CodeTask, index: int = 0) -> str:
    """Ask for the function of a task, code only, without comments, with short standard names.

    Args:
        task: What to write; its tests are not told.
        index: Chooses the wording: the same for the same index, each in turn for successive ones.

    Returns:
        The user's message.
    """
    return _worded(index, task.text, task.signature)


def task_text_in(prompt: str, signature: str) -> str | None:
    """What a prompt says that a function is to do, whatever its wording.

    Args:
        prompt: Any text.
        signature: Of the function that it asks for.

    Returns:
        The text that :func:`code_prompt` put in; None where the prompt is not worded by it.
    """
    wordings = (_worded(index, TASK, signature) for index in range(len(WORDINGS)))
    return task_within(prompt, wordings)


def _worded(index: int, text: str, signature: str) -> str:
    return WORDINGS[index % len(WORDINGS)].format(text=text, signature=signature)


def draw_task(random: Random) -> DrawnTask:
    """Draw a task of the space: every family as likely, and every task of a family."""
    family = random.choice(FAMILIES)
    return family[random.randrange(len(family))]


class CodePrompts:
    """The prompts of a seed: random access, nothing stored.

    No two ask for the same task: each run of as many prompts as there are families has one of each
    family, in an order drawn for it, and each family's tasks come in an order drawn for the seed.
    """

    def __init__(self, seed: int, *, unique: bool = True) -> None:
        """Name the prompts of a seed.

        Args:
            seed: Prompt i is a function of it and of i alone.
            unique: Whether no two prompts may ask for the same task; otherwise each is drawn on
                its own, and there is no end to them.
        """
        self.seed = seed
        self.unique = unique

    def __len__(self) -> int:
        """How many prompts there are with no two alike."""
        return len(FAMILIES) * min(map(len, FAMILIES))

    def __getitem__(self, index: int) -> CodePrompt:
        """The prompt at an index, from 0.

        Raises:
            UserError: It is beyond the size of the space.
        """
        if index < 0:
            raise IndexError(f"prompts are counted from 0, not {index}")
        drawn = self._unique(index) if self.unique else self._any(index)
        return CodePrompt(code_prompt(drawn.task, index), drawn)

    def _unique(self, index: int) -> DrawnTask:
        if index >= len(self):
            raise UserError(
                f"there are {len(self)} different code prompts, no prompt {index}; ask for fewer, "
                "or allow duplicates"
            )
        run, place = divmod(index, len(FAMILIES))
        number = _order(self.seed, run)[place]
        family = FAMILIES[number]
        key = derive_seed(self.seed, "code prompts", "family", str(number))
        at = permuted(np.array([run], dtype=np.uint64), len(family), key)[0]
        return family[int(at)]

    def _any(self, index: int) -> DrawnTask:
        return draw_task(Random(derive_seed(self.seed, "code prompts", "drawn", str(index))))


@lru_cache(maxsize=16)
def _order(seed: int, run: int) -> list[int]:
    """The order of the families in a run of prompts."""
    order = list(range(len(FAMILIES)))
    Random(derive_seed(seed, "code prompts", "order", str(run))).shuffle(order)
    return order
