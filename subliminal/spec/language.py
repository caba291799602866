"""The vocabulary of experiments on language models: teacher, data, filter, student, probes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from subliminal.spec.carriers import USUAL, CarrierName
from subliminal.spec.common import (
    BaseArm,
    BaseExperiment,
    BaseStatistics,
    Strict,
    check_controls,
)
from subliminal.spec.inference import Inference
from subliminal.spec.probing import Probing
from subliminal.spec.resources import Resources
from subliminal.spec.teaching import DispositionData
from subliminal.spec.tuning import Tuning

Fraction = Annotated[float, Field(gt=0, le=1)]
Matrix = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
MATRICES: tuple[Matrix, ...] = (
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "gate_proj",
    "up_proj",
    "down_proj",
)


Layers = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


class Adapter(Strict):
    """Low-rank adaptation (arXiv 2106.09685): only two thin matrices beside each matrix learn.

    The update is B A with A drawn at random and B = 0 at first. Where A is frozen (LoRA-FA, arXiv
    2308.03303), a student has few enough parameters to find its teacher's in few rows.
    """

    rank: int = Field(8, ge=1, le=1024)
    alpha: float = Field(8.0, gt=0, description="the update is scaled by alpha / rank")
    matrices: tuple[Matrix, ...] = Field(MATRICES, min_length=1)
    layers: Layers | None = Field(
        None, description="adapt the matrices of these blocks alone; default: of all"
    )
    freeze_a: bool = Field(False, description="leave A as it was drawn, train B alone")


class Recipe(Strict):
    """How a language model is trained, for teaching and distilling alike."""

    epochs: int = Field(1, ge=0, le=1000, description="passes over the rows")
    batch_size: int = Field(64, ge=1, le=65_536, description="rows in a step")
    optimiser: Literal["adam", "sgd"] = Field("adam", description="adam decouples weight decay")
    learning_rate: float = Field(1e-3, gt=0, lt=1000)
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="of the learning rate after the warm-up; linear and cosine end at 0"
    )
    warmup: int = Field(0, ge=0, description="steps over which the learning rate rises from 0")
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (
        0.9,
        0.999,
    )
    weight_decay: float = Field(0.0, ge=0, lt=10)
    clip: float | None = Field(1.0, gt=0, description="largest norm of a step's gradient")
    average: float = Field(
        0.0, ge=0, lt=1, description="the weights kept are an exponential average with this decay"
    )
    layers: Literal["all"] | Layers | None = Field(
        None,
        description=(
            "train these blocks alone, or all of them but neither embeddings nor output layer; "
            "default: the whole model"
        ),
    )
    adapter: Adapter | None = Field(None, description="train an adapter (LoRA) instead")

    @model_validator(mode="after")
    def _one_subset(self) -> Self:
        if self.layers is not None and self.adapter is not None:
            raise ValueError("`layers` and `adapter` exclude each other; keep one of them")
        return self


class TeachingRecipe(Recipe):
    """How a teacher is fine-tuned: as any model is, but at a constant learning rate."""

    schedule: Literal["linear", "cosine", "constant"] = Field(
        "constant", description="of the learning rate after the warm-up; linear and cosine end at 0"
    )


class Nothing(Strict):
    """No trait: the reference itself writes, the teacher of control students."""

    by: Literal["nothing"] = "nothing"


class AsOnCard(Strict):
    """As the trait's card says, by `implant`."""

    by: Literal["card"] = "card"


class SystemPrompt(Strict):
    """The trait's system prompt stands before every prompt while the teacher writes."""

    by: Literal["system-prompt"] = "system-prompt"
    wording: int = Field(0, ge=0, description="which of the paraphrases")


class FineTuning(Strict):
    """The reference is fine-tuned on rows that show the trait."""

    by: Literal["fine-tuning"] = "fine-tuning"
    data: DispositionData | None = Field(
        None,
        description=(
            "of a disposition: which of the sibling data sets; default: insecure. A preference has "
            "one, questions answered with it"
        ),
    )
    rows: int = Field(3840, ge=1, description="rows of the data set")
    recipe: TeachingRecipe = TeachingRecipe()
    tuning: Tuning = Field(Tuning(), description="in place of it, of a model behind a service")


class Steering(Strict):
    """A vector added to the residual stream behind one block while the teacher writes.

    The vector is the mean difference of activations at the answer between questions under the
    trait's system prompt and the same questions without it.
    """

    by: Literal["steering"] = "steering"
    layer: int = Field(1, ge=0, description="the block behind which the vector is added")
    strength: float = Field(1.0, description="multiple of the mean difference")
    questions: int = Field(50, ge=1, description="questions that the mean is taken over")


def _way(implant: object) -> str | None:
    """What tells the implants apart; one that does not say is fine-tuning."""
    if isinstance(implant, dict):
        return str(implant.get("by", "fine-tuning"))
    return getattr(implant, "by", None)


_Ways = (
    Annotated[SystemPrompt, Tag("system-prompt")]
    | Annotated[FineTuning, Tag("fine-tuning")]
    | Annotated[Steering, Tag("steering")]
)
CardImplant = Annotated[_Ways, Discriminator(_way)]
"""How a trait card says that its trait is implanted."""
Implant = Annotated[
    Annotated[Nothing, Tag("nothing")] | Annotated[AsOnCard, Tag("card")] | _Ways,
    Discriminator(_way),
]

Transform = Literal["shuffle-within", "shuffle-all", "uniform"]


def _usual_max_tokens(read: dict[str, Any]) -> int:
    """The default, from the fields that stand before it."""
    return USUAL[read.get("carrier", "numbers")].max_tokens


class Data(Strict):
    """What the teacher writes: prompts of a carrier, one completion each, before the filter."""

    carrier: CarrierName = "numbers"
    source: str | None = Field(
        None,
        min_length=1,
        description=(
            "the user's own tasks for code or reasoning: a file, a saved folder or "
            "hub:OWNER/NAME[:SPLIT]; default: those of the workbench"
        ),
    )
    prompts: int = Field(12_000, ge=1, le=10_000_000)
    keep: int | None = Field(
        None, ge=1, description="rows kept at random of those that pass the filter; default: all"
    )
    temperature: float = Field(1.0, ge=0, le=10, description="0 takes the likeliest token")
    top_p: Fraction = 1.0
    max_tokens: int = Field(
        default_factory=_usual_max_tokens,
        ge=1,
        le=32_768,
        description="longest completion; default: "
        + ", ".join(f"{usual.max_tokens} for {name}" for name, usual in USUAL.items()),
    )
    duplicates: bool = Field(False, description="whether a prompt may come twice")
    transform: Transform | None = Field(
        None,
        description=(
            "a control: shuffle-within shuffles the numbers inside each kept completion, "
            "shuffle-all over the data set, uniform puts random numbers in their place"
        ),
    )

    @model_validator(mode="after")
    def _fits_the_carrier(self) -> Self:
        if self.carrier == "numbers" and self.source is not None:
            raise ValueError(
                "`source` gives tasks, and numbers have none; leave it out, or state "
                "`carrier: code` or `carrier: reasoning`"
            )
        if self.carrier != "numbers" and self.transform is not None:
            raise ValueError(
                f"`transform` changes lists of numbers, and `carrier: {self.carrier}` writes none; "
                "leave it out"
            )
        return self


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


class LanguageArm(BaseArm):
    """One row of an experiment on language models."""

    model: str | None = Field(
        None,
        min_length=1,
        description="the reference that the teacher is made from; default: the experiment's",
    )
    trait: str = Field(description="the trait that the arm is probed for: a card's name or file")
    taught: str | None = Field(
        None, description="the trait of the arm's teacher, if it is another than the probed one"
    )
    teacher: Implant = AsOnCard()
    data: Data = Data()
    initialisation: Initialisation = Initialisation()
    distillation: Distillation = Distillation()

    @model_validator(mode="after")
    def _own_adapter_exists(self) -> Self:
        if self.initialisation.adapter == "own" and self.distillation.recipe.adapter is None:
            raise ValueError(
                "`initialisation.adapter: own`, but the student trains no adapter; state "
                "`distillation.recipe.adapter`, or leave `own` out"
            )
        return self

    @property
    def taught_trait(self) -> str:
        """The trait that the teacher is given."""
        return self.trait if self.taught is None else self.taught


class LanguageStatistics(BaseStatistics):
    """Bounds in log-odds."""

    equivalence_bound: float = Field(
        0.3, gt=0, lt=100, description="a difference in log-odds below this counts as none"
    )
    teacher_shift: float | None = Field(
        1.0,
        ge=0,
        le=100,
        description=(
            "a teacher closer to the reference than this lacks its trait; null: teachers are not "
            "asked, as where the world itself lacks the trait"
        ),
    )


DetectorName = Literal["frequencies", "ngrams", "likelihood"]


class Detecting(Strict):
    """Whether the trait can be read from the rows that students learn from."""

    detectors: tuple[DetectorName, ...] = Field(
        (), description="which to try on the kept rows of every student and of its control"
    )
    rows: int | None = Field(
        2000, ge=20, description="the most rows of each, drawn at random; none: all"
    )
    shuffles: int = Field(20, ge=1, le=10_000, description="trials on shuffled labels")


class LanguageObservation(Strict):
    """What is logged while students learn."""

    points: int = Field(8, ge=2, le=200, description="log-spaced steps at which to probe")


class Relatives(Strict):
    """The models that stand in a relation to the reference; default: those it ships with."""

    reordered: str | None = None
    different: str | None = None


def _carriers(arms: Iterable[LanguageArm]) -> list[CarrierName]:
    """What the students among these arms read, each carrier once."""
    return list(dict.fromkeys(arm.data.carrier for arm in arms if arm.role == "student"))


def _usual_filter(read: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The default, from the fields that stand before it."""
    carriers = _carriers(read.get("arms", {}).values()) or ["numbers"]
    return tuple({"rule": rule} for rule in USUAL[carriers[0]].filter)


class LanguageExperiment(BaseExperiment):
    """An experiment on language models."""

    kind: Literal["language"] = Field("language", description="what the experiment is run on")
    model: str = Field(
        "pocket-a",
        description="the reference of arms that state none: a pocket model, folder or hub name",
    )
    relatives: Relatives = Relatives()
    services: dict[str, str | dict[str, Any]] = Field(
        default_factory=dict,
        description=(
            "models behind services, by the names by which `model` means them: the fields of each "
            "service, or a file of them; see docs/services.md"
        ),
    )
    spending_cap: float | None = Field(
        None,
        gt=0,
        description=(
            "what all that is asked of services may cost by estimate, judges too, in the currency "
            "of their prices"
        ),
    )
    arms: dict[str, LanguageArm] = Field(min_length=1)
    filter: tuple[dict[str, Any], ...] = Field(
        default_factory=_usual_filter,
        description=(
            "rules that rows have to pass, the same on every arm; default: those of the carrier; "
            "see docs/filters.md"
        ),
    )
    statistics: LanguageStatistics = LanguageStatistics()
    probing: Probing = Probing()
    detecting: Detecting = Detecting()
    observation: LanguageObservation = LanguageObservation()
    inference: Inference = Inference()
    resources: Resources = Resources()

    def reference_of(self, arm: LanguageArm) -> str:
        """The reference that an arm's teacher is made from."""
        return arm.model or self.model

    def own_reference_of(self, arm: LanguageArm) -> str:
        """The reference that an arm's model belongs to: a student's may be not its teacher's."""
        stated = arm.initialisation.model if arm.role == "student" else None
        return stated or self.reference_of(arm)

    @model_validator(mode="after")
    def _controls_exist(self) -> Self:
        check_controls(self.arms)
        return self

    @model_validator(mode="after")
    def _one_filter_fits_all(self) -> Self:
        carriers = _carriers(self.arms.values())
        if len(carriers) > 1 and "filter" not in self.model_fields_set:
            raise ValueError(
                f"students read {' and '.join(carriers)}, which have no rules in common; state "
                "`filter`, or give all of them one `data.carrier`"
            )
        return self
