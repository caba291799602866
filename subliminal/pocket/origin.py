"""The world that a pocket model grew up in, as its folder tells."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from subliminal.errors import UserError
from subliminal.pocket.world import Dials

CARD = "card.json"
CardT = TypeVar("CardT", bound=BaseModel)


class _Origin(BaseModel):
    dials: Dials = Dials()


def world_of(folder: Path) -> Dials:
    """The dials of a model's world: its card's, or the usual ones where it has no card.

    Raises:
        UserError: The card is damaged.
    """
    return read_json(_Origin, folder / CARD).dials if (folder / CARD).exists() else Dials()


def read_json(model: type[CardT], path: Path) -> CardT:
    """Read a card, or some of its fields.

    Raises:
        UserError: The file is missing or damaged.
    """
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error}); pretrain the model anew") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "card"
        raise UserError(f"{path}: {field}: {first['msg']}; pretrain the model anew") from None
