"""What is refused of a language experiment before any work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from subliminal.chat import user
from subliminal.errors import UserError
from subliminal.models.chat_format import ChatFormat
from subliminal.plan.cards import Cards
from subliminal.plan.models import Model
from subliminal.plan.once import Once
from subliminal.plan.references import References
from subliminal.probes.bank_kinds import Bank
from subliminal.probes.disposition_bank import DispositionBank
from subliminal.probes.headline import headline_of
from subliminal.probes.probe import probes_of
from subliminal.probes.scoring import scoring_of
from subliminal.probes.targets import encode_targets
from subliminal.sampling import Sampling
from subliminal.spec.language import (
    AsOnCard,
    CardImplant,
    Data,
    FineTuning,
    LanguageArm,
    LanguageExperiment,
    Nothing,
    Probing,
    Recipe,
    Steering,
    SystemPrompt,
)
from teachers.carriers.carrier import check_prompts
from teachers.prompted import wordings
from teachers.rows import check_data, steering_questions
from teachers.trait import Trait


def check_probing(probing: Probing) -> None:
    """Refuse a judge that cannot be asked.

    Raises:
        UserError: Its card or its service is missing or at fault.
    """
    with _naming("probing.free_form"):
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
        teacher, own = self.references.of_teacher(arm), self.references.own(arm)
        for place, trait, asked in (
            ("trait", arm.trait, teacher),
            ("trait", arm.trait, own),
            ("taught", arm.taught_trait, teacher),
        ):
            with _naming(f"{where}.{place}"):
                asking = ("bank", trait, asked.name)
                self._once(asking, partial(self._check_bank, trait, asked))
        if arm.role != "reference":
            teaching = ("teacher", arm.taught_trait, arm.teacher, teacher.name)
            self._once(teaching, partial(self._check_teacher, where, arm, teacher))
        if arm.role == "student":
            check_data = partial(_check_data, f"{where}.data", arm.data, self.cards)
            self._once(("data", arm.data), check_data)
            learns = ("student", arm.model, arm.data, arm.initialisation, arm.distillation)
            self._once(learns, partial(self._check_student, where, arm))

    def _check_bank(self, trait: str, asked: Model) -> None:
        _check_bank(self.cards.bank(trait), self.experiment.probing, asked.chat)

    def _check_teacher(self, where: str, arm: LanguageArm, reference: Model) -> None:
        taught = self.cards.trait(arm.taught_trait)
        by_card = isinstance(arm.teacher, AsOnCard)
        stated = f"trait {arm.taught_trait!r}, field implant" if by_card else f"{where}.teacher"
        _check_teacher(stated, self.cards.implant(arm), taught, reference)

    def _check_student(self, where: str, arm: LanguageArm) -> None:
        own = self.references.of(self.experiment.own_reference_of(arm))
        _check_student(where, arm, own.start(arm.initialisation.relation))
        if arm.distillation.sees_teacher or arm.distillation.top_logprobs is not None:
            _check_tokens(where, arm, self.references.of_teacher(arm), own.reference)


def _check_bank(bank: Bank, probing: Probing, chat: ChatFormat | None) -> None:
    probes_of(bank, probing)
    if chat is None:
        return
    if isinstance(bank, DispositionBank):
        # A question of each set tells whether the tokenizer can write answers behind a lead.
        few = bank.model_copy(update={"main": bank.main[:1], "broad": bank.broad[:1], "tasks": 1})
        headline_of(chat, few, lambda asked: [user(text) for text in asked])
    else:
        encode_targets(chat, bank.answers)


def _check_teacher(where: str, implant: Nothing | CardImplant, trait: Trait, model: Model) -> None:
    if isinstance(implant, SystemPrompt) and implant.wording >= wordings(trait):
        raise UserError(
            f"{where}.wording: there is no wording {implant.wording}; take one from 0 to "
            f"{wordings(trait) - 1}"
        )
    with _naming(where):
        if model.chat is not None and isinstance(implant, SystemPrompt | Steering):
            # Some chat templates refuse a system prompt.
            model.chat.prompt_text(user("?", "!"))
        if isinstance(implant, FineTuning):
            check_data(trait, implant.data)
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
    with _naming(where):
        Sampling(data.max_tokens, temperature=data.temperature, top_p=data.top_p)
    with _naming(f"{where}.source"):
        tasks = cards.tasks(data)
    with _naming(f"{where}.prompts"):
        check_prompts(data, tasks)
    if data.keep is not None and data.keep > data.prompts:
        raise UserError(
            f"{where}.keep: is {data.keep}, and there are {data.prompts} prompts; keep fewer rows "
            "or raise prompts"
        )


def _check_student(where: str, arm: LanguageArm, start: Model) -> None:
    initialisation, shown = arm.initialisation, arm.distillation.in_context
    _check_recipe(f"{where}.initialisation.matching.recipe", initialisation.matching.recipe, start)
    _check_recipe(f"{where}.distillation.recipe", arm.distillation.recipe, start)
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


@contextmanager
def _naming(where: str) -> Iterator[None]:
    """Put the field at fault before each line of a message that does not know it."""
    try:
        yield
    except UserError as error:
        lines = str(error).splitlines()
        raise UserError("\n".join(f"{where}: {line}" for line in lines)) from None
