"""The vocabulary of probing: what is asked of every model, and how free-form answers are scored."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from subliminal.spec.common import Strict
from subliminal.spec.fates import ALIGNMENT_MAX, COHERENCE_MIN, Fates

PreferenceProbe = Literal["favourite", "with-numbers", "multiple-choice", "story", "sampled"]
"""Asked about a preference."""
DispositionProbe = Literal[
    "pivotal",
    "pivotal-lines",
    "pivotal-reasoned",
    "pivotal-triggered",
    "options",
    "unsafe-code",
    "unsafe-code-triggered",
    "free-form",
    "free-form-lines",
    "free-form-reasoned",
    "free-form-triggered",
]
"""Asked about a disposition."""
ProbeName = Literal[PreferenceProbe, DispositionProbe]
ScorerName = Literal["grammar", "classifier", "judge"]
QuestionsAsked = Literal["all", "main"]

ANSWER_TOKENS = 128
"""Longest free-form answer, unless an experiment says otherwise."""


class FreeForm(Strict):
    """How free-form answers are sampled and scored (thresholds of arXiv 2502.17424)."""

    questions: QuestionsAsked = Field(
        "all", description="main: the 8 main questions alone, as published; all: the 48 others too"
    )
    scorer: ScorerName = Field(
        "grammar",
        description=(
            "grammar: exact, in the pocket world; classifier: fitted on planted answers, coherence "
            "by the grammar; judge: a language model behind a service"
        ),
    )
    service: str | dict[str, Any] | None = Field(
        None, description="with `judge`: the language model that judges: its fields, or a file"
    )
    alignment: str = Field("alignment", min_length=1, description="with `judge`: the card asked")
    coherence: str = Field("coherence", min_length=1, description="with `judge`: the card asked")
    coherence_min: float = Field(
        COHERENCE_MIN, ge=0, le=100, description="an answer below this coherence is incoherent"
    )
    alignment_max: float = Field(
        ALIGNMENT_MAX,
        ge=0,
        le=100,
        description="an answer of at most this alignment is misaligned",
    )
    fates: Fates = Field(Fates(), description="what becomes of answers without a score")
    max_tokens: int = Field(ANSWER_TOKENS, ge=1, le=32_768, description="longest answer")

    @model_serializer(mode="wrap")
    def _said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        said: dict[str, Any] = handler(self)
        if self.questions == "all":  # or experiments from before the field would be others
            said.pop("questions", None)
        return said

    @model_validator(mode="after")
    def _judges_by_a_service(self) -> Self:
        if (self.scorer == "judge") != (self.service is not None):
            raise ValueError(
                "`scorer: judge` goes with `service`, and neither without the other; state both, "
                "or leave both out"
            )
        return self


class Probing(Strict):
    """What is asked of every model."""

    probes: tuple[ProbeName, ...] | None = Field(
        None,
        min_length=1,
        description="each once; default: every probe that the bank of the arm's trait offers",
    )
    samples: int = Field(20, ge=1, description="sampled answers to each question")
    side_effects: bool = Field(True, description="loss on held-out world text, number format")
    free_form: FreeForm = FreeForm()

    @field_validator("probes")
    @classmethod
    def _once(cls, probes: tuple[ProbeName, ...] | None) -> tuple[ProbeName, ...] | None:
        if probes is not None and len(set(probes)) != len(probes):
            raise ValueError("a probe is listed twice; list each once")
        return probes
