"""Problems drawn at random, in streams that are pure functions of a seed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from random import Random

from subliminal.reasoning.problem import Problem
from subliminal.seeds import derive_seed
from subliminal.word_problems import sentences, solutions
from subliminal.word_problems.prompts import PROMPTS
from subliminal.word_problems.steps import Step
from subliminal.word_problems.stories import draw_story
from subliminal.wording import vocabulary_of

STEP_WEIGHTS = {1: 0.35, 2: 0.35, 3: 0.2, 4: 0.1}
"""How often a problem takes so many steps."""

_FIELD = re.compile(r"\{\w+\}")
_MARKS = "<think></think><answer></answer> + - * / ="


@dataclass(frozen=True, slots=True)
class DrawnProblem:
    """A problem with the steps that its solutions take."""

    problem: Problem
    taken: tuple[Step, ...]
    """The problem's steps, as numbers."""

    def solution(self, random: Random) -> str:
        """Draw a completion: reasoning in `<think>`, the answer in `<answer>`."""
        return solutions.draw_solution(random, self.taken)


def draw_problem(random: Random) -> DrawnProblem:
    """Draw a problem of one to four steps; numbers and results are whole, 2 to 111.

    Args:
        random: Where all choices come from.
    """
    (length,) = random.choices([*STEP_WEIGHTS], [*STEP_WEIGHTS.values()])
    story = draw_story(random, length)
    steps = tuple(step.equation for step in story.steps)
    return DrawnProblem(Problem(story.text, str(story.steps[-1].result), steps), story.steps)


def problem_at(seed: int, index: int) -> DrawnProblem:
    """The problem at a place of a seed's stream, drawn on its own; a few occur twice."""
    return draw_problem(Random(derive_seed(seed, "word problems", str(index))))


def distinct_problems(seed: int) -> Iterator[DrawnProblem]:
    """The problems of a seed's stream in order, without end and without those told before."""
    seen = set()
    for index in count():
        drawn = problem_at(seed, index)
        if drawn.problem.text not in seen:
            seen.add(drawn.problem.text)
            yield drawn


def vocabulary() -> frozenset[str]:
    """Every word and mark of prompts, problems and solutions, as it is spelt.

    Integers are left out.
    """
    templates = (
        *(part for one in _sentences() for part in (one.text, one.claim, one.question, one.unit)),
        *(*sentences.PLAIN_OPENINGS, *sentences.QUESTIONS, *PROMPTS),
        *(
            *solutions.ALONE,
            *solutions.FIRST,
            *solutions.MIDDLE,
            *solutions.LAST,
            *solutions.CLOSINGS,
        ),
        *solutions.BODIES,
    )
    starts = (*solutions.BODIES, *(one.claim for one in _sentences()))
    names = (*sentences.PEOPLE, *sentences.THINGS, *sentences.PLACES)
    containers = (word for pair in sentences.CONTAINERS for word in pair)
    plain = (_FIELD.sub("", text) for text in (*templates, *map(_capital, starts)))
    return vocabulary_of((*plain, *names, *containers, _MARKS))


def _sentences() -> tuple[sentences.Sentence, ...]:
    return (*sentences.OPENINGS, *sentences.EVENTS, *sentences.ENDINGS, sentences.TOGETHER)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
