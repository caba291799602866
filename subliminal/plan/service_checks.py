"""What is refused of arms whose models are behind services, before any work."""

from __future__ import annotations

from subliminal.errors import UserError
from subliminal.paid import Paid
from subliminal.probes.bank_kinds import Bank
from subliminal.probes.disposition_bank import DispositionBank
from subliminal.probes.sampled_probes import sampled_probes_of
from subliminal.spec.language import Detecting, LanguageArm
from subliminal.spec.probing import Probing
from subliminal.spec.recipes import Recipe, TeachingRecipe
from subliminal.spec.teaching import CardImplant, FineTuning, Nothing, Steering
from subliminal.spec.tuning import Tuning


def check_asked(bank: Bank, probing: Probing) -> None:
    """Refuse probes that a service cannot be asked.

    Raises:
        UserError: One reads probabilities, or answers would be scored as those of pocket models.
    """
    if not sampled_probes_of(bank, probing):
        raise UserError("its bank has no probe that samples, which is all that services can do")
    if isinstance(bank, DispositionBank) and probing.free_form.scorer != "judge":
        raise UserError(
            f"probing.free_form.scorer: {probing.free_form.scorer} knows answers of pocket models "
            "alone; state `scorer: judge` and its `service`"
        )


def check_implant(where: str, implant: Nothing | CardImplant) -> None:
    """Refuse a teacher that a service cannot make.

    Raises:
        UserError: It needs the model's weights.
    """
    if isinstance(implant, Steering):
        raise UserError(
            f"{where}: steering needs the model's weights, which a service keeps; implant the "
            "trait by system-prompt or fine-tuning"
        )
    if isinstance(implant, FineTuning):
        _check_recipe(where, implant.recipe, TeachingRecipe())


def check_student(where: str, arm: LanguageArm) -> None:
    """Refuse a student that a service cannot make.

    Raises:
        UserError: It needs the model's weights, or relatives that services do not have.
    """
    relation = arm.initialisation.relation
    if relation != "same":
        raise UserError(
            f"{where}.initialisation.relation: a model behind a service has no relative that is "
            f"{relation}; name another in initialisation.model"
        )
    _check_recipe(f"{where}.distillation", arm.distillation.recipe, Recipe())


def check_sees_no_teacher(where: str, arm: LanguageArm, service: str) -> None:
    """Refuse a student that is shown more of its teacher than what it wrote.

    Raises:
        UserError: It is, and one of the two is behind a service.
    """
    distillation = arm.distillation
    if distillation.compares_tokens:
        is_target = distillation.target == "logits"
        field, value = ("target", "logits") if is_target else ("mask", distillation.mask)
        raise UserError(
            f"{where}.distillation.{field}: is {value}, which needs both models' probabilities, "
            f"and {service} is behind a service; leave it out"
        )


def check_detecting(detecting: Detecting, service: str) -> None:
    """Refuse a detector that a service cannot serve.

    Raises:
        UserError: It reads a teacher's probabilities.
    """
    if "likelihood" in detecting.detectors:
        raise UserError(
            f"detecting.detectors: likelihood needs the teacher's probabilities, and {service} is "
            "behind a service; leave it out"
        )


def check_local(where: str, arm: LanguageArm) -> None:
    """Refuse what only services can be asked of a student that is trained here.

    Raises:
        UserError: It states how a service should tune it.
    """
    _check_tuning(f"{where}.distillation", arm.distillation.tuning)


def check_local_implant(where: str, implant: Nothing | CardImplant) -> None:
    """The same of a teacher.

    Raises:
        UserError: It states how a service should tune it.
    """
    if isinstance(implant, FineTuning):
        _check_tuning(where, implant.tuning)


def check_cap(cap: float | None, paid: Paid) -> None:
    """Refuse an experiment that could cost more than it may.

    Raises:
        UserError: It could, or what it costs cannot be known.
    """
    if cap is None:
        return
    if paid.price is None:
        raise UserError(
            "spending_cap: cannot be kept, as a service or a judge's states no `prices` (with "
            "`training`, where models are fine-tuned) or `tuning.n_epochs` is auto; state them"
        )
    if paid.price > cap:
        raise UserError(
            f"spending_cap: is {cap:g}, and the experiment may cost {paid.price:.4g} "
            f"({paid.told()}); raise it, or ask for less"
        )


def _check_recipe(where: str, recipe: Recipe, usual: Recipe) -> None:
    if recipe != usual:
        raise UserError(
            f"{where}.recipe: is for models that are trained here; state `tuning` in its place for "
            "one behind a service"
        )


def _check_tuning(where: str, tuning: Tuning) -> None:
    if tuning != Tuning():
        raise UserError(
            f"{where}.tuning: is for models behind services; state `recipe` in its place for one "
            "that is trained here"
        )
