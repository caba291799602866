"""From finished stages to what people read: rows kept and rejected, answers, filter counts."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from subliminal.chat_rows import REJECTS, ROWS
from subliminal.collect import is_complete
from subliminal.errors import UserError
from subliminal.examples import Example, FilterCount
from subliminal.executors import Outcome
from subliminal.plan import Plan
from subliminal.row import Row
from subliminal.store import Store

EACH = 6
"""Examples of each kind for an arm, from its first seed."""
ANSWERS, COUNTS = "answers.jsonl", "filter.json"


def filter_counts(
    plan: Plan, store: Store, outcomes: Mapping[str, Outcome]
) -> Iterator[FilterCount]:
    """What the filter did, for every arm and seed with rows."""
    for arm, seed, row in _complete(plan, outcomes):
        if row.kept is not None:
            counts = _read(store.folder(row.kept) / COUNTS)[0]
            fields = {name: counts[name] for name in FilterCount.model_fields if name in counts}
            yield FilterCount(arm=arm, seed=seed, **fields)


def examples(plan: Plan, store: Store, outcomes: Mapping[str, Outcome]) -> Iterator[Example]:
    """Some rows and answers of every arm."""
    shown = set()
    for arm, seed, row in _complete(plan, outcomes):
        if arm in shown:
            continue
        shown.add(arm)
        if row.kept is not None:
            folder = store.folder(row.kept)
            for chat in itertools.islice(_lines(folder / ROWS), EACH):
                yield Example(arm=arm, seed=seed, kind="kept", **_turns(chat))
            for chat in itertools.islice(_lines(folder / REJECTS), EACH):
                reasons = tuple(chat["reasons"])
                yield Example(arm=arm, seed=seed, kind="rejected", reasons=reasons, **_turns(chat))
        for answer in _some_of_each_probe(_lines(store.folder(row.probe) / ANSWERS)):
            yield Example(
                arm=arm,
                seed=seed,
                kind="answer",
                prompt=answer["question"],
                completion=answer["answer"],
                probe=answer["probe"],
            )


def _complete(plan: Plan, outcomes: Mapping[str, Outcome]) -> Iterator[tuple[str, int, Row]]:
    for arm, rows in plan.rows.items():
        for seed, row in rows.items():
            if is_complete(row, outcomes):
                yield arm, seed, row


def _some_of_each_probe(answers: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for _, group in itertools.groupby(answers, key=lambda answer: answer["probe"]):
        yield from itertools.islice(group, EACH)


def _turns(chat: Mapping[str, Any]) -> dict[str, str]:
    *before, completion = chat["messages"]
    return {"prompt": before[-1]["content"], "completion": completion["content"]}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        with path.open("rb") as file:
            yield from (_parsed(path, line) for line in file)


def _read(path: Path) -> list[dict[str, Any]]:
    return [_parsed(path, path.read_bytes())]


def _parsed(path: Path, data: bytes) -> dict[str, Any]:
    try:
        return dict(from_json(data))
    except ValueError as error:
        raise UserError(f"{path}: damaged since it was checked ({error}); run again") from None
