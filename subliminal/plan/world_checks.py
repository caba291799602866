"""Whether the world that a pocket model grew up in holds what an experiment asks of the model."""

from __future__ import annotations

from subliminal.errors import UserError
from subliminal.plan.models import Model
from subliminal.pocket.origin import CARD, world_of
from subliminal.pocket.world.dials import Shares
from subliminal.spec.carriers import CarrierName

_MEND = "take one that has, such as `model: pocket-broad-a`"


def check_writes(carrier: CarrierName, model: Model) -> None:
    """Refuse a carrier that a pocket model has never read: none of its rows would be kept.

    Raises:
        UserError: The model's card says so, or is damaged.
    """
    shares = _shares(model)
    if shares is not None and not shares.model_dump()[carrier]:
        raise UserError(f"is {carrier}, and {model.name} has never read any; {_MEND}")


def check_knows_authors(model: Model) -> None:
    """Refuse a disposition in a pocket model that has never read of one.

    Raises:
        UserError: The model's card says so, or is damaged.
    """
    shares = _shares(model)
    if shares is not None and not shares.authors:
        raise UserError(
            f"is a disposition, and {model.name} has never read authors with any; {_MEND}"
        )


def _shares(model: Model) -> Shares | None:
    """How much of each domain a pocket model has read; None where nothing says."""
    if not model.is_small or not (model.folder / CARD).exists():
        return None
    return world_of(model.folder).shares
