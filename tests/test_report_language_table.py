"""The summary table of a language run has a row for each group of arms."""

from __future__ import annotations

import io

import numpy as np
from rich.console import Console

from subliminal.report import markdown_table, rich_table, summary_table
from subliminal.report.caveat import POCKET_CAVEAT
from subliminal.results import JUDGED
from tests.synthetic_language_run import LanguageRunFiles, language_run
from tests.synthetic_run import plain_run

UNCONTROLLED = """
arms:
  reference: {role: reference}
  alone: {control: none}
"""


def judged_table(run: LanguageRunFiles):
    rows = [row for row in run.summary() if row.metric in JUDGED]
    return summary_table(run.manifest, rows)


def printed(run: LanguageRunFiles, width: int = 100) -> str:
    output = io.StringIO()
    Console(file=output, width=width).print(rich_table(judged_table(run)))
    return output.getvalue()


def test_a_row_averages_the_traits_of_a_group() -> None:
    run = language_run(weak=["wolf"])
    rows = {row.arm: row for row in judged_table(run).rows}
    assert list(rows) == ["reference", "teacher", "same", "different", "control"]
    same = rows["same"]
    summary = {row.arm: row for row in run.summary() if row.metric == "log_odds"}
    contrasts = [summary[f"same[trait={t}]"].contrast for t in ("otter", "owl", "wolf")]
    assert same.contrast.startswith(f"{np.mean(np.array(contrasts, dtype=float)):+.3f} [")
    assert (same.verdict, same.reason) == ("transfer 2/3", "not testable 1 (wolf)")
    assert (same.control, same.seeds, same.role) == ("control", "3", "student")
    assert rows["control"].verdict == "control"
    assert rows["teacher"].verdict == ""


def test_the_only_arm_of_a_group_says_why() -> None:
    run = language_run(traits=["wolf"], weak=["wolf"])
    rows = {row.arm: row for row in judged_table(run).rows}
    assert rows["same"].verdict == "not testable 1/1"
    assert rows["same"].reason.startswith("the teacher lacks the trait")
    # Of several that got the same, each says why for itself, in a table of its own.
    several = language_run(weak=["otter", "owl", "wolf"])
    rows = {row.arm: row for row in judged_table(several).rows}
    assert (rows["same"].verdict, rows["same"].reason) == ("not testable 3/3", "")


def test_a_dropped_control_is_told() -> None:
    rows = {row.arm: row for row in judged_table(language_run(UNCONTROLLED)).rows}
    assert rows["alone"].verdict == "no contrast"
    assert rows["alone"].reason == "control dropped on purpose: no contrast"
    assert rows["alone"].contrast == ""


def test_groups_that_failed_are_listed() -> None:
    run = language_run()
    arms = {
        name: state.model_copy(update={"state": "failed"}) if state.group == "same" else state
        for name, state in run.manifest.arms.items()
    }
    run.manifest = run.manifest.model_copy(update={"arms": arms})
    run.table = {name: found for name, found in run.table.items() if not name.startswith("same")}
    row = next(row for row in judged_table(run).rows if row.arm == "same")
    assert (row.verdict, row.mean, row.contrast) == ("failed 3/3", "n/a", "n/a")
    assert row.outcome == "failed"


def test_the_terminal_has_one_line_of_verdicts_for_each_group() -> None:
    text = printed(language_run())
    assert text.count("transfer 3/3") == 1
    assert "[trait=" not in text
    assert all(len(line) <= 80 for line in printed(language_run(), width=80).splitlines())


def test_the_caveat_stands_by_every_table_of_a_pocket_model() -> None:
    run = language_run()
    assert POCKET_CAVEAT in " ".join(printed(run).split())
    assert POCKET_CAVEAT in markdown_table(judged_table(run))
    alone = language_run(traits=[])
    assert judged_table(alone).note == POCKET_CAVEAT
    other = language_run(data="a large model")
    assert POCKET_CAVEAT not in markdown_table(judged_table(other))
    mnist = plain_run()
    assert summary_table(mnist.manifest, mnist.summary()).note == ""


def test_a_run_of_one_trait_lists_its_arms() -> None:
    table = judged_table(language_run(traits=[]))
    rows = {row.arm: row.verdict for row in table.rows}
    assert rows["same"] == "transfer"
