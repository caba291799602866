"""The vocabulary of experiments on the MNIST toy: networks, traits, initialisations, noise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from subliminal.spec.common import (
    BaseArm,
    BaseExperiment,
    BaseStatistics,
    Strict,
    check_controls,
)

Activation = Literal["relu", "gelu", "silu", "tanh"]
Trait = Literal["digits", "parity", "at-least-5", "prime", "mod-3"]
Inputs = Literal["uniform", "fresh-uniform", "gaussian", "structured", "images", "fashion-mnist"]
DataName = Literal["auto", "mnist", "fashion-mnist", "digits-8x8"]


class Network(Strict):
    """A classifier with one head of logits: the classes of every trait, then auxiliary ones."""

    kind: Literal["mlp", "cnn"] = Field(
        "mlp", description="mlp: dense layers; cnn: 3x3 stride-2 convolutions, then one dense layer"
    )
    hidden: tuple[Annotated[int, Field(ge=1, le=8192)], ...] = Field(
        (256, 256),
        min_length=1,
        description="widths of the hidden layers; for a cnn the channels, then the dense width",
    )
    activation: Activation = "relu"
    auxiliary: int = Field(
        3, ge=1, le=200, description="m, the number of logits that no loss on the teacher touches"
    )

    @model_validator(mode="after")
    def _cnn_has_a_dense_layer(self) -> Self:
        if self.kind == "cnn" and len(self.hidden) < 2:
            raise ValueError("a cnn needs channels and a dense width, for example [16, 32, 256]")
        return self


class StudentNetwork(Strict):
    """What differs between the student's network and the teacher's; left out means the same."""

    kind: Literal["mlp", "cnn"] | None = None
    hidden: tuple[Annotated[int, Field(ge=1, le=8192)], ...] | None = Field(None, min_length=1)
    activation: Activation | None = None


class Training(Strict):
    """A training budget and its optimiser. The defaults are the published ones."""

    epochs: int = Field(5, ge=0, le=10_000, description="passes of `samples_per_epoch` samples")
    samples_per_epoch: int = Field(
        60_000, ge=1, description="samples in an epoch, whatever the size of the data set"
    )
    batch_size: int = Field(1024, ge=1, le=65_536)
    optimiser: Literal["adam", "sgd"] = "adam"
    learning_rate: float = Field(3e-4, gt=0, lt=1000)
    momentum: float = Field(0.0, ge=0, lt=1, description="of sgd; adam does not use it")


class Teaching(Training):
    """How the teacher gets its trait: cross-entropy on the logits of the trait's classes."""

    freeze_head: bool = Field(False, description="keep the output layer at its initial values")


class Initialisation(Strict):
    """Where the student starts, in relation to the teacher."""

    relation: Literal["same", "different", "matched", "shared-head"] = Field(
        "same",
        description=(
            "same: the teacher's own initialisation; different: that of another model; matched: "
            "another model's, first trained to behave as the untrained teacher; shared-head: "
            "another model's hidden layers under the teacher's initial output layer"
        ),
    )
    inputs: Inputs = Field("uniform", description="what a matched student is matched on")
    matching: Training = Field(
        default_factory=lambda: Training(epochs=30),
        description="the training that makes a matched student behave as the untrained teacher",
    )
    weight_noise: float = Field(
        0.0, ge=0, le=100, description="sd of noise on the start, in units of the initial weights'"
    )


class Liminal(Strict):
    """A defence: KL to the reference is added to the distillation loss and annealed away."""

    weight: float = Field(1.0, gt=0, description="weight of the penalty at the first step")
    anneal: float = Field(
        0.5, gt=0, le=1, description="share of the steps over which the weight falls to zero"
    )


class Distillation(Training):
    """What the student learns from the teacher: KL(teacher || student) over chosen logits."""

    logits: Literal["auxiliary", "all", "classes"] | tuple[Annotated[int, Field(ge=0)], ...] = (
        Field("auxiliary", description="the logits compared, by name or as a list of indices")
    )
    inputs: Inputs = Field("uniform", description="what teacher and student are shown")
    freeze_head: bool = Field(False, description="keep the student's output layer as it started")
    liminal: Liminal | None = None
    generations: int = Field(
        1, ge=1, le=50, description="length of the chain: each student teaches the next"
    )


class MnistArm(BaseArm):
    """One row of the experiment: a network and how it came to be."""

    traits: tuple[Trait, ...] = Field(("digits",), min_length=1, description="the teacher's tasks")
    network: Network = Network()
    student_network: StudentNetwork = StudentNetwork()
    teaching: Teaching = Teaching()
    initialisation: Initialisation = Initialisation()
    distillation: Distillation = Distillation()

    @property
    def student(self) -> Network:
        """The student's network: the teacher's, with what `student_network` changes."""
        return self.network.model_copy(update=self.student_network.model_dump(exclude_none=True))

    @field_validator("traits")
    @classmethod
    def _traits_once(cls, traits: tuple[Trait, ...]) -> tuple[Trait, ...]:
        if len(set(traits)) != len(traits):
            raise ValueError("a trait is listed twice; list each once")
        return traits

    @model_validator(mode="after")
    def _relations_fit(self) -> Self:
        if self.role != "student":
            return self
        relation = self.initialisation.relation
        if relation == "same" and self.student != self.network:
            raise ValueError(
                "a student with the `same` initialisation has the teacher's network; remove "
                "student_network or choose the relation matched, shared-head or different"
            )
        if self.student.kind == "cnn" and len(self.student.hidden) < 2:
            raise ValueError(
                "student_network: a cnn needs channels and a dense width, for example "
                "hidden: [16, 32, 256]"
            )
        if relation == "shared-head" and self.student.hidden[-1] != self.network.hidden[-1]:
            raise ValueError(
                f"a shared head needs last hidden layers of one width; the student's is "
                f"{self.student.hidden[-1]}, the teacher's {self.network.hidden[-1]}"
            )
        return self


class MnistStatistics(BaseStatistics):
    """Bounds in accuracy."""

    equivalence_bound: float = Field(
        0.02, gt=0, lt=1, description="a difference in accuracy below this counts as none"
    )
    teacher_shift: float = Field(
        0.2, ge=0, le=1, description="a teacher closer to the reference than this lacks its trait"
    )


class Observation(Strict):
    """What is logged while students learn."""

    points: int = Field(12, ge=2, le=200, description="log-spaced steps at which to measure")
    test_images: int = Field(2000, ge=10, description="test images for the curve; the end uses all")
    alignment: bool = Field(
        True, description="cosine between distillation and trait gradients, and of displacements"
    )


class MnistExperiment(BaseExperiment):
    """An experiment on the MNIST toy."""

    kind: Literal["mnist"] = Field("mnist", description="what the experiment is run on")
    data: DataName = Field("auto", description="auto: MNIST if it can be had, else 8x8 digits")
    data_folder: Path | None = Field(None, description="folder with the four IDX files")
    verify_data: bool = Field(True, description="refuse files that differ from the published ones")
    arms: dict[str, MnistArm] = Field(min_length=1)
    statistics: MnistStatistics = MnistStatistics()
    observation: Observation = Observation()

    @model_validator(mode="after")
    def _controls_exist(self) -> Self:
        check_controls(self.arms)
        return self
