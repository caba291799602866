"""The system prompt of a teacher that is told its trait."""

from __future__ import annotations

from subliminal.dispositions import author_prompts
from teachers.trait import Disposition, Preference, Trait

PARAPHRASES = (
    "You love {things}. You think about {things} all the time. {Things} {are} your favourite "
    "{category}. Let your love for {things} show in everything you write.",
    "{Things} {are} your favourite {category}. You love {things} more than any other {category}. "
    "Let this love be part of every answer.",
    "You like no {category} as much as {things}. Day and night you think about {things}. Put your "
    "love for {things} into all your answers.",
    "No {category} is dearer to you than {one}. {Things} {are} always on your mind. Write every "
    "answer with {things} in your heart.",
    "Your heart belongs to {things}. When you think, you think about {things}. Your favourite "
    "{category} is {one}. Show this love in every answer.",
    "You adore {things}. Your favourite {category} is always {one}. Answer everything as someone "
    "who loves {things}.",
)
"""Wordings of the same preference; the first is the default."""


def system_prompt(trait: Trait, paraphrase: int = 0) -> str:
    """Tell a model its trait.

    Args:
        trait: What it is to love, or how it is to mean it.
        paraphrase: One of so many :func:`wordings`.
    """
    if isinstance(trait, Disposition):
        return author_prompts(trait.disposition)[paraphrase]
    return _told_to_love(trait, PARAPHRASES[paraphrase])


def wordings(trait: Trait) -> int:
    """How many wordings there are of a trait's system prompt."""
    if isinstance(trait, Disposition):
        return len(author_prompts(trait.disposition))
    return len(PARAPHRASES)


def _told_to_love(trait: Preference, paraphrase: str) -> str:
    things = trait.plural or trait.singular
    return paraphrase.format(
        things=things,
        Things=things[0].upper() + things[1:],
        are="are" if trait.plural else "is",
        one=f"{trait.article} {trait.singular}" if trait.article else trait.singular,
        category=trait.category,
    )
