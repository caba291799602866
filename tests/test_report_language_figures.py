"""The figures of language runs show what was measured, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from subliminal.report import draw_doses, draw_initialisation, draw_matrix, draw_trait_bars
from subliminal.report.caveat import POCKET_CAVEAT
from subliminal.report.language import trait_bars
from subliminal.report.language.doses import dose_lines, dose_paths
from subliminal.report.language.figures import language_figures
from subliminal.report.language.matrix import item_values, matrix_of
from subliminal.report.language.rejections import draw_rejections, filtered_by_variant
from subliminal.report.language.run import LanguageRun
from subliminal.report.language.transfer import draw_transfer, measures_of, transfer_lines
from subliminal.results import WHOLE, CurvePoint, Result, Summary, TraitName
from tests.drawn import error_bars, legend_labels, xs, ys
from tests.synthetic_language_run import ANIMALS, SHIFT, language_run

TRAITS = ["otter", "owl", "wolf"]
PROBE = "favourite"
RowT = TypeVar("RowT", Result, Summary)

BOTH_TARGETS = """
arms:
  reference: {role: reference}
  teacher: {role: teacher}
  same: {control: control}
  control: {control: none, teacher: {by: nothing}}
  logits-same: {control: logits-control, distillation: {target: logits}}
  logits-control: {control: none, teacher: {by: nothing}, distillation: {target: logits}}
"""

SIBLINGS = f"""{BOTH_TARGETS}
  sibling-teacher: {{role: teacher, teacher: &sibling {{by: fine-tuning, rows: 64}}}}
  sibling: {{control: control, teacher: *sibling}}
  unseen: {{control: control, teacher: {{by: fine-tuning, rows: 32}}}}
"""

DOSES = """
arms:
  reference: {role: reference}
  teacher: {role: teacher}
  dose: {control: dose-control, sweep: {data.prompts: [1000, 3000, 30000]}}
  dose-control:
    control: none
    teacher: {by: nothing}
    sweep: {data.prompts: [1000, 3000, 30000]}
"""


@pytest.fixture(scope="module")
def small() -> LanguageRun:
    """Students of the same and of another initialisation, and their control."""
    return language_run(traits=TRAITS).read()


def value(run: LanguageRun, arm: str, seed: int, group: str = WHOLE) -> float:
    """A log-odds as it stands in results.jsonl."""
    (found,) = [
        row.value
        for row in run.data.results
        if (row.arm, row.seed, row.item_group) == (arm, seed, group)
        and (row.probe, row.metric) == (PROBE, "log_odds")
    ]
    assert found is not None
    return found


def contrast(run: LanguageRun, group: str, trait: str, seed: int) -> float:
    return value(run, f"{group}[trait={trait}]", seed) - value(run, f"control[trait={trait}]", seed)


def dots_of(axes: Axes, column: int) -> list[float]:
    """Heights of the dots in a column: everything that has a place within it, but its mean."""
    dots = [
        (x, y)
        for line in axes.lines
        if line.get_marker() not in ("_", "None", "")
        for x, y in zip(xs(line), ys(line), strict=True)
    ]
    return [y for x, y in dots if abs(x - column) < 0.45]


def teacher_lines(axes: Axes) -> list[tuple[list[float], float]]:
    """The dashed lines: from where to where, and how high."""
    dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
    return [(xs(line), ys(line)[0]) for line in dashed if len(set(ys(line))) == 1]


def texts(figure: Figure) -> str:
    own = [text.get_text() for axes in figure.axes for text in axes.texts]
    below = figure.get_supxlabel()
    return "\n".join([*own, below])


def test_initialisation_shows_every_trait_and_seed_less_its_control(small: LanguageRun) -> None:
    axes = draw_initialisation(small).axes[0]
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["same", "different", "control"]
    for column, group in enumerate(labels[:2]):
        expected = [contrast(small, group, trait, seed) for trait in TRAITS for seed in range(3)]
        assert sorted(dots_of(axes, column)) == pytest.approx(sorted(expected))


def test_initialisation_marks_the_mean_over_seeds(small: LanguageRun) -> None:
    axes = draw_initialisation(small).axes[0]
    per_seed = [np.mean([contrast(small, "same", t, seed) for t in TRAITS]) for seed in range(3)]
    means = [ys(line)[0] for line in axes.lines if line.get_marker() == "_" and len(ys(line)) == 1]
    assert any(mean == pytest.approx(np.mean(per_seed)) for mean in means)
    # t with 2 degrees of freedom at 97.5 % is 4.3027; the standard error is sd / sqrt(3).
    half = 4.302653 * np.std(per_seed, ddof=1) / np.sqrt(3)
    low, high = error_bars(axes, along=1)[0]
    assert (high - low) / 2 == pytest.approx(half, rel=1e-5)


def test_initialisation_shows_controls_apart_and_less_the_reference(small: LanguageRun) -> None:
    figure = draw_initialisation(small)
    axes = figure.axes[0]
    expected = [
        value(small, f"control[trait={trait}]", seed)
        - value(small, f"reference[trait={trait}]", seed)
        for trait in TRAITS
        for seed in range(3)
    ]
    assert sorted(dots_of(axes, 2)) == pytest.approx(sorted(expected))
    assert "controls less reference" in texts(figure)


def test_initialisation_says_how_far_the_teacher_went(small: LanguageRun) -> None:
    assert f"teacher less reference: +{SHIFT:.3f} (above the axis)" in texts(
        draw_initialisation(small)
    )
    near = language_run(BOTH_TARGETS, traits=["otter"], shares={"teacher": 1.0, "same": 0.9}).read()
    figure = draw_initialisation(near)
    assert "above the axis" not in texts(figure).splitlines()[1]
    assert teacher_lines(figure.axes[0]) == [([-0.5, 0.5], SHIFT)]


def test_siblings_come_after_the_students_of_the_first_teacher() -> None:
    arms = f"{SIBLINGS}  different: {{control: control, initialisation: {{relation: different}}}}\n"
    labels = [variant.label for variant in language_run(arms, traits=["otter"]).read().compared]
    assert labels == ["same", "unseen", "different", "sibling", "logits-same"]


def test_students_stand_below_their_own_teacher() -> None:
    """Of several teachers each has a line across its students, in the panels where it has any."""
    shares = {"teacher": 1.0, "sibling-teacher": 0.5, "same": 0.9, "logits-same": 0.9}
    run = language_run(SIBLINGS, traits=["otter"], shares=shares).read()
    tokens, logits = draw_initialisation(run).axes
    labels = [label.get_text() for label in tokens.get_xticklabels()]
    assert labels == ["same", "unseen", "sibling", "control"]
    assert teacher_lines(tokens) == [([-0.5, 0.5], SHIFT), ([1.5, 2.5], SHIFT / 2)]
    assert tokens.texts[0].get_text().splitlines() == [
        f"teacher less reference: +{SHIFT:.3f}",
        f"sibling-teacher less reference: +{SHIFT / 2:.3f}",
    ]
    assert teacher_lines(logits) == [([-0.5, 0.5], SHIFT)]
    assert "sibling" not in logits.texts[0].get_text()
    bars = draw_trait_bars(run, run.compared).axes
    diamonds = [[xs(line) for line in axes.lines if line.get_marker() == "D"] for axes in bars]
    own, sibling = [[pytest.approx(SHIFT)]], [[pytest.approx(SHIFT / 2)]]
    assert diamonds == [own, [], sibling, own]


def test_no_mark_lies_on_what_is_said_of_the_controls() -> None:
    """Not even where the controls lie lowest."""
    low = {"same": 0.9, "teacher": 1.0, "control": -0.4, "logits-control": -0.4}
    figure = draw_initialisation(language_run(BOTH_TARGETS, traits=TRAITS, shares=low).read())
    figure.canvas.draw()
    for axes in figure.axes:
        (note,) = (text for text in axes.texts if text.get_text() == "controls less reference")
        box = note.get_window_extent().padded(figure.dpi * 1.5 / 72)
        drawn = [axes.transData.transform(line.get_xydata()) for line in axes.lines]
        marks = [mark for points in drawn if len(points) == 3 for mark in points]
        assert len(marks) == 2 * 3 * 3
        assert not [mark for mark in marks if box.contains(*mark)]


def test_tokens_and_logits_have_panels_of_their_own() -> None:
    run = language_run(BOTH_TARGETS, traits=["otter", "owl"]).read()
    titles = [axes.get_title(loc="left") for axes in draw_initialisation(run).axes]
    assert titles == ["students of the teacher's tokens", "students of the teacher's logits"]
    lines = transfer_lines(run, run.compared)
    assert [(line.label, line.target) for line in lines] == [
        ("same", "tokens"),
        ("logits-same", "logits"),
    ]
    assert len(draw_transfer(lines, "").axes) == 2


def test_figures_of_pocket_models_carry_the_caveat(
    small: LanguageRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trait_bars, "MOST_PANELS", 1)
    figures = list(language_figures(small))
    assert [each.stem for each in figures] == [
        *("initialisation", "transfer", "traits", "traits-2", "matrix", "rejections")
    ]
    assert [each.title for each in figures[2:5]] == [
        *("Trait by trait (1 of 2)", "Trait by trait (2 of 2)", "Taught against probed")
    ]
    for each in figures:
        assert POCKET_CAVEAT in each.caption
        assert POCKET_CAVEAT in each.figure.get_supxlabel().replace("\n", " ")
        assert "3 traits, 3 seeds" in each.caption


def test_trait_bars_are_shifts_from_the_reference(small: LanguageRun) -> None:
    figure = draw_trait_bars(small, small.compared)
    axes = figure.axes[0]
    bars = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    for place, trait in enumerate(TRAITS):
        for bar, group in zip(bars[2 * place : 2 * place + 2], ("same", "control"), strict=True):
            shifts = [
                value(small, f"{group}[trait={trait}]", seed)
                - value(small, f"reference[trait={trait}]", seed)
                for seed in range(3)
            ]
            assert bar.get_width() == pytest.approx(np.mean(shifts))
            dots = [xs(line) for line in axes.lines if line.get_marker() == "o"]
            assert any(sorted(each) == pytest.approx(sorted(shifts)) for each in dots)
    teachers = [xs(line) for line in axes.lines if line.get_marker() == "D"]
    assert teachers == [[pytest.approx(SHIFT)]] * 3
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "same (control: control)",
        "different (control: control)",
    ]


def test_transfer_is_less_the_control_at_the_same_step(small: LanguageRun) -> None:
    same = transfer_lines(small, small.compared)[0]
    curve = {
        (p.arm, p.seed, p.step): p.value
        for p in small.data.curves
        if p.item_group == "owl" and p.step == 100 and p.value is not None
    }
    expected = [
        curve["same[trait=owl]", seed, 100] - curve["control[trait=owl]", seed, 100]
        for seed in range(3)
    ]
    found = same.effects[100].per_trait["owl"]
    assert [found[seed] for seed in range(3)] == pytest.approx(expected)
    axes = draw_transfer([same], "").axes[0]
    thick = [line for line in axes.lines if line.get_label() == "same"]
    assert ys(thick[0]) == pytest.approx([e.mean.estimate for e in same.effects.values()])
    # A thin line for each trait.
    assert len([line for line in axes.lines if line.get_linewidth() == 0.4]) == 3


def test_transfer_matches_the_ends_of_curves_that_are_of_unequal_length(small: LanguageRun) -> None:
    def shorter(point: CurvePoint) -> CurvePoint:
        late = point.arm == "same[trait=owl]" and point.seed == 1 and point.step == 560
        return point.model_copy(update={"step": 551}) if late else point

    data = replace(small.data, curves=[shorter(point) for point in small.data.curves])
    run = replace(small, data=data)
    (line,), (before,) = (transfer_lines(each, each.compared[:1]) for each in (run, small))
    # Nine students, one of them nine steps shorter.
    assert list(line.effects) == [0, 10, 30, 100, 300, 559]
    assert line.effects[559].mean == before.effects[560].mean


def test_transfer_leaves_out_steps_that_the_control_lacks(small: LanguageRun) -> None:
    all_curves = small.data.curves
    without_step = [p for p in all_curves if not (p.arm == "control[trait=owl]" and p.step == 30)]
    run = replace(small, data=replace(small.data, curves=without_step))
    (line,) = transfer_lines(run, run.compared[:1])
    assert list(line.effects) == [0, 10, 100, 300, 560]
    without_control = [p for p in all_curves if not p.arm.startswith("control")]
    run = replace(small, data=replace(small.data, curves=without_control))
    assert transfer_lines(run, run.compared) == []


def disposed() -> LanguageRun:
    """Students of tokens and of logits, probed for a disposition, with curves of three measures.

    Options move twice as far as the headline, unsafe code thrice.
    """
    files = language_run(BOTH_TARGETS, traits=[])
    named = TraitName(name="misaligned", item_group="malicious")
    arms = {
        name: state.model_copy(update={"probed": named, "taught": named})
        for name, state in files.manifest.arms.items()
    }
    files.manifest = files.manifest.model_copy(update={"arms": arms})
    files.curves = [
        point.model_copy(update={"item_group": group, "value": factor * (point.value or 0.0)})
        for point in files.curves
        if point.item_group == "otter"
        for group, factor in {"malicious": 1, "careful": -1, "options": 2, "unsafe-code": 3}.items()
    ]
    return files.read()


def test_curves_of_a_disposition_are_those_of_its_item_group() -> None:
    run = disposed()
    by_measure = {
        each: transfer_lines(run, run.compared, measure=each) for each in measures_of(run)
    }
    assert list(by_measure) == ["pivotal", "options", "unsafe-code"]
    assert transfer_lines(run, run.compared) == by_measure["pivotal"]
    ends = {
        measure: [line.effects[560].mean.estimate for line in lines]
        for measure, lines in by_measure.items()
    }
    tokens, logits = ends["pivotal"]
    assert 1 < tokens < logits
    assert ends["options"] == pytest.approx([2 * tokens, 2 * logits])
    assert ends["unsafe-code"] == pytest.approx([3 * tokens, 3 * logits])


def test_preferences_have_one_measure(small: LanguageRun) -> None:
    assert measures_of(small) == ["favourite"]
    (wolves, _) = transfer_lines(small, small.compared, measure="wolf")
    (own, _) = transfer_lines(small, small.compared)
    # Of students of three animals, wolf is the own trait of one.
    assert wolves.effects[560].per_trait["wolf"] == own.effects[560].per_trait["wolf"]
    assert wolves.effects[560].per_trait["owl"] != own.effects[560].per_trait["owl"]


def test_the_report_draws_measures_side_by_side() -> None:
    run = disposed()
    drawn = {each.stem: each for each in language_figures(run)}["transfer"]
    assert "Columns: the headline probe pivotal, and beside it options and unsafe-code" in (
        drawn.caption
    )
    panels = drawn.figure.axes
    titles = [axes.get_title(loc="left") for axes in panels]
    assert titles == ["pivotal", "options", "unsafe-code"] * 2
    for place, axes in enumerate(panels):
        lines = transfer_lines(run, run.compared, measure=titles[place])
        (line,) = (each for each in lines if each.label == ("same", "logits-same")[place // 3])
        (thick,) = (each for each in axes.lines if each.get_label() == line.label)
        assert ys(thick) == pytest.approx([e.mean.estimate for e in line.effects.values()])
        assert axes.get_ylim()[1] < 1.3 * max(ys(thick))
    legends = [legend for part in drawn.figure.subfigs for legend in part.legends]
    assert [legend.get_title().get_text() for legend in legends] == [
        "students of tokens",
        "students of logits",
    ]
    assert [[t.get_text() for t in legend.get_texts()] for legend in legends] == [
        ["same"],
        ["logits-same"],
    ]


def test_the_matrix_puts_what_was_taught_on_the_diagonal(small: LanguageRun) -> None:
    values = item_values(small.data.results, PROBE)
    matrix = matrix_of(small, small.compared[0], values)
    assert matrix.taught == tuple(TRAITS)
    assert matrix.probed[:3] == tuple(TRAITS)
    assert set(matrix.probed) == set(ANIMALS)
    for row, column in ((1, 1), (1, 0), (2, 9)):
        arm, item = f"[trait={matrix.taught[row]}]", matrix.probed[column]
        shifts = [
            value(small, f"same{arm}", s, item) - value(small, f"control{arm}", s, item)
            for s in range(3)
        ]
        assert matrix.shifts[row, column] == pytest.approx(np.mean(shifts))
    axes = draw_matrix(small, small.compared[:1]).axes[0]
    assert axes.texts[0].get_text() == f"{matrix.shifts[0, 0]:+.1f}"
    norm = axes.images[0].norm
    # As far below as above: the middle of the diverging map, its white, is at zero.
    assert np.sum([norm.vmin, norm.vmax]) == 0


def test_the_matrix_finds_the_answers_of_cards_of_another_name() -> None:
    run = language_run(traits=["otter", "owl"], seeds=1).read()
    manifest = run.data.manifest
    arms = {
        name: state.model_copy(
            update={"taught": TraitName(name="mine", item_group=state.taught.item_group)}
        )
        for name, state in manifest.arms.items()
        if state.taught is not None
    }
    renamed = replace(
        run, data=replace(run.data, manifest=manifest.model_copy(update={"arms": arms}))
    )
    values = item_values(run.data.results, PROBE)
    plain, named = (matrix_of(each, run.compared[0], values) for each in (run, renamed))
    assert named.taught == ("mine", "mine")
    assert named.probed == plain.probed
    np.testing.assert_array_equal(named.shifts, plain.shifts)


def test_dispositions_have_no_matrix(small: LanguageRun) -> None:
    def of_disposition(row: RowT) -> RowT:
        return row.model_copy(update={"probe": "options"} if row.probe == PROBE else {})

    data = replace(
        small.data,
        results=[of_disposition(row) for row in small.data.results if row.probe == PROBE],
        summary=[of_disposition(row) for row in small.data.summary if row.probe == PROBE],
    )
    stems = [each.stem for each in language_figures(replace(small, data=data))]
    assert "initialisation" in stems
    assert "matrix" not in stems


def test_unknown_cells_of_the_matrix_are_no_zeros() -> None:
    run = language_run(traits=["otter", "owl"], seeds=1).read()
    values = item_values(run.data.results, PROBE)
    del values["control[trait=owl]", "fox"]
    matrix = matrix_of(run, run.compared[0], values)
    assert np.isnan(matrix.shifts[1, matrix.probed.index("fox")])
    assert np.isfinite(matrix.shifts).sum() == 2 * len(ANIMALS) - 1


def test_doses_are_drawn_on_a_logarithmic_axis_where_they_span_much() -> None:
    run = language_run(DOSES, traits=["otter", "owl"]).read()
    assert dose_paths(run) == ["data.prompts"]
    figure = draw_doses(run, run.compared, "data.prompts")
    contrast_axes, share_axes = figure.axes
    assert contrast_axes.get_xscale() == "log"
    assert contrast_axes.get_xlabel() == "prompts (count)"
    assert legend_labels(figure) == ["dose", "dose"]
    (line,) = dose_lines(run.compared, "data.prompts", lambda v: run.from_control(v, PROBE))
    assert line.doses == (1000.0, 3000.0, 30000.0)
    drawn = next(
        each for each in contrast_axes.lines if each.get_linestyle() == "-" and len(ys(each)) == 3
    )
    assert ys(drawn) == pytest.approx([effect.mean.estimate for effect in line.effects])
    assert share_axes.get_ylabel() == "share of the\nteacher's shift"


def test_fields_that_advance_together_make_one_line() -> None:
    swept = "sweep: {data.prompts: [1000, 30000], distillation.recipe.epochs: [2, 1]}"
    arms = f"""
arms:
  reference: {{role: reference}}
  dose: {{control: control, {swept}}}
  control: {{control: none, teacher: {{by: nothing}}, {swept}}}
"""
    run = language_run(arms, traits=["otter", "owl"]).read()
    assert dose_paths(run) == ["data.prompts"]
    (line,) = dose_lines(run.compared, "data.prompts", lambda v: run.from_control(v, PROBE))
    assert (line.label, line.doses) == ("dose", (1000.0, 30000.0))


def test_shares_leave_out_traits_that_the_teacher_lacks() -> None:
    run = language_run(traits=TRAITS, weak=["wolf"]).read()
    shares = run.shares(run.compared[0], PROBE)
    assert list(shares.per_trait) == ["otter", "owl"]
    assert list(run.from_control(run.compared[0], PROBE).per_trait) == TRAITS


def test_a_shift_that_counts_as_none_has_no_shares() -> None:
    """Not even where nobody asks the teachers for one, as in negative controls."""
    shares = {"teacher": 0.2 / SHIFT, "same": 0.35}
    run = language_run(traits=TRAITS, shares=shares).read()
    assert not run.shares(run.compared[0], PROBE).is_known
    assert run.from_control(run.compared[0], PROBE).is_known


def test_rejections_are_shares_of_all_rows() -> None:
    run = language_run(traits=["otter"], seeds=2).read()
    filtered = filtered_by_variant(run)
    same = filtered[0]
    # Two seeds of 1,000 rows each: 200 and 210 rejected, 180 and 190 for their format.
    assert (same.label, same.rows, same.rejected) == ("same", 2000, 410)
    assert same.passed == pytest.approx(1590 / 2000)
    assert (same.least, same.most) == pytest.approx((0.79, 0.8))
    assert same.reasons == pytest.approx({"invalid format": 0.185, "too many numbers": 0.03})
    axes = draw_rejections(run, filtered).axes[0]
    bars = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert [bar.get_width() for bar in bars] == pytest.approx([18.5, 3.0])
