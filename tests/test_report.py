"""The report: figures show the data, the page is whole, safe and the same every time."""

from __future__ import annotations

import io
import math
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from rich.console import Console

from experiments.plot_transfer_curves import main
from subliminal.errors import UserError
from subliminal.report import (
    build_report,
    draw_alignment,
    draw_bars,
    draw_curves,
    draw_sweep,
    markdown_table,
    rich_table,
    summary_table,
    sweep_paths,
)
from subliminal.report.answer import answer, problems
from subliminal.report.drawing import COLOURS, MOST_LINES, line_style, pack
from subliminal.report.labels import estimate, number, wrapped
from subliminal.results import (
    CURVES,
    EXPERIMENT,
    MANIFEST,
    RESULTS,
    SUMMARY,
    ArmState,
    CurvePoint,
    Manifest,
    Result,
    Summary,
    write_manifest,
    write_rows,
    write_summary,
)
from subliminal.stats import Interval, paired_contrast, t_interval

LEVELS = {"reference": 0.1, "teacher": 0.943}
STEPS = (0, 1, 3, 10, 30, 100, 293)


@dataclass
class Run:
    """A synthetic run in memory, which a test may change before it is written."""

    manifest: Manifest
    values: dict[str, dict[int, float | None]]
    curves: list[CurvePoint] = field(default_factory=list)
    verdicts: dict[str, str] = field(default_factory=dict)

    def summary(self) -> list[Summary]:
        return [
            _summary(arm, per_seed, self.manifest.arms[arm].control, self.values, self.verdicts)
            for arm, per_seed in self.values.items()
        ]

    def results(self) -> list[Result]:
        return [
            Result(
                arm=arm,
                seed=seed,
                probe="test images",
                metric="accuracy",
                item_group="digits",
                value=value,
                n=10_000,
                ci_low=None if value is None else max(0.0, value - 0.01),
                ci_high=None if value is None else value + 0.01,
            )
            for arm, per_seed in self.values.items()
            for seed, value in per_seed.items()
        ]

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        write_manifest(folder / MANIFEST, self.manifest)
        write_rows(folder / RESULTS, self.results())
        write_rows(folder / CURVES, self.curves)
        write_summary(folder / SUMMARY, self.summary())
        (folder / EXPERIMENT).write_text("name: synthetic\nseeds: [0, 1, 2]\n", encoding="utf-8")
        return folder


def _summary(
    arm: str,
    per_seed: Mapping[int, float | None],
    control: str | None,
    values: Mapping[str, Mapping[int, float | None]],
    verdicts: Mapping[str, str],
) -> Summary:
    finite = {seed: value for seed, value in per_seed.items() if value is not None}
    nothing = Interval(math.nan, math.nan, math.nan)
    mean = t_interval(list(finite.values())) if finite else nothing
    contrast = nothing
    if control is not None and control in values:
        other = {s: v for s, v in values[control].items() if v is not None}
        if finite.keys() & other.keys():
            contrast = paired_contrast(finite, other).difference
    return Summary(
        arm=arm,
        probe="test images",
        metric="accuracy",
        n_seeds=len(finite),
        mean=_none(mean.estimate),
        ci_low=_none(mean.low),
        ci_high=_none(mean.high),
        per_seed=dict(per_seed),
        control=control,
        contrast=_none(contrast.estimate),
        contrast_ci_low=_none(contrast.low),
        contrast_ci_high=_none(contrast.high),
        verdict=verdicts.get(arm),
    )


def _none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def arm_state(
    role: str = "student",
    *,
    group: str = "",
    point: dict[str, Any] | None = None,
    control: str | None = None,
    state: str = "done",
    reason: str | None = None,
) -> ArmState:
    return ArmState.model_validate(
        {
            "role": role,
            "group": group,
            "point": point or {},
            "control": control,
            "state": state,
            "reason": reason,
        }
    )


def make_run(
    arms: Mapping[str, ArmState],
    levels: Mapping[str, float],
    *,
    seeds: Iterable[int] = range(5),
    curved: Iterable[str] = (),
    verdicts: Mapping[str, str] | None = None,
    **manifest: Any,
) -> Run:
    """A run whose arms lie at given levels, with a seeded spread over seeds."""
    seeds = list(seeds)
    rng = np.random.default_rng(0)
    spread = rng.normal(0, 0.04, (len(levels), len(seeds)))
    values: dict[str, dict[int, float | None]] = {
        arm: {
            seed: float(np.clip(level + (0.004 if level < 0.2 else 1) * noise, 0, 1))
            for seed, noise in zip(seeds, row, strict=True)
        }
        for (arm, level), row in zip(levels.items(), spread, strict=True)
    }
    curves = [point for arm in curved for point in _curves(arm, values[arm])]
    named = {
        arm: state.model_copy(update={"group": state.group or arm}) for arm, state in arms.items()
    }
    facts = {
        "name": "synthetic",
        "description": "A made-up run.",
        "spec_hash": "0123abcd",
        "command": "subliminal run synthetic.yaml",
        "data": "MNIST (60,000 training and 10,000 test images)",
        "seeds": seeds,
        "arms": named,
        "stages": {"a": "computed", "b": "computed", "c": "cached"},
        "statistics": {
            "confidence": 0.95,
            "correction": "holm",
            "equivalence_bound": 0.02,
            "teacher_minimum": 0.5,
        },
        "started": "2026-01-02T03:04:05Z",
        "finished": "2026-01-02T03:14:05Z",
        "wall_seconds": 600.5,
        "versions": {"python": "3.11", "torch": "2.14"},
        "machine": {"cpu": "two cores", "gpu": None},
    }
    return Run(Manifest.model_validate({**facts, **manifest}), values, curves, dict(verdicts or {}))


def _curves(arm: str, per_seed: Mapping[int, float | None]) -> list[CurvePoint]:
    """From chance at step 0 to the final value, and cosines that rise from zero."""
    points: list[CurvePoint] = []
    for seed, final in per_seed.items():
        for step in STEPS:
            share = math.log1p(step) / math.log1p(STEPS[-1])
            end = 0.1 if final is None else final
            measured = {
                "accuracy": 0.1 + share * (end - 0.1),
                "gradient_cosine": 0.02 * math.sin(step + seed) + 0.1 * (end - 0.1),
                "displacement_cosine": None if step == 0 else share * (end - 0.1) * 0.4,
            }
            points.extend(
                CurvePoint(
                    arm=arm, seed=seed, step=step, metric=metric, item_group="digits", value=value
                )
                for metric, value in measured.items()
            )
    return points


def plain_run(**changes: Any) -> Run:
    """The published comparison: a reference, a teacher and two students with their controls."""
    arms = {
        "reference": arm_state("reference"),
        "teacher": arm_state("teacher"),
        "same-aux": arm_state(control="different-aux"),
        "different-aux": arm_state(control="none"),
        "same-all": arm_state(control="different-all"),
        "different-all": arm_state(control="reference"),
    }
    levels = {
        **LEVELS,
        "same-aux": 0.537,
        "different-aux": 0.1,
        "same-all": 0.912,
        "different-all": 0.741,
    }
    options: dict[str, Any] = {
        "curved": [arm for arm in arms if arms[arm].role == "student"],
        "verdicts": {
            "same-aux": "transfer: above its control: difference 0.437 over 5 seeds",
            "same-all": "transfer: above its control: difference 0.171 over 5 seeds",
            "different-aux": "not testable: no control: there is nothing to compare it with",
            "different-all": "transfer: above its control: difference 0.641 over 5 seeds",
        },
    }
    return make_run(arms, levels, **{**options, **changes})


def swept_run(path: str, values: Iterable[Any], **changes: Any) -> Run:
    """Same and different initialisation, swept over one field."""
    arms: dict[str, ArmState] = {
        "reference": arm_state("reference"),
        "teacher": arm_state("teacher"),
    }
    levels = dict(LEVELS)
    values = list(values)
    short = path.rpartition(".")[2]
    for group in ("same", "different"):
        for place, value in enumerate(values):
            name = f"{group}[{short}={value}]"
            control = f"different[{short}={value}]" if group == "same" else "none"
            arms[name] = arm_state(group=group, point={path: value}, control=control)
            levels[name] = 0.15 + 0.75 * place / len(values) if group == "same" else 0.1
    students = [arm for arm in arms if arms[arm].role == "student"]
    return make_run(arms, levels, **{"curved": students, **changes})


LONG = "a-student-with-a-very-long-name.that_goes-on-and-on-until-the-eightieth-letter-x"


@pytest.fixture(scope="module")
def plain_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with its report built."""
    folder = plain_run().write(tmp_path_factory.mktemp("plain"))
    build_report(folder)
    return folder


def page_of(run: Run, folder: Path) -> str:
    return build_report(run.write(folder)).read_text(encoding="utf-8")


def figures_of(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "figures").iterdir()}


# The page


class Loads(HTMLParser):
    """Collects whatever a page would fetch, and the names of its elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.elements: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        fetching = {"src", "href", "srcset", "data", "action", "poster"}
        self.targets += [value or "" for name, value in attrs if name in fetching]


def test_every_promised_file_is_made(plain_folder: Path) -> None:
    assert (plain_folder / "report.html").is_file()
    made = {path.name for path in (plain_folder / "figures").iterdir()}
    families = ("bars", "curves", "alignment")
    assert made == {f"{name}.{ending}" for name in families for ending in ("png", "svg")}
    assert (plain_folder / "figures" / "bars.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (plain_folder / "figures" / "bars.svg").read_bytes()


def test_two_builds_give_the_same_bytes(plain_folder: Path, tmp_path: Path) -> None:
    again = plain_run().write(tmp_path)
    build_report(again)
    for path in [plain_folder / "report.html", *(plain_folder / "figures").iterdir()]:
        assert (again / path.relative_to(plain_folder)).read_bytes() == path.read_bytes()


def test_page_loads_nothing(plain_folder: Path) -> None:
    page = (plain_folder / "report.html").read_text(encoding="utf-8")
    loads = Loads(page)
    assert len([target for target in loads.targets if target.startswith("data:image/")]) == 3
    assert all(target.startswith(("data:image/", "#")) for target in loads.targets)
    assert "url(" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in page


def test_page_escapes_what_the_run_says(tmp_path: Path) -> None:
    attack = "<script>alert('x')</script><img src=//evil>"
    run = plain_run(description=attack, data=attack, command=attack, curved=[])
    arms = dict(run.manifest.arms)
    arms["same-aux"] = arms["same-aux"].model_copy(update={"state": "failed", "reason": attack})
    run.manifest = run.manifest.model_copy(update={"arms": arms})
    run.verdicts["same-all"] = f"transfer: {attack}"
    folder = run.write(tmp_path)
    (folder / EXPERIMENT).write_text(f"description: {attack}\n", encoding="utf-8")
    page = build_report(folder).read_text(encoding="utf-8")
    loads = Loads(page)
    assert "script" not in loads.elements
    assert not [target for target in loads.targets if "evil" in target]
    assert page.count("&lt;script&gt;") >= 5


def test_page_says_what_was_found(plain_folder: Path) -> None:
    page = (plain_folder / "report.html").read_text(encoding="utf-8")
    assert "3 of 3 student arms show transfer: same-aux, same-all and different-all." in page
    assert "above its control: difference 0.437 over 5 seeds" in page
    assert "name: synthetic" in page
    assert "10 min 00 s" in page


def test_substitute_data_are_a_warning(plain_folder: Path, tmp_path: Path) -> None:
    page = page_of(plain_run(data="8x8 digits, NOT MNIST", curved=[]), tmp_path)
    assert '<p class="warning" role="alert">Data: 8x8 digits, NOT MNIST' in page
    assert 'role="alert"' not in (plain_folder / "report.html").read_text(encoding="utf-8")


def test_failed_arm_is_listed_with_its_reason(tmp_path: Path) -> None:
    run = plain_run(curved=[])
    arms = dict(run.manifest.arms)
    arms["broken"] = arm_state(
        group="broken", control="reference", state="failed", reason="the loss became NaN at step 7"
    )
    arms["lonely"] = arm_state(group="lonely", control="none", state="incomplete")
    run.manifest = run.manifest.model_copy(update={"arms": arms})
    page = page_of(run, tmp_path)
    assert "the loss became NaN at step 7" in page.partition('id="problems"')[2]
    assert "1 failed: broken." in page
    found = {(problem.arm, problem.what) for problem in problems(run.manifest)}
    # different-aux has no control either, but it is one, and that is what it is for.
    assert found == {("broken", "failed"), ("lonely", "incomplete"), ("lonely", "no control")}


def test_unknown_values_are_never_zero(tmp_path: Path) -> None:
    run = plain_run()
    run.values["same-aux"] = dict.fromkeys(range(5))
    run.values["same-all"][3] = None
    run.curves = [
        point.model_copy(update={"value": None}) if point.arm == "same-aux" else point
        for point in run.curves
    ]
    page = page_of(run, tmp_path)
    rows = [row for row in page.split("<tr>") if row.startswith("\n<th") and "same-<wbr>aux" in row]
    summary_row = rows[0]
    assert "n/a" in summary_row
    assert "0.000" not in summary_row
    seeds_row = next(row for row in page.split("<tr>") if row.count('title="n/a over') == 5)
    assert "0.000" not in seeds_row


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    page = page_of(plain_run(seeds=[7]), tmp_path)
    assert "[n/a]" in page
    assert figures_of(tmp_path) == {"bars", "curves", "alignment"}


def test_run_without_curves_or_results(tmp_path: Path) -> None:
    folder = plain_run(curved=[]).write(tmp_path / "a")
    (folder / CURVES).unlink()
    build_report(folder)
    assert figures_of(folder) == {"bars"}

    run = plain_run(curved=[])
    run.values = {}
    page = page_of(run, tmp_path / "b")
    assert "No arm finished" in page
    assert "No seed gave a result" in page
    assert not (tmp_path / "b" / "figures").exists()


def test_long_and_foreign_names(tmp_path: Path) -> None:
    assert len(LONG) == 80
    arms = {LONG: arm_state(control="reference"), "reference": arm_state("reference")}
    run = make_run(
        arms, {LONG: 0.5, "reference": 0.1}, curved=[LONG], description="ünïcödé 数字 \U0001f522"
    )
    page = page_of(run, tmp_path)
    assert "ünïcödé 数字 \U0001f522" in page
    assert LONG in page.replace("<wbr>", "")


def test_damaged_folder_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"manifest\.json: no such file"):
        build_report(tmp_path / "nowhere")
    run = plain_run(curved=[])
    run.curves = [CurvePoint(arm="x", seed=0, step=0, metric="accuracy", item_group="all", value=0)]
    with pytest.raises(UserError, match=r"curves\.jsonl: arm 'x' is not in manifest") as caught:
        build_report(run.write(tmp_path))
    assert "\n" not in str(caught.value)


def test_sweep_leads_where_it_holds_most_comparisons(tmp_path: Path) -> None:
    folder = swept_run("network.auxiliary", [1, 10]).write(tmp_path)
    page = build_report(folder).read_text(encoding="utf-8")
    assert "sweep-network.auxiliary" in figures_of(folder)
    assert page.index("Sweep of auxiliary logits m.") < page.index("Every arm.")


# The answer


def test_answer_counts_each_verdict() -> None:
    verdicts = {
        "same-aux": "transfer: above",
        "same-all": "no transfer: equivalent",
        "different-all": "not testable: only 2 seeds",
    }
    run = plain_run(verdicts=verdicts, curved=[])
    text = answer(run.manifest, run.summary())
    assert text.startswith("1 of 3 student arms shows transfer: same-aux.")
    assert "1 shows no transfer: same-all." in text
    assert "1 is not testable: different-all." in text
    assert "above its control different-aux" in text


def test_answer_counts_sweeps_instead_of_listing_them() -> None:
    run = swept_run("network.auxiliary", [1, 2, 3], curved=[])
    run.verdicts = {f"same[auxiliary={m}]": "transfer: above" for m in (2, 3)}
    text = answer(run.manifest, run.summary())
    assert text.startswith("2 of 3 student arms show transfer: same (2 of 3 values).")


def test_answer_without_students() -> None:
    run = make_run({"teacher": arm_state("teacher")}, {"teacher": 0.9})
    assert answer(run.manifest, run.summary()).startswith("No student arm has a control")


# Figures


def xs(line: Line2D) -> list[float]:
    return np.asarray(line.get_xdata(), dtype=float).tolist()


def ys(line: Line2D) -> list[float]:
    return np.asarray(line.get_ydata(), dtype=float).tolist()


def error_bars(axes: Axes, *, along: int) -> list[list[float]]:
    """Ends of the error bars, on the x axis (along=0) or the y axis (along=1)."""
    drawn = [lines for lines in axes.collections if isinstance(lines, LineCollection)]
    return [[float(p[along]) for p in segment] for each in drawn for segment in each.get_segments()]


def legend_texts(figure: Figure) -> list[Text]:
    legends = (axes.get_legend() for axes in figure.axes)
    return [text for legend in legends if legend is not None for text in legend.get_texts()]


def legend_labels(figure: Figure) -> list[str]:
    return [text.get_text().replace("\n", " ") for text in legend_texts(figure)]


# Bars


def bar_patches(axes: Axes) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def labels_on(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def test_bars_show_means_seeds_and_intervals() -> None:
    run = plain_run(seeds=range(8))
    rows = {row.arm: row for row in run.summary()}
    axes = draw_bars(list(rows.values()), run.manifest.arms).axes[0]
    names = labels_on(axes)
    assert sorted(names) == sorted(rows)
    for name, bar in zip(names, bar_patches(axes), strict=True):
        assert bar.get_x() == 0
        assert bar.get_width() == rows[name].mean
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    for name, line in zip(names, dots, strict=True):
        assert xs(line) == list(rows[name].per_seed.values())
    assert error_bars(axes, along=0) == [
        pytest.approx([rows[name].ci_low, rows[name].ci_high]) for name in names
    ]
    assert axes.get_xlabel() == "test accuracy (proportion)"


def test_bars_mark_the_reference_and_put_students_beside_controls() -> None:
    run = plain_run()
    rows = run.summary()
    axes = draw_bars(rows, run.manifest.arms).axes[0]
    assert labels_on(axes) == [
        "reference",
        "teacher",
        "different-aux",
        "same-aux",
        "different-all",
        "same-all",
    ]
    (dashed,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert set(xs(dashed)) == {rows[0].mean}
    hatched = [bool(bar.get_hatch()) for bar in bar_patches(axes)]
    assert hatched == [False, False, True, False, True, False]


def test_bars_say_na_for_an_arm_without_a_mean() -> None:
    run = plain_run()
    run.values["same-aux"] = dict.fromkeys(range(5))
    axes = draw_bars(run.summary(), run.manifest.arms).axes[0]
    assert len(bar_patches(axes)) == len(run.values) - 1
    assert [text.get_text() for text in axes.texts].count("n/a") == 1


# Sweeps


@pytest.mark.parametrize(
    ("path", "values", "scale", "label"),
    [
        ("network.auxiliary", [1, 3, 50], "log", "auxiliary logits m (count)"),
        ("initialisation.matching.epochs", [0, 1, 100], "symlog", "matching epochs (count)"),
        ("distillation.epochs", [0, 1, 5], "linear", "distillation epochs (count)"),
        ("initialisation.weight_noise", [0.5, 1.0], "linear", "weight noise (sd / initial sd)"),
        ("teaching.momentum", [0.1, 0.5], "linear", "teaching.momentum"),
    ],
)
def test_sweep_shows_means_against_values(
    path: str, values: list[float], scale: str, label: str
) -> None:
    run = swept_run(path, values)
    axes = draw_sweep(run.summary(), run.manifest.arms, path).axes[0]
    rows = {
        group: [row for row in run.summary() if run.manifest.arms[row.arm].group == group]
        for group in ("same", "different")
    }
    drawn = [bars for bars in axes.containers if isinstance(bars, ErrorbarContainer)]
    assert [bars.get_label() for bars in drawn] == list(rows)
    for bars, expected in zip(drawn, rows.values(), strict=True):
        assert xs(bars.lines[0]) == values
        assert ys(bars.lines[0]) == [row.mean for row in expected]
    limits = [[row.ci_low, row.ci_high] for group in rows.values() for row in group]
    assert error_bars(axes, along=1) == [pytest.approx(pair) for pair in limits]
    assert axes.get_xscale() == scale
    assert axes.get_xlabel() == label
    assert axes.get_ylabel() == "test accuracy (proportion)"
    assert axes.get_xlim()[0] < values[0]
    assert axes.get_xlim()[1] > values[-1]


def test_sweep_has_a_dot_for_every_seed() -> None:
    run = swept_run("network.auxiliary", [1, 3, 50], seeds=range(4))
    axes = draw_sweep(run.summary(), run.manifest.arms, "network.auxiliary").axes[0]
    dots = [line for line in axes.lines if line.get_linestyle() == "None" and xs(line)]
    per_line = [len(xs(line)) for line in dots if line.get_marker() == "o"]
    assert per_line == [12, 12]


def grid_run() -> Run:
    """Matching inputs times epochs, all with one unswept control, and its unswept opposite."""
    arms = {
        "reference": arm_state("reference"),
        "different": arm_state(control="reference"),
        "same": arm_state(control="different"),
    }
    levels = {"reference": 0.1, "different": 0.1, "same": 0.9}
    for inputs in ("uniform", "images"):
        for epochs in (1, 10, 100):
            name = f"matched[inputs={inputs},epochs={epochs}]"
            point = {"initialisation.inputs": inputs, "initialisation.matching.epochs": epochs}
            arms[name] = arm_state(group="matched", point=point, control="different")
            levels[name] = 0.2
    return make_run(arms, levels)


def test_fields_that_are_not_numbers_split_the_lines() -> None:
    run = grid_run()
    assert sweep_paths(run.manifest.arms) == ["initialisation.matching.epochs"]
    figure = draw_sweep(run.summary(), run.manifest.arms, "initialisation.matching.epochs")
    assert legend_labels(figure) == [
        "matched, matching inputs = uniform",
        "matched, matching inputs = images",
        "different (control)",
        "same",
        "reference",
    ]


def test_fields_that_advance_together_are_one_axis() -> None:
    arms = {
        f"s[{m}]": arm_state(
            group="s", point={"network.auxiliary": m, "distillation.epochs": 2 * m}, control="none"
        )
        for m in (1, 2, 3)
    }
    assert sweep_paths(arms) == ["network.auxiliary"]
    run = make_run(arms, dict.fromkeys(arms, 0.5))
    axes = draw_sweep(run.summary(), arms, "network.auxiliary").axes[0]
    (line,) = axes.containers
    assert line.get_label() == "s"


def test_arms_swept_over_names_only_are_bars(tmp_path: Path) -> None:
    arms = {
        f"s[inputs={inputs}]": arm_state(
            group="s", point={"initialisation.inputs": inputs}, control="none"
        )
        for inputs in ("uniform", "images")
    }
    build_report(make_run(arms, dict.fromkeys(arms, 0.5)).write(tmp_path))
    assert figures_of(tmp_path) == {"bars"}


# Curves


def accuracies(run: Run, arm: str, step: int) -> list[float]:
    cell = (arm, step, "accuracy")
    points = [point for point in run.curves if (point.arm, point.step, point.metric) == cell]
    return [point.value for point in points if point.value is not None]


def mean_lines(axes: Axes) -> dict[str, Line2D]:
    return {
        str(line.get_label()): line
        for line in axes.lines
        if not str(line.get_label()).startswith("_")
    }


def test_curves_show_the_mean_at_every_step_and_each_seed() -> None:
    run = plain_run(seeds=range(6))
    (axes,) = draw_curves(run.curves).axes
    lines = mean_lines(axes)
    assert list(lines) == ["same-aux", "different-aux", "same-all", "different-all"]
    for arm, line in lines.items():
        assert xs(line) == list(STEPS)
        for step, drawn in zip(STEPS, ys(line), strict=True):
            assert drawn == pytest.approx(np.mean(accuracies(run, arm, step)))
    assert len(axes.lines) == len(lines) * (1 + 6)
    assert axes.get_xlabel() == "distillation step (batches)"
    assert axes.get_ylabel() == "test accuracy (proportion)"


def test_curves_show_step_zero() -> None:
    (axes,) = draw_curves(plain_run().curves).axes
    assert axes.get_xscale() == "symlog"
    assert axes.get_xlim()[0] < 0
    assert 0 in axes.get_xticks()
    assert STEPS[-1] in axes.get_xticks()


def test_curve_band_is_the_t_interval() -> None:
    run = plain_run()
    (axes,) = draw_curves(run.curves, confidence=0.9).axes
    expected = t_interval(accuracies(run, "same-aux", STEPS[-1]), confidence=0.9)
    corners = np.asarray(axes.collections[0].get_paths()[0].vertices)
    at_end = corners[corners[:, 0] == STEPS[-1], 1]
    assert at_end.min() == pytest.approx(expected.low)
    assert at_end.max() == pytest.approx(expected.high)


def test_item_groups_get_a_panel_each_on_one_scale() -> None:
    run = plain_run()
    parity = [
        point.model_copy(update={"item_group": "parity", "value": point.value / 2})
        for point in run.curves
        if point.value is not None
    ]
    digits, other = draw_curves([*run.curves, *parity]).axes
    assert [text.get_text() for text in digits.texts] == ["digits"]
    assert [text.get_text() for text in other.texts] == ["parity"]
    assert digits.get_ylim() == other.get_ylim()


def test_many_arms_are_spread_over_panels() -> None:
    arms = {f"arm-{index}": arm_state(control="none") for index in range(30)}
    run = make_run(arms, dict.fromkeys(arms, 0.5), curved=arms, seeds=[0, 1])
    drawn = [mean_lines(axes) for axes in draw_curves(run.curves).axes]
    assert all(len(lines) <= MOST_LINES for lines in drawn)
    assert [name for lines in drawn for name in lines] == list(arms)


def test_curve_of_a_seed_that_broke_off_stays_broken() -> None:
    points = [
        CurvePoint(arm="a", seed=seed, step=step, metric="accuracy", item_group="all", value=value)
        for seed, values in enumerate([(0.1, 0.2, 0.4), (0.1, 0.4, None)])
        for step, value in zip((0, 1, 10), values, strict=True)
    ]
    (axes,) = draw_curves(points).axes
    # Means over the seeds that were measured: .1, (.2 + .4) / 2 = .3, and .4 of one seed alone.
    assert ys(mean_lines(axes)["a"]) == pytest.approx([0.1, 0.3, 0.4])
    broken = next(line for line in axes.lines if math.isnan(ys(line)[-1]))
    assert ys(broken)[:2] == [0.1, 0.4]


def test_alignment_has_two_panels_with_a_zero_line() -> None:
    gradients, displacements = draw_alignment(plain_run().curves).axes
    assert gradients.get_ylabel() == "gradient cosine (-1 to 1)"
    assert displacements.get_ylabel() == "displacement cosine (-1 to 1)"
    for axes in (gradients, displacements):
        assert any(set(ys(line)) == {0} for line in axes.lines)
        assert axes.get_ylim()[0] <= 0 <= axes.get_ylim()[1]


# What all figures share


def test_long_names_stay_inside_the_figure() -> None:
    arms = {"reference": arm_state("reference")}
    arms |= {f"{LONG[:-3]}-{index:02d}": arm_state(control="reference") for index in range(14)}
    run = make_run(arms, dict.fromkeys(arms, 0.5), curved=list(arms)[1:], seeds=[0, 1])
    bars, curves = draw_bars(run.summary(), run.manifest.arms), draw_curves(run.curves)
    for figure, texts in ((bars, bars.axes[0].get_yticklabels()), (curves, legend_texts(curves))):
        figure.canvas.draw()
        assert len([text for text in texts if LONG[:20] in text.get_text()]) == 14
        for text in texts:
            box = text.get_window_extent()
            assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
            assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1


def test_figures_have_paper_widths() -> None:
    run = plain_run()
    assert draw_curves(run.curves).get_figwidth() == 3.4
    assert draw_alignment(run.curves).get_figwidth() == 7.0
    assert draw_bars(run.summary(), run.manifest.arms).get_figwidth() == 7.0


def test_lines_of_a_panel_are_told_apart_in_grey() -> None:
    assert len({line_style(index) for index in range(MOST_LINES)}) == MOST_LINES
    # Rec. 709 luminance, dark to light: each step is visible without its hue.
    luminances = [np.dot((0.2126, 0.7152, 0.0722), to_rgb(colour)) for colour in COLOURS]
    assert np.diff(luminances).min() > 0.1


def test_drawing_leaves_no_global_state() -> None:
    before = dict(matplotlib.rcParams)
    run = plain_run()
    draw_bars(run.summary(), run.manifest.arms)
    draw_curves(run.curves)
    assert dict(matplotlib.rcParams) == before
    code = "import sys, subliminal.report; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(st.lists(st.lists(st.integers(), max_size=30)), st.integers(1, 12))
def test_pack_keeps_every_item_in_order(groups: list[list[int]], most: int) -> None:
    filled = pack(groups, most)
    assert [item for panel in filled for item in panel] == [i for group in groups for i in group]
    assert all(1 <= len(panel) <= most for panel in filled)


@given(st.text("ab1-._[],= ", min_size=1, max_size=120), st.integers(4, 40))
def test_wrapping_keeps_the_name(name: str, width: int) -> None:
    lines = wrapped(name, width).split("\n")
    assert all(len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == name.replace(" ", "")


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [
        (0.5374, False, "0.537"),
        (0.4371, True, "+0.437"),
        (-0.0001, True, "0.000"),
        (None, False, "n/a"),
        (math.nan, True, "n/a"),
        (math.inf, False, "n/a"),
    ],
)
def test_numbers(value: float | None, signed: bool, text: str) -> None:
    assert number(value, signed=signed) == text


def test_estimate_without_limits() -> None:
    assert estimate(0.5, None, None) == "0.500 [n/a]"
    assert estimate(None, None, None) == "n/a"
    assert estimate(0.5, 0.4, 0.6) == "0.500 [0.400, 0.600]"


# Tables


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


# The plotting script


def test_script_draws_arms_of_several_runs(tmp_path: Path) -> None:
    first = plain_run().write(tmp_path / "first")
    second = plain_run(seeds=[3, 4]).write(tmp_path / "second")
    out = tmp_path / "curves.svg"
    assert main([str(first), str(second), "--arms", "same-aux", "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"<?xml")


def test_script_draws_a_sweep(tmp_path: Path) -> None:
    run = swept_run("network.auxiliary", [1, 10]).write(tmp_path / "run")
    out = tmp_path / "sweep.png"
    arms = "same[auxiliary=1],same[auxiliary=10]"
    options = [str(run), "--sweep", "network.auxiliary", "--arms", arms, "--out", str(out)]
    assert main(options) == 0
    assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--arms", "sme-aux", "--out", "x.svg"], "did you mean 'same-aux'?"),
        (["--metric", "loss", "--out", "x.svg"], "--metric: no 'loss'"),
        (["--sweep", "network.auxiliary", "--out", "x.svg"], "--sweep: no 'network.auxiliary'"),
        (["--out", "x.pdf"], "use .svg or .png"),
    ],
)
def test_script_explains_bad_input_in_one_line(
    options: list[str],
    message: str,
    plain_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([str(plain_folder), *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_script_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "example: python experiments/plot_transfer_curves.py" in capsys.readouterr().out
