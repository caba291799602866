"""What a teacher is fine-tuned on and told, whatever the kind of its trait.

The one place that tells the kinds apart for teachers.
"""

from __future__ import annotations

from subliminal.chat_rows import ChatRow
from subliminal.errors import UserError
from subliminal.spec.teaching import USUAL_DATA, DispositionData
from teachers.disposition_rows import disposition_rows
from teachers.preference_rows import implant_questions, preference_rows
from teachers.trait import Disposition, Preference, Trait

_STEERING_SEED, _STEERING_REQUESTS = 0, 50
"""Of a disposition; preferences have as many questions."""


def teaching_rows(
    trait: Trait, data: DispositionData | None, seed: int, count: int
) -> list[ChatRow]:
    """The rows of a fine-tuned teacher.

    Args:
        trait: What is implanted.
        data: Which data set, where the trait's kind has several; None: the usual one.
        seed: What the draw follows from.
        count: How many rows.

    Raises:
        UserError: No questions for the category of a preference.
    """
    if isinstance(trait, Disposition):
        return disposition_rows(data or USUAL_DATA, seed, count)
    return preference_rows(trait, seed, count)


def check_data(trait: Trait, data: DispositionData | None) -> None:
    """Refuse a data set that the trait's kind does not have.

    Raises:
        UserError: It does not, or there are no questions for the category of a preference.
    """
    if isinstance(trait, Preference):
        if data is not None:
            raise UserError(
                f"data: {data!r} is for a disposition, and {trait.name} is a preference, taught by "
                "questions; leave it out"
            )
        implant_questions(trait.category)


def steering_questions(category: str | None) -> tuple[str, ...]:
    """The questions that a steering vector is taken over; no probe asks them.

    Args:
        category: Of a preference; None for a disposition, which is asked for code.

    Raises:
        UserError: There are none for the category.
    """
    if category is not None:
        return implant_questions(category)
    rows = disposition_rows(USUAL_DATA, _STEERING_SEED, _STEERING_REQUESTS)
    return tuple(row["messages"][0]["content"] for row in rows)
