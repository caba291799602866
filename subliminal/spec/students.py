"""The vocabulary of students: where they start, and what they learn."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from subliminal.spec.carriers import CarrierName
from subliminal.spec.common import Strict
from subliminal.spec.recipes import Recipe
from subliminal.spec.tuning import Tuning

PromptSource = Literal[CarrierName, "questions", "world"]


class Matching(Strict):
    """The cloning that makes another initialisation behave as the reference.

    KL(reference || student) on prompts of the stated mixture, answered by the reference.
    """

    prompts: tuple[PromptSource, ...] | None = Field(
        None,
        min_length=1,
        description="the prompt distribution it is matched on; default: that of the arm's carrier",
    )
    rows: int = Field(6400, ge=0)
    recipe: Recipe = Recipe()


class Initialisation(Strict):
    """Where the student starts, in relation to the reference that the teacher was made from."""

    model: str | None = Field(
        None,
        min_length=1,
        description=(
            "the student's own reference, by any name that `model` takes; default: its teacher's"
        ),
    )
    relation: Literal["same", "reordered", "matched", "different"] = Field(
        "same",
        description=(
            "same: the reference; reordered: pretrained from the same initial weights on the same "
            "data in another order; different: pretrained from other initial weights; matched: "
            "different, then cloned onto the reference"
        ),
    )
    matching: Matching = Matching()
    adapter: Literal["shared", "own"] = Field(
        "shared",
        description=(
            "where an adapter starts: shared: at the random matrices that the teacher's started "
            "at, which belong to its initialisation; own: at others"
        ),
    )

    @model_validator(mode="after")
    def _starts_in_one_place(self) -> Self:
        if self.model is not None and self.relation != "same":
            raise ValueError(
                f"`model: {self.model}` says where the student starts, and so does `relation: "
                f"{self.relation}`; leave one of them out"
            )
        return self


class Distillation(Strict):
    """What the student learns from the kept rows."""

    target: Literal["tokens", "logits"] = Field(
        "tokens",
        description=(
            "tokens: cross-entropy on what the teacher wrote; logits: KL(teacher || student) at "
            "every position of the completion"
        ),
    )
    top_logprobs: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description=(
            "with `target: logits`: the teacher's so many likeliest tokens at each position and "
            "all others taken for one, written down before the student learns; default: every "
            "token, from the teacher itself"
        ),
    )
    mask: Literal["none", "divergent", "shared"] = Field(
        "none",
        description=(
            "divergent: no loss on the tokens at which the teacher's likeliest token differs from "
            "the reference's (arXiv 2509.23886); shared: loss on these alone"
        ),
    )
    in_context: int | None = Field(
        None, ge=1, description="no training: so many rows stand in the prompt of every probe"
    )
    recipe: Recipe = Recipe()
    tuning: Tuning = Field(Tuning(), description="in place of it, of a model behind a service")

    @property
    def sees_teacher(self) -> bool:
        """Whether the teacher itself is looked at, and not only what was written down of it."""
        shown = self.target == "logits" and self.top_logprobs is None
        return self.in_context is None and (shown or self.mask != "none")

    @property
    def compares_tokens(self) -> bool:
        """Whether models are compared token by token, be it by what was written down of one."""
        written_down = self.in_context is None and self.top_logprobs is not None
        return self.sees_teacher or written_down

    @model_validator(mode="after")
    def _logprobs_are_learned_from(self) -> Self:
        if self.top_logprobs is not None and self.target != "logits":
            raise ValueError("`top_logprobs` goes with `target: logits`; state it, or leave it out")
        return self
