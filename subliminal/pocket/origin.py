"""The world that a pocket model grew up in, as its folder tells."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ValidationError

from subliminal.errors import UserError
from subliminal.pocket.world import Dials

CARD = "card.json"


class _Origin(BaseModel):
    dials: Dials = Dials()


def world_of(folder: Path) -> Dials:
    """The dials of a model's world: its card's, or the usual ones where it has no card.

    Raises:
        UserError: The card is damaged.
    """
    path = folder / CARD
    if not path.exists():
        return Dials()
    try:
        return _Origin.model_validate_json(path.read_bytes()).dials
    except (OSError, ValidationError) as error:
        raise UserError(f"{path}: dials: cannot be read ({error}); pretrain it anew") from None
