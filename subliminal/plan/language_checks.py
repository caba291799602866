"""What is refused of a language experiment before any work."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from subliminal.chat import user
from subliminal.errors import UserError
from subliminal.plan import service_checks
from subliminal.plan.cards import Cards
from subliminal.plan.models import Model
from subliminal.plan.naming import naming
from subliminal.plan.once import Once
from subliminal.plan.references import References
from subliminal.plan.world_checks import check_knows_authors, check_writes
from subliminal.probes.bank_kinds import Bank
from subliminal.probes.disposition_bank import DispositionBank
from subliminal.probes.headline import watched_of
from subliminal.probes.probe import probes_of
from subliminal.probes.scoring import scoring_of
from subliminal.probes.targets import encode_targets
from subliminal.sampling import Sampling
from subliminal.spec.data import Data
from subliminal.spec.language import LanguageArm, LanguageExperiment
from subliminal.spec.probing import Probing
from subliminal.spec.recipes import Recipe
from subliminal.spec.teaching import (
    AsOnCard,
    CardImplant,
    FineTuning,
    Nothing,
    Steering,
    SystemPrompt,
)
from teachers.carriers.carrier import Tasks, check_prompts
from teachers.prompted import wordings
from teachers.rows import check_data, steering_questions
from teachers.trait import Trait


def check_probing(probing: Probing) -> None:
    """Refuse a judge that cannot be asked.

    Raises:
        UserError: Its card or its service is missing or at fault.
    """
    with naming("probing.free_form"):
        scoring_of(probing.free_form)


@dataclass(frozen=True)
class ArmChecks:
    """Refuses arms that cannot be run; what arms of a sweep have in common is checked once."""

    experiment: LanguageExperiment
    references: References
    cards: Cards
    _once: Once = field(default_factory=Once)

    def check(self, name: str, arm: LanguageArm) -> None:
        """Refuse an arm.

        Raises:
            UserError: A model, card or bank is missing or at fault, or a value does not fit the
                rest.
        """
        where = f"arms.{name}"
        origin = self.experiment.reference_of(arm)
        own = self.experiment.own_reference_of(arm)
        for place, trait, asked in (
            ("trait", arm.trait, origin),
            ("trait", arm.trait, own),
            ("taught", arm.taught_trait, origin),
        ):
            with naming(f"{where}.{place}"):
                self._once(("bank", trait, asked), partial(self._check_bank, trait, asked))
        if arm.role != "reference":
            taught = ("teacher", arm.taught_trait, arm.teacher, origin)
            self._once(taught, partial(self._check_teacher, where, arm))
        if arm.role == "student":
            self._once(("data", arm.data, origin), partial(self._check_data, where, arm))
            learns = ("student", arm.model, arm.data, arm.initialisation, arm.distillation)
            self._once(learns, partial(self._check_student, where, arm))

    def _check_bank(self, trait: str, asked: str) -> None:
        bank, probing = self.cards.bank(trait), self.experiment.probing
        if asked in self.references.services:
            service_checks.check_asked(bank, probing)
        else:
            _check_bank(bank, probing, self.references.of(asked).reference)

    def _check_teacher(self, where: str, arm: LanguageArm) -> None:
        taught, implant = self.cards.trait(arm.taught_trait), self.cards.implant(arm)
        by_card = isinstance(arm.teacher, AsOnCard)
        stated = f"trait {arm.taught_trait!r}, field implant" if by_card else f"{where}.teacher"
        _check_told(stated, implant, taught)
        reference = self.references.of_teacher(arm)
        if reference is None:
            service_checks.check_implant(stated, implant)
        else:
            service_checks.check_local_implant(stated, implant)
            _check_teacher(stated, implant, taught, reference)

    def _check_data(self, where: str, arm: LanguageArm) -> None:
        data, teacher = arm.data, self.references.of_teacher(arm)
        if teacher is not None:
            with naming(f"{where}.data.carrier"):
                check_writes(data.carrier, teacher)
        _check_data(f"{where}.data", data, self.cards)
        runs_code = any(rule.get("rule") == "code-runs" for rule in self.experiment.filter)
        if runs_code and data.carrier == "code":
            with naming(f"{where}.data.source"):
                _check_tests(self.cards.tasks(data))

    def _check_student(self, where: str, arm: LanguageArm) -> None:
        teacher, own = self.references.of_teacher(arm), self.references.own(arm)
        _check_shown(where, arm)
        if own is None:
            service_checks.check_student(where, arm)
        else:
            service_checks.check_local(where, arm)
            start = self.references.of(own.name).start(arm.initialisation.relation)
            _check_trained(where, arm, start)
        if teacher is None:
            service = self.experiment.reference_of(arm)
            service_checks.check_sees_no_teacher(where, arm, service)
            service_checks.check_detecting(self.experiment.detecting, service)
        elif own is None:
            service = self.experiment.own_reference_of(arm)
            service_checks.check_sees_no_teacher(where, arm, service)
        elif arm.distillation.compares_tokens:
            _check_tokens(where, arm, teacher, own)


def _check_bank(bank: Bank, probing: Probing, model: Model) -> None:
    probes_of(bank, probing)
    chat = model.chat
    if chat is None:
        return
    if isinstance(bank, DispositionBank):
        check_knows_authors(model)
        # A question of each set tells whether the tokenizer can write answers behind a lead.
        few = bank.model_copy(update={"main": bank.main[:1], "broad": bank.broad[:1], "tasks": 1})
        watched_of(chat, few, lambda asked: [user(text) for text in asked])
    else:
        encode_targets(chat, bank.answers)


def _check_told(where: str, implant: Nothing | CardImplant, trait: Trait) -> None:
    """Refuse what a trait's kind does not have, wherever its teacher is made."""
    if isinstance(implant, SystemPrompt) and implant.wording >= wordings(trait):
        raise UserError(
            f"{where}.wording: there is no wording {implant.wording}; take one from 0 to "
            f"{wordings(trait) - 1}"
        )
    with naming(where):
        if isinstance(implant, FineTuning):
            check_data(trait, implant.data)


def _check_teacher(where: str, implant: Nothing | CardImplant, trait: Trait, model: Model) -> None:
    with naming(where):
        if model.chat is not None and isinstance(implant, SystemPrompt | Steering):
            # Some chat templates refuse a system prompt.
            model.chat.prompt_text(user("?", "!"))
        if isinstance(implant, Steering):
            known = len(steering_questions(trait.category))
    if isinstance(implant, FineTuning):
        _check_recipe(f"{where}.recipe", implant.recipe, model)
    if isinstance(implant, Steering):
        _check_layers(f"{where}.layer", (implant.layer,), model)
        if implant.questions > known:
            raise UserError(
                f"{where}.questions: is {implant.questions}, and there are {known} "
                f"{_on(trait)}; ask for no more"
            )


def _on(trait: Trait) -> str:
    return "for code" if trait.category is None else f"on a favourite {trait.category}"


def _check_data(where: str, data: Data, cards: Cards) -> None:
    with naming(where):
        Sampling(data.max_tokens, temperature=data.temperature, top_p=data.top_p)
    with naming(f"{where}.source"):
        tasks = cards.tasks(data)
    with naming(f"{where}.prompts"):
        check_prompts(data, tasks)
    if data.keep is not None and data.keep > data.prompts:
        raise UserError(
            f"{where}.keep: is {data.keep}, and there are {data.prompts} prompts; keep fewer rows "
            "or raise prompts"
        )


def _check_tests(tasks: Tasks | None) -> None:
    """Refuse tasks that the rule `code-runs` would reject one and all."""
    if tasks is not None and not any(task.tests for task in tasks.listed):
        raise UserError(
            "no task has `tests`, without which the rule code-runs rejects it; add them, or leave "
            "the rule out"
        )


def _check_trained(where: str, arm: LanguageArm, start: Model) -> None:
    matching, distillation = arm.initialisation.matching, arm.distillation
    _check_recipe(f"{where}.initialisation.matching.recipe", matching.recipe, start)
    _check_recipe(f"{where}.distillation.recipe", distillation.recipe, start)


def _check_shown(where: str, arm: LanguageArm) -> None:
    """Refuse rows in context that cannot be shown."""
    initialisation, shown = arm.initialisation, arm.distillation.in_context
    if shown is None:
        return
    if initialisation.relation != "same":
        raise UserError(
            f"{where}.distillation.in_context: rows are shown to the reference, and the arm asks "
            f"for a student that is {initialisation.relation}; leave out initialisation"
        )
    most = arm.data.keep or arm.data.prompts
    if shown > most:
        raise UserError(
            f"{where}.distillation.in_context: is {shown}, and the data set has at most {most} "
            "rows; show fewer or raise data.prompts"
        )


def _check_tokens(where: str, arm: LanguageArm, teacher: Model, student: Model) -> None:
    if teacher.shares_tokens_with(student):
        return
    target, mask = arm.distillation.target, arm.distillation.mask
    field, value = ("target", target) if target == "logits" else ("mask", mask)
    raise UserError(
        f"{where}.distillation.{field}: is {value}, which compares models token by token, and "
        f"{student.name} has other tokens than {teacher.name}; leave it out: what a teacher wrote "
        "is read as text by any student"
    )


def _check_recipe(where: str, recipe: Recipe, model: Model) -> None:
    if recipe.layers is not None and recipe.layers != "all":
        _check_layers(f"{where}.layers", recipe.layers, model)
    if recipe.adapter is not None and recipe.adapter.layers is not None:
        _check_layers(f"{where}.adapter.layers", recipe.adapter.layers, model)


def _check_layers(where: str, layers: tuple[int, ...], model: Model) -> None:
    blocks = model.shape.num_hidden_layers
    if any(layer >= blocks for layer in layers):
        raise UserError(
            f"{where}: there is no block {max(layers)}; {model.name} has blocks 0 to {blocks - 1}"
        )
