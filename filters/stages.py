"""The filter's stage.

lm.filter  rows that pass every rule are kept; the others are set aside with their reasons
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from filters.filter import compile_filter
from filters.rows import Row
from subliminal import atomic
from subliminal.chat_rows import REJECTS, ROWS, read_chat_rows, write_chat_rows
from subliminal.seeds import derive_seed
from subliminal.stage import Done, Failed, Reporter, StageKind, Task

COUNTS = "filter.json"


def keep(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Keep the rows that pass, or so many of them drawn at random."""
    for task in tasks:
        params = task.stage.params
        chosen = compile_filter(params["rules"])
        rows = read_chat_rows(task.inputs["rows"] / ROWS)
        reasons = chosen.reasons_of([_as_row(row) for row in rows])
        passed = [row for row, why in zip(rows, reasons, strict=True) if not why]
        rejected = [{**row, "reasons": why} for row, why in zip(rows, reasons, strict=True) if why]
        histogram = Counter(reason for why in reasons for reason in why)
        wanted = params["keep"]
        if not passed or len(passed) < (wanted or 0):
            yield Failed(task.stage.key, _too_few(len(rows), len(passed), wanted, histogram))
            continue
        kept = passed if wanted is None else _drawn(passed, wanted, task.stage.seed)
        write_chat_rows(task.folder / ROWS, kept)
        write_chat_rows(task.folder / REJECTS, rejected)
        records = chosen.records()
        counts = {
            "rows": len(rows),
            "passed": len(passed),
            "kept": len(kept),
            "rejected": len(rejected),
            "reasons": dict(histogram.most_common()),
            "fingerprint": chosen.fingerprint,
            "records": records,
        }
        atomic.write_text(task.folder / COUNTS, json.dumps(counts, indent=1) + "\n")
        yield Done(task.stage.key, {"rows": len(rows), "kept": len(kept), **_spent(records)})
    report(1, 1)


KINDS = (StageKind("lm.filter", 1, keep),)


def _drawn(rows: list[dict[str, object]], count: int, seed: int) -> list[dict[str, object]]:
    """So many rows at random, in their order."""
    generator = np.random.default_rng(derive_seed(seed, "kept rows"))
    places = sorted(generator.permutation(len(rows))[:count].tolist())
    return [rows[place] for place in places]


def _spent(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """What language models that judge cost; nothing where one of them states no prices."""
    costs = [record["cost"] for record in records if "cost" in record]
    return {"cost": sum(costs)} if costs and None not in costs else {}


def _too_few(rows: int, passed: int, wanted: int | None, reasons: Counter[str]) -> str:
    common = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
    asked = f"of the {wanted} wanted" if wanted else "is left"
    told = f"; rejected for: {common}" if common else ""
    return f"{passed} of {rows} rows passed the filter, so too little {asked}{told}"


def _as_row(row: dict[str, object]) -> Row:
    return row  # type: ignore[return-value]
