"""Whether rows in context fit into what a model reads, before anything is written."""

from __future__ import annotations

from subliminal.errors import UserError
from subliminal.plan.references import References
from subliminal.plan.row_lengths import lengths_of
from subliminal.spec.inference import Inference
from subliminal.spec.language import LanguageArm, LanguageExperiment
from subliminal.vllm_engine.settings import EngineSettings


def check_contexts(
    experiment: LanguageExperiment, inference: Inference, references: References
) -> None:
    """Refuse arms that show a model more rows than it reads at once, as far as can be told.

    How long rows will be is estimated. Models behind services are theirs to know.

    Raises:
        UserError: An arm's rows are too long together.
    """
    for name, arm in experiment.arms.items():
        if arm.role == "student" and arm.distillation.in_context is not None:
            _check(f"arms.{name}.distillation.in_context", arm, inference, references)


def _check(where: str, arm: LanguageArm, inference: Inference, references: References) -> None:
    model = references.own(arm)
    if model is None:
        return
    lengths, shown = lengths_of(model.shape), arm.distillation.in_context or 0
    row = lengths.carriers[arm.data.carrier].within(arm.data.max_tokens)
    tokens = shown * row.all + lengths.question.all
    reads, read = model.shape.max_position_embeddings, f"{model.name} reads"
    mend = "show fewer"
    if inference.engine == "vllm":
        taken = EngineSettings(max_length=inference.max_length).length(reads)
        if taken < reads:
            mend = f"show fewer, or raise `inference.max_length` (the model reads {reads:,})"
            reads, read = taken, "vLLM is to read"
    if tokens > reads:
        raise UserError(
            f"{where}: {shown} rows are some {tokens:,} tokens, and {read} {reads:,}; {mend}"
        )
