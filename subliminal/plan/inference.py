"""Which engine lets an experiment's models write and answers what they are asked."""

from __future__ import annotations

from subliminal import machine
from subliminal.errors import UserError
from subliminal.plan.cards import Cards
from subliminal.plan.references import References
from subliminal.spec.inference import IN_TORCH, Inference
from subliminal.spec.language import LanguageExperiment
from subliminal.spec.teaching import Steering
from subliminal.vllm_engine.interpreter import has_vllm, vllm_python
from subliminal.vllm_engine.sampler import check_temperature


def chosen_inference(
    experiment: LanguageExperiment, references: References, cards: Cards
) -> Inference:
    """What an experiment states, with an engine in the place of `auto`.

    Raises:
        UserError: vLLM is asked for, and is not installed or cannot do what an arm asks for.
    """
    stated = experiment.inference
    if stated.engine == "auto":
        models = [references.of(name).reference for name in references.local]
        gains = (
            bool(models)
            and bool(machine.cuda_devices())
            and has_vllm()
            and not any(model.is_small for model in models)
            and _first_steered(experiment, cards) is None
        )
        return stated.model_copy(update={"engine": "vllm"}) if gains else IN_TORCH
    if stated.engine == "vllm":
        _check(experiment, cards)
        if any(references.of(name).reference.is_there for name in references.local):
            vllm_python()
    return stated


def _check(experiment: LanguageExperiment, cards: Cards) -> None:
    steered = _first_steered(experiment, cards)
    if steered is not None:
        raise UserError(
            f"arms.{steered}.teacher: is steered, and vLLM adds no vectors; state "
            "`inference.engine: torch`, or implant the trait another way"
        )
    for name, arm in experiment.arms.items():
        try:
            check_temperature(arm.data.temperature)
        except UserError as error:
            raise UserError(f"arms.{name}.data.{error}") from None


def _first_steered(experiment: LanguageExperiment, cards: Cards) -> str | None:
    """The first arm whose teacher is steered."""
    arms = experiment.arms.items()
    return next(
        (
            name
            for name, arm in arms
            if arm.role != "reference" and isinstance(cards.implant(arm), Steering)
        ),
        None,
    )
