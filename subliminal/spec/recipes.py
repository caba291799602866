"""The vocabulary of training: recipes, and adapters."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from subliminal.spec.common import Strict

Matrix = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
MATRICES: tuple[Matrix, ...] = get_args(Matrix)
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
