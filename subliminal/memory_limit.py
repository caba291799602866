"""How much is worked on at once, halved whenever a device runs out of memory."""

from __future__ import annotations

from subliminal import machine
from subliminal.errors import StageError


class Shortage:
    """Where a device ran out of memory, and how little was worked on at once after that.

    Attributes:
        counts: Figures for the artifact's manifest: `rows_at_once` or `tokens_at_once`, the least;
            nothing where the memory was enough.
    """

    def __init__(self) -> None:
        self.counts: dict[str, float] = {}

    def note(self, most: int, of: str) -> None:
        """The work goes on with so much at once."""
        name = f"{of}_at_once"
        self.counts[name] = min(most, self.counts.get(name, most))


class MemoryLimit:
    """A number of tokens or rows that fit a device, as far as is known.

    Args:
        most: To begin with.
        least: Below which halving does not help.
        of: What is counted, in the plural, for the message.
        shortage: Told of every halving.

    Attributes:
        most: What is tried at once now.
    """

    def __init__(self, most: int, *, least: int, of: str, shortage: Shortage | None = None) -> None:
        self.most = most
        self._least = least
        self._of = of
        self._shortage = shortage

    @property
    def exceeded(self) -> str:
        """What to say where that is too much, and there is no way on."""
        return (
            f"the device runs out of memory with {self.most} {self._of} at once; take a smaller "
            "model or adapter, shorter rows, or a device with more memory"
        )

    def halve(self) -> None:
        """Try half as much from now on, with the device's memory given back.

        Raises:
            StageError: Half as much is too little to go on with.
        """
        if self.most <= self._least:
            raise StageError(self.exceeded)
        self.most = max(self.most // 2, self._least)
        if self._shortage is not None:
            self._shortage.note(self.most, self._of)
        machine.give_back_device_memory()
