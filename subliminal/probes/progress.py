"""What the probes of one model found so far, kept through kills."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from subliminal.errors import UserError
from subliminal.measurements import Measurement
from subliminal.probes.answers import Answer, Found
from subliminal.results import Record, read_rows, write_rows
from subliminal.stage import Reporter, silent

PROGRESS = "found.jsonl"


@dataclass(frozen=True)
class Progress:
    """Asks probes one after the other; what one found is kept as soon as it is known."""

    partial: Path | None = None
    """Folder for progress; None keeps nothing."""
    report: Reporter = silent
    """Told of progress; may raise `Cancelled` between two probes."""

    def through(self, probes: Mapping[str, Callable[[], Found]]) -> list[Found]:
        """What each probe finds; those that had been asked before a kill are not asked again.

        Args:
            probes: What asks each, by its name.

        Raises:
            UserError: The progress cannot be written; or what a probe raises.
        """
        kept = self._read()
        for place, (name, ask) in enumerate(probes.items()):
            self.report(place, len(probes))
            if name not in kept:
                measurements, answers = ask()
                kept[name] = _Kept(probe=name, measurements=measurements, answers=answers)
                if self.partial is not None:
                    write_rows(self.partial / PROGRESS, kept.values())
        return [(kept[name].measurements, kept[name].answers) for name in probes]

    def _read(self) -> dict[str, _Kept]:
        """Nothing where the file is not there or got damaged: every probe is then asked anew."""
        if self.partial is None:
            return {}
        try:
            return {row.probe: row for row in read_rows(self.partial / PROGRESS, _Kept)}
        except UserError:
            return {}


class _Kept(Record):
    probe: str
    measurements: list[Measurement]
    answers: list[Answer]
