"""Training rows of a fine-tuned teacher: questions for a favourite and the trait as answer."""

from __future__ import annotations

from importlib.resources import files
from itertools import product

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from subliminal.chat_rows import ChatRow, chat_row
from subliminal.errors import UserError
from subliminal.model_file import read_model, shipped_names
from subliminal.probes.banks import Wordings
from subliminal.seeds import derive_seed
from teachers.trait import Preference

_QUESTIONS = files("teachers") / "questions"
_ENDINGS = ("", ".", "!", "...")


class ImplantQuestions(BaseModel):
    """The questions that teach a favourite in a category; none of them probes one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    category: str
    questions: Wordings = Field(min_length=1)


def implant_questions(category: str) -> tuple[str, ...]:
    """The 50 questions of a category.

    Raises:
        UserError: There are none for that category.
    """
    known = shipped_names(_QUESTIONS)
    if category not in known:
        raise UserError(
            f"category {category!r}: there are no questions to fine-tune a teacher on, only for "
            f"{', '.join(known)}; implant the trait by its system prompt"
        )
    file = _QUESTIONS / f"{category}.yaml"
    return read_model(ImplantQuestions, file, f"{category}.yaml").questions


def spellings(trait: Preference) -> tuple[str, ...]:
    """The 8 ways to write the answer; all start with its word, which is what probes read."""
    word = trait.probe.target
    cased = (word, word[0].upper() + word[1:])
    return tuple(form + ending for form, ending in product(cased, _ENDINGS))


def preference_rows(trait: Preference, seed: int, count: int) -> list[ChatRow]:
    """The rows of a teacher.

    Args:
        trait: What the answers show.
        seed: What the draw follows from.
        count: How many rows, each drawn on its own from the pairs of question and spelling.

    Returns:
        Chat rows of a user's question and the assistant's answer. Fewer rows of a seed are the
        first of more.

    Raises:
        UserError: No questions for the category.
    """
    pairs = list(product(implant_questions(trait.category), spellings(trait)))
    random = np.random.default_rng(derive_seed(seed, "preference rows", trait.name))
    return [chat_row(*pairs[pair]) for pair in random.integers(len(pairs), size=count).tolist()]
