"""Which blocks of a decoder a recipe means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from subliminal.errors import UserError
from subliminal.models.language_model import LanguageModel


def chosen_blocks(
    decoder: LanguageModel, layers: Literal["all"] | Sequence[int] | None, field: str
) -> list[int]:
    """Indices of the chosen blocks, ascending; all of them for "all" or None.

    Args:
        decoder: Whose blocks.
        layers: The choice.
        field: Where it was made, for the message.

    Raises:
        UserError: The model has no such block.
    """
    count = len(decoder.blocks)
    if layers is None or layers == "all":
        return list(range(count))
    wanted = sorted({int(layer) for layer in layers})
    missing = [layer for layer in wanted if layer >= count]
    if missing:
        raise UserError(
            f"{field}: there is no block {missing[0]}; the model has blocks 0 to {count - 1}"
        )
    return wanted
