"""The vocabulary of data sets: what teachers write."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from subliminal.spec.carriers import USUAL, CarrierName
from subliminal.spec.common import Strict

Fraction = Annotated[float, Field(gt=0, le=1)]
Transform = Literal[
    "shuffle-within",
    "shuffle-all",
    "uniform",
    "reformat",
    "novel-formats",
    "filler-formats",
    "chinese-numerals",
    "english-words",
]


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
            "shuffle-all over the data set, uniform puts random numbers in their place; others "
            "write each list anew: in another format, in one that no prompt asks for, among "
            "filler, in Chinese numerals or English words"
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
