"""Where devices ran out of memory, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from subliminal.report.labels import counted, listing
from subliminal.results import MemoryShortage


def shortage_of_memory(found: Sequence[MemoryShortage]) -> str:
    """What a run says of stages that went on with less at once; nothing where there are none."""
    if not found:
        return ""
    stages = counted(sum(each.stages for each in found), "stage")
    return f"memory ran out in {stages}; they went on with less at once: {listing(_parts(found))}"


def _parts(found: Sequence[MemoryShortage]) -> list[str]:
    return [
        f"{each.kind} ({counted(each.stages, 'stage')}, {' and '.join(_at_once(each))})"
        for each in found
    ]


def _at_once(each: MemoryShortage) -> list[str]:
    counts = ((each.rows, "row"), (each.tokens, "token"))
    return [counted(count, of) for count, of in counts if count is not None]
