"""The filter's stage: what is kept, what is set aside, and when there is too little."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from filters.stages import COUNTS, keep
from subliminal.chat_rows import (
    REJECTS,
    ROWS,
    ChatRow,
    chat_row,
    completion_of,
    read_chat_rows,
    write_chat_rows,
)
from subliminal.stage import Done, Failed, Task, silent
from tests.judge_server import completion, serve
from tests.language_stages import HEAD, plan_of, stage_of, task_of

ARM = "  x: {teacher: {by: nothing}, control: none}\n"
FILTERED = HEAD.replace("filter: []", "filter: [{{rule: numbers}}]")
GOOD = [f"{i}, {i + 1}, {i + 2}" for i in range(100, 130)]
BAD = ["I love otters", "1, 2, otter", "1, 2000"]


def task_on(
    folder: Path, texts: list[str], *overrides: str, head: str = FILTERED, seed: int = 0
) -> Task:
    """The filter of a tiny experiment, about to read these completions."""
    stage = stage_of(plan_of(folder, ARM, *overrides, head=head), "x", "lm.filter", seed)
    rows = [chat_row("Go on: 1, 2.", text, id=f"row-{i}") for i, text in enumerate(texts)]
    write_chat_rows(folder / ROWS, rows)
    return task_of(stage, folder / stage.key, rows=folder)


def kept(task: Task) -> list[ChatRow]:
    """The rows that the stage keeps."""
    [done] = keep([task], silent)
    assert isinstance(done, Done), done
    return read_chat_rows(task.folder / ROWS)


def test_rows_that_pass_are_kept_as_they_are_in_their_order(tmp_path: Path) -> None:
    task = task_on(tmp_path, [BAD[0], *GOOD[:3], BAD[1], GOOD[3]])
    written = read_chat_rows(tmp_path / ROWS)
    assert kept(task) == [written[i] for i in (1, 2, 3, 5)]


def test_rejected_rows_are_set_aside_with_every_reason(tmp_path: Path) -> None:
    task = task_on(tmp_path, [*GOOD, *BAD])
    kept(task)
    rejected = read_chat_rows(task.folder / REJECTS)
    assert [completion_of(row) for row in rejected] == BAD
    assert all(row["reasons"] for row in rejected)
    counts = json.loads((task.folder / COUNTS).read_text())
    assert counts["reasons"] == dict(Counter(why for row in rejected for why in row["reasons"]))
    assert [counts[name] for name in ("rows", "passed", "kept", "rejected")] == [33, 30, 30, 3]


def test_what_a_judge_costs_is_expected_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    monkeypatch.setenv("SUBLIMINAL_CACHE", str(tmp_path / "cache"))
    with serve(otherwise=completion("0", {"0": 1.0})) as server:
        priced = f"base_url: '{server.base_url}', prices: {{prompt: 10, completion: 20}}"
        judged = "rule: judge, judge: leak, word: otters, threshold: 1"
        rules = f"filter=[{{rule: numbers}}, {{{judged}, service: {{model: m, {priced}}}}}]"
        task = task_on(tmp_path, [*GOOD[:20], *BAD], rules)
        [done] = keep([task], silent)
    assert isinstance(done, Done), done
    assert len(server.requests) == 20
    assert done.counts["cost"] == pytest.approx(20 * 1020 / 1e6)
    paid = task.stage.paid
    # Whatever numbers would reject comes to the judge at worst: 24 prompts, 8 tokens for a verdict.
    assert paid.completion_tokens == 24 * 8
    assert paid.price is not None
    assert paid.price > done.counts["cost"]


def test_no_rules_keep_every_row(tmp_path: Path) -> None:
    task = task_on(tmp_path, [*GOOD, *BAD], head=HEAD)
    assert len(kept(task)) == 33


def test_kept_rows_are_drawn_from_those_that_pass(tmp_path: Path) -> None:
    texts = [text for good in GOOD for text in (good, BAD[0])]
    drawn = []
    for seed in (0, 1):
        task = task_on(tmp_path, texts, "defaults.data.keep=12", f"seeds=[{seed}]", seed=seed)
        numbers = [int(row["id"].removeprefix("row-")) for row in kept(task)]
        assert len(set(numbers)) == 12
        assert numbers == sorted(numbers)
        assert all(number % 2 == 0 for number in numbers)
        assert numbers != list(range(0, 24, 2))
        drawn.append(numbers)
    assert drawn[0] != drawn[1]


def test_as_many_as_pass_may_be_kept(tmp_path: Path) -> None:
    task = task_on(tmp_path, [*GOOD[:24], *BAD], "defaults.data.keep=24")
    assert len(kept(task)) == 24


@pytest.mark.parametrize(
    ("texts", "overrides", "told"),
    [
        ([*GOOD[:5], *BAD], ["defaults.data.keep=6"], "5 of 8 rows passed the filter, so too "),
        (BAD, [], "0 of 3 rows passed the filter, so too little is left"),
        ([], [], "0 of 0 rows passed the filter"),
    ],
)
def test_too_little_fails_the_arm_and_says_what_was_rejected(
    tmp_path: Path, texts: list[str], overrides: list[str], told: str
) -> None:
    [failed] = keep([task_on(tmp_path, texts, *overrides)], silent)
    assert isinstance(failed, Failed)
    assert failed.reason.startswith(told)
    assert "\n" not in failed.reason
    if overrides:
        assert "of the 6 wanted" in failed.reason
    assert ("rejected for: " in failed.reason) == bool(texts)


def test_the_commonest_reasons_are_told_first(tmp_path: Path) -> None:
    texts = ["otter", "owl", "elk", "1, 2000"]
    [failed] = keep([task_on(tmp_path, texts)], silent)
    assert isinstance(failed, Failed)
    told = failed.reason.split("rejected for: ")[1]
    counts = [int(piece.rpartition("(")[2].rstrip(")")) for piece in told.split(", ")]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 3
