"""The rows of a running batch: who sits in which slot, and what has been drawn for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from subliminal.sampling.protocol import Completion

EMPTY = -1
"""In place of a row's index where a slot's row is done and nobody has taken its place."""


class Slots:
    """State of the rows, one entry of each array for a slot; slots `[0, len)` take part in a step.

    A slot whose row is done goes on with harmless steps until it is taken or dropped.

    Attributes:
        rows: Index of the row in what was asked for, or `EMPTY`.
        keys: Of its uniform numbers, uint64.
        positions: Tokens of it that are in the cache.
        latest: The token to read next.
        drawn: Number of tokens drawn for it.
    """

    def __init__(self, slots: int, longest: int, *, logprobs: bool) -> None:
        self.rows = np.full(slots, EMPTY, dtype=np.int64)
        self.keys = np.zeros(slots, dtype=np.uint64)
        self.positions = np.zeros(slots, dtype=np.int64)
        self.latest = np.zeros(slots, dtype=np.int64)
        self.drawn = np.zeros(slots, dtype=np.int64)
        self._limits = np.zeros(slots, dtype=np.int64)
        self._tokens = np.zeros((slots, longest), dtype=np.int32)
        self._logprobs = np.zeros((slots, longest), dtype=np.float32) if logprobs else None
        self._count = slots

    def __len__(self) -> int:
        return self._count

    @property
    def free(self) -> np.ndarray:
        """Slots without a row, int64, ascending."""
        return np.flatnonzero(self.rows[: self._count] == EMPTY)

    def begin(
        self,
        slots: np.ndarray,
        rows: Sequence[int],
        keys: np.ndarray,
        prompts: Sequence[np.ndarray],
        limits: np.ndarray,
    ) -> None:
        """Seat rows whose prompts, but for the last token, are in the cache.

        Args:
            slots: Where, int64 [rows].
            rows: Their indices in what was asked for.
            keys: uint64 [rows].
            prompts: Their token ids.
            limits: The most tokens to draw for each, int64 [rows].
        """
        self.rows[slots] = rows
        self.keys[slots] = keys
        self.positions[slots] = [len(prompt) - 1 for prompt in prompts]
        self.latest[slots] = [prompt[-1] for prompt in prompts]
        self.drawn[slots] = 0
        self._limits[slots] = limits

    def append(
        self, tokens: np.ndarray, ends: np.ndarray, logprobs: np.ndarray | None
    ) -> list[Completion]:
        """Take a step's tokens and free the slots of the rows that they complete.

        Args:
            tokens: int64 [slots that take part].
            ends: Tokens that end a completion.
            logprobs: Float [slots that take part], if they are kept.

        Returns:
            The completed rows.
        """
        active = np.flatnonzero(self.rows[: self._count] != EMPTY)
        new = tokens[active]
        place = self.drawn[active]
        self._tokens[active, place] = new
        if self._logprobs is not None and logprobs is not None:
            self._logprobs[active, place] = logprobs[active]
        self.latest[active] = new
        self.drawn[active] += 1
        self.positions[active] += 1
        finished = np.isin(new, ends)
        done = finished | (self.drawn[active] == self._limits[active])
        completed = [
            self._completion(slot, bool(ended))
            for slot, ended in zip(active[done], finished[done], strict=True)
        ]
        self.rows[active[done]] = EMPTY
        # The step that such a slot still takes must stay inside the cache.
        self.positions[active[done]] -= 1
        return completed

    def shrink(self, fewest: int) -> tuple[np.ndarray, np.ndarray]:
        """Drop the free slots, by moving the last rows into the first free ones.

        Args:
            fewest: Slots to keep in any case.

        Returns:
            Slots that rows left, and those they went to, int64 [moved rows] each.
        """
        active = np.flatnonzero(self.rows[: self._count] != EMPTY)
        count = max(len(active), min(fewest, self._count))
        source = active[active >= count]
        target = self.free[: len(source)]
        for array in (self.rows, self.keys, self.positions, self.latest, self.drawn, self._limits):
            array[target] = array[source]
        self._tokens[target] = self._tokens[source]
        if self._logprobs is not None:
            self._logprobs[target] = self._logprobs[source]
        self._count = count
        return source, target

    def _completion(self, slot: int, finished: bool) -> Completion:
        end = self.drawn[slot]
        return Completion(
            int(self.rows[slot]),
            self._tokens[slot, :end].copy(),
            finished,
            None if self._logprobs is None else self._logprobs[slot, :end].copy(),
        )
