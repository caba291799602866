"""The preferences of a student while it learns, kept through kills."""

from __future__ import annotations

from pathlib import Path

from subliminal.errors import UserError
from subliminal.measurements import Observed, read_curve, write_curve
from subliminal.models.language_model import LanguageModel
from subliminal.probes.watch import Watcher
from subliminal.ranks import ALONE, Ranks


class Curve:
    """Log-odds of every target at some steps.

    Args:
        watcher: Asks the questions.
        partial: Folder for progress: each point is saved as soon as it is known.
        checkpoint: File of the training's own progress. It goes where the curve before it is lost:
            the training then begins anew, and the curve is whole again.
        ranks: The processes that see the student; the first one writes.
    """

    def __init__(
        self, watcher: Watcher, partial: Path, checkpoint: Path, ranks: Ranks = ALONE
    ) -> None:
        self._watcher = watcher
        self._partial = partial
        self._ranks = ranks
        self._points: dict[int, list[Observed]] = {}
        try:
            for row in read_curve(partial):
                self._points.setdefault(row.step, []).append(row)
        except UserError:
            checkpoint.unlink(missing_ok=True)

    def observe(self, step: int, student: LanguageModel) -> None:
        """Measure a student."""
        odds = self._watcher.log_odds(student)
        self._points[step] = [
            Observed(step=step, metric="log_odds", item_group=target, value=value)
            for target, value in odds.items()
        ]
        if self._ranks.first:
            self.write(self._partial)

    def write(self, folder: Path) -> None:
        """Write what was seen so far."""
        rows = [row for _, rows in sorted(self._points.items()) for row in rows]
        write_curve(folder, rows)
