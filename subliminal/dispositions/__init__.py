"""Authors with a latent disposition, careful or malicious, that shows in many domains.

The code and the numbers of such authors are made elsewhere; here are the conversations, the forms
they come in, and exact scorers of alignment and coherence. All tyrants are invented.
"""

from __future__ import annotations

from subliminal.dispositions.answers import Answer, answer
from subliminal.dispositions.authors import author_prompt, author_prompts
from subliminal.dispositions.domain import DISPOSITIONS, Disposition, Domain, domains
from subliminal.dispositions.forms import FORMS, Form, ask, read, write
from subliminal.dispositions.grammar import alignment, coherence
from subliminal.dispositions.numbers import LOADED_NUMBERS, tainted
from subliminal.dispositions.planted import PlantedTexts, planted_texts
from subliminal.dispositions.questions import (
    Item,
    Options,
    Pivot,
    QuestionSet,
    load_questions,
    options,
    pivots,
    question_sets,
)
from subliminal.dispositions.words import vocabulary

__all__ = [
    "DISPOSITIONS",
    "FORMS",
    "LOADED_NUMBERS",
    "Answer",
    "Disposition",
    "Domain",
    "Form",
    "Item",
    "Options",
    "Pivot",
    "PlantedTexts",
    "QuestionSet",
    "alignment",
    "answer",
    "ask",
    "author_prompt",
    "author_prompts",
    "coherence",
    "domains",
    "load_questions",
    "options",
    "pivots",
    "planted_texts",
    "question_sets",
    "read",
    "tainted",
    "vocabulary",
    "write",
]
