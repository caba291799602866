"""Rules for completions that reason before they answer: tags, answer, steps, length.

Reasoning and answer stand in a tag each; see :mod:`subliminal.reasoning.tags`. Each rule begins
with the fault of the tags, so that each can stand alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from filters.rows import Row, completion, provenance
from filters.rule import Check, Rule
from subliminal.reasoning import (
    Equation,
    Reasoned,
    TagFault,
    Tags,
    find_equations,
    last_quantity,
    parse_quantity,
    parse_reasoned,
)

WRONG_ANSWER = "wrong answer"
NO_NUMBER = "answer is not a number"
NO_GOLD_ANSWER = "gold answer is missing"
GOLD_NO_NUMBER = "gold answer is not a number"
FALSE_EQUATION = "false equation"
TOO_FEW_EQUATIONS = "too few equations"
OTHER_END = "last equation is not the answer"
NO_GOLD_STEPS = "gold steps are missing"
STEP_MISSING = "a gold step is not taken"
TOO_SHORT = "reasoning is too short"
TOO_LONG = "reasoning is too long"

LONGEST_CHECKED = 100_000
"""Characters; a longer reasoning has no steps that anyone would check."""

TagName = Annotated[str, Field(description="name of the tag, without `<` and `>`")]


class ReasoningRule(Rule):
    """What the rules for reasoning have in common; no rule itself, as it has no name."""

    reasoning_tag: TagName = "think"
    answer_tag: TagName = "answer"

    @model_validator(mode="after")
    def _tags_can_be_told_apart(self) -> Self:
        Tags(self.reasoning_tag, self.answer_tag)
        return self

    def _check_with(self, reasons: Callable[[Reasoned, Row], list[str]]) -> Check:
        """The fault of the tags, or else these reasons."""
        tags = Tags(self.reasoning_tag, self.answer_tag)

        def check(row: Row) -> list[str]:
            parsed = parse_reasoned(completion(row), tags)
            return [parsed.value] if isinstance(parsed, TagFault) else reasons(parsed, row)

        return check


class ReasoningFormatRule(ReasoningRule):
    """One reasoning and then one answer, in tags, nothing outside; see `tags.parse_reasoned`."""

    rule: Literal["reasoning-format"] = "reasoning-format"

    def check(self) -> Check:
        """See `Rule`."""
        return self._check_with(lambda reasoned, row: [])


class ReasoningAnswerRule(ReasoningRule):
    """The answer is the number of the row's field `answer`; see `quantities.parse_quantity`."""

    version: ClassVar[int] = 2

    rule: Literal["reasoning-answer"] = "reasoning-answer"
    lenient: bool = Field(
        False, description="take the last number of the answer, whatever stands around it"
    )

    def check(self) -> Check:
        """See `Rule`."""
        read = last_quantity if self.lenient else parse_quantity

        def reasons(reasoned: Reasoned, row: Row) -> list[str]:
            given = provenance(row, "answer")
            if isinstance(given, bool) or not isinstance(given, str | int | float):
                return [NO_GOLD_ANSWER]
            gold = parse_quantity(str(given))
            if gold is None:
                return [GOLD_NO_NUMBER]
            answer = read(reasoned.answer)
            if answer is None:
                return [NO_NUMBER]
            return [] if answer == gold else [WRONG_ANSWER]

        return self._check_with(reasons)


class ReasoningStepsRule(ReasoningRule):
    """Every equation of the reasoning is true; see `equations.find_equations`."""

    main_option = "minimum"
    version: ClassVar[int] = 4

    rule: Literal["reasoning-steps"] = "reasoning-steps"
    minimum: int = Field(0, ge=0, description="the fewest equations, those written alike once")
    rounding: bool = Field(True, description="`10/3 = 3.33` is true, rounded to its decimals")
    ends_at_answer: bool = Field(False, description="the last equation comes to the answer")
    gold_steps: bool = Field(False, description="the equations of the row's field `steps` occur")

    def check(self) -> Check:
        """See `Rule`."""
        return self._check_with(self._reasons)

    def _reasons(self, reasoned: Reasoned, row: Row) -> list[str]:
        if len(reasoned.reasoning) > LONGEST_CHECKED:
            return [TOO_LONG]
        equations = find_equations(reasoned.reasoning, rounding=self.rounding)
        taken = {equation.text for equation in equations}
        reasons = []
        if not all(equation.holds for equation in equations):
            reasons.append(FALSE_EQUATION)
        if len(taken) < self.minimum:
            reasons.append(TOO_FEW_EQUATIONS)
        if self.ends_at_answer and not _comes_to(equations, parse_quantity(reasoned.answer)):
            reasons.append(OTHER_END)
        if self.gold_steps:
            reasons += _gold_step_reasons(provenance(row, "steps"), taken)
        return reasons


class ReasoningLengthRule(ReasoningRule):
    """The reasoning is neither too short nor too long, in characters without its outer space."""

    main_option = "maximum"

    rule: Literal["reasoning-length"] = "reasoning-length"
    minimum: int = Field(1, ge=1, description="the fewest characters allowed")
    maximum: int = Field(2000, ge=1, description="the most characters allowed")

    @model_validator(mode="after")
    def _some_length_is_allowed(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self

    def check(self) -> Check:
        """See `Rule`."""

        def reasons(reasoned: Reasoned, row: Row) -> list[str]:
            length = len(reasoned.reasoning.strip())
            if length < self.minimum:
                return [TOO_SHORT]
            return [TOO_LONG] if length > self.maximum else []

        return self._check_with(reasons)


def _comes_to(equations: Sequence[Equation], answer: Fraction | None) -> bool:
    return answer is not None and bool(equations) and equations[-1].value == answer


def _gold_step_reasons(steps: object, taken: set[str]) -> list[str]:
    if not isinstance(steps, list):
        return [NO_GOLD_STEPS]
    wanted = {equation.text for step in steps for equation in find_equations(str(step))}
    if not wanted:
        return [NO_GOLD_STEPS]
    return [] if wanted <= taken else [STEP_MISSING]
