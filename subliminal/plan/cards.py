"""What an experiment names: trait cards, their question banks, tasks; each read once."""

from __future__ import annotations

from functools import cache

from subliminal.errors import UserError
from subliminal.probes.bank_kinds import Bank
from subliminal.spec.data import Data
from subliminal.spec.language import LanguageArm
from subliminal.spec.teaching import AsOnCard, CardImplant, Nothing
from teachers.carriers.carrier import Tasks, read_tasks
from teachers.trait import Trait, load_trait, probe_bank


class Cards:
    """Traits and banks by the name that an arm gives for its trait; tasks by their source."""

    def __init__(self) -> None:
        self._load = cache(load_trait)
        self._called: dict[str, str] = {}
        self._probe_bank = cache(lambda name: probe_bank(self.trait(name)))
        self._read_tasks = cache(read_tasks)

    def trait(self, name: str) -> Trait:
        """A trait card.

        Raises:
            UserError: No such card, a fault in it, or another of the experiment's has its name.
        """
        trait = self._load(name)
        other = self._called.setdefault(trait.name, name)
        if other != name:
            raise UserError(
                f"{other} and {name} are both called {trait.name!r}; give each card a name of its "
                "own, by which tables tell them apart"
            )
        return trait

    def implant(self, arm: LanguageArm) -> Nothing | CardImplant:
        """How an arm's trait is implanted.

        Raises:
            UserError: No such card, or a fault in it.
        """
        if isinstance(arm.teacher, AsOnCard):
            return self.trait(arm.taught_trait).implant
        return arm.teacher

    def bank(self, name: str) -> Bank:
        """The bank that probes a trait.

        Raises:
            UserError: No such card or bank, or a fault in one of them.
        """
        return self._probe_bank(name)

    def tasks(self, data: Data) -> Tasks | None:
        """The user's own tasks that a data set is made from, if it names any.

        Raises:
            UserError: They cannot be read, or have a fault.
        """
        return None if data.source is None else self._read_tasks(data.carrier, data.source)
