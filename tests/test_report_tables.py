"""The summary table in the terminal and in Markdown."""

from __future__ import annotations

import io

from rich.console import Console

from subliminal.report import markdown_table, rich_table, summary_table
from subliminal.report.labels import estimate
from tests.synthetic_run import plain_run, swept_run


def test_summary_table_rows() -> None:
    run = plain_run()
    rows = {row.arm: row for row in summary_table(run.manifest, run.summary()).rows}
    assert list(rows) == list(run.manifest.arms)
    summary = {row.arm: row for row in run.summary()}["same-aux"]
    same = rows["same-aux"]
    assert same.mean == estimate(summary.mean, summary.ci_low, summary.ci_high)
    assert same.contrast.startswith("+0.4")
    assert (same.seeds, same.verdict) == ("5", "transfer")
    assert same.reason == "above its control: difference 0.437 over 5 seeds"
    assert rows["different-aux"].control == ""
    assert rows["different-aux"].contrast == ""
    assert (rows["different-aux"].verdict, rows["different-aux"].reason) == ("control", "")
    assert rows["teacher"].verdict == ""


def test_terminal_table_prints_brackets_as_they_are() -> None:
    run = swept_run("network.auxiliary", [1, 2])
    run.verdicts["same[auxiliary=1]"] = "no transfer: [bold]not markup[/bold]"
    table = rich_table(summary_table(run.manifest, run.summary()), title="data [red]label")
    output = io.StringIO()
    Console(file=output, width=200).print(table)
    text = output.getvalue()
    assert "same[auxiliary=1]" in text
    assert "[bold]not markup[/bold]" in text
    assert "data [red]label" in text
    assert "[95% interval]" in text


def test_terminal_table_fits_eighty_columns() -> None:
    run = plain_run()
    run.verdicts["same-aux"] = "not testable: only 2 seeds, at least 3 needed"
    output = io.StringIO()
    Console(file=output, width=80).print(rich_table(summary_table(run.manifest, run.summary())))
    lines = output.getvalue().splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert sum("not testable" in line for line in lines) == 1


def test_markdown_table_has_a_cell_for_each_heading() -> None:
    run = plain_run()
    run.verdicts["same-aux"] = "a | b\nc <script>: why"
    heading, rule, *rows = markdown_table(summary_table(run.manifest, run.summary())).splitlines()
    assert rule.startswith("| --- |")
    assert len(rows) == len(run.manifest.arms)
    for row in rows:
        assert row.replace("\\|", "").count("|") == heading.count("|")
    assert "a \\| b c &lt;script>" in rows[2]
