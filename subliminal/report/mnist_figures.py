"""Which figures a run on the MNIST toy has the data for, and what their captions say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from subliminal.report.bars import clusters, draw_bars
from subliminal.report.curves import draw_alignment, draw_curves
from subliminal.report.drawing import pack
from subliminal.report.labels import counted, known, metric_label, path_name
from subliminal.report.run_figure import (
    RunFigure,
    interval_words,
    range_words,
    seeds_words,
    stem_of,
    title_of,
)
from subliminal.report.run_folder import RunFolder, confidence_of
from subliminal.report.sweeps import draw_sweep, sweep_paths, swept_arms
from subliminal.results import ALIGNMENT_METRICS, CurvePoint, Summary

MOST_BARS, MOST_CURVES, MOST_ALIGNED = 40, 48, 24
"""Arms in one figure; a run with more gets several figures."""


def mnist_figures(data: RunFolder) -> Iterator[RunFigure]:
    """Draw the figures that a run has data for, the one that answers its question first."""
    swept = swept_arms(data.manifest.arms)
    judged = {row.arm for row in data.summary if known(row.contrast)}
    # What holds most of the comparisons with a control answers the question.
    sweep_first = len(judged & swept) > len(judged - swept)
    for family in [_sweeps, _bars] if sweep_first else [_bars, _sweeps]:
        yield from family(data)
    yield from _curves(data)
    yield from _alignment(data)


def headline_rows(summary: Sequence[Summary]) -> dict[str, list[Summary]]:
    """Probe -> its rows of the headline metric: accuracy, or else the first metric there is."""
    metrics = [row.metric for row in summary]
    headline = "accuracy" if "accuracy" in metrics else next(iter(metrics), "")
    probes: dict[str, list[Summary]] = {}
    for row in summary:
        if row.metric == headline:
            probes.setdefault(row.probe, []).append(row)
    return probes


def _bars(data: RunFolder) -> Iterator[RunFigure]:
    arms = data.manifest.arms
    swept = swept_arms(arms)
    probes = headline_rows(data.summary)
    for probe, all_rows in probes.items():
        rows = {row.arm: row for row in all_rows if row.arm not in swept}
        references = [name for name in rows if arms[name].role == "reference"]
        pages = pack(clusters(rows, arms), most=MOST_BARS)
        for number, page in enumerate(pages, start=1):
            # A lone reference is the dashed line, which every page needs.
            names = [*references, *page] if len(references) == 1 else page
            shown = [rows[name] for name in dict.fromkeys(names)]
            yield RunFigure(
                stem=stem_of("bars", probe, many=len(probes) > 1, page=number),
                title=title_of("Every arm", probe, many=len(probes) > 1),
                caption=(
                    f"{metric_label(shown[0].metric).capitalize()} of "
                    f"{counted(len(shown), 'arm')}. Bars: mean over seeds; error bars: "
                    f"{interval_words(data.manifest)}; dots: one seed each ({seeds_words(shown)}). "
                    "Dashed line: the untrained reference, where there is exactly one."
                ),
                figure=draw_bars(shown, arms),
            )


def _sweeps(data: RunFolder) -> Iterator[RunFigure]:
    arms = data.manifest.arms
    probes = headline_rows(data.summary)
    for probe, rows in probes.items():
        for path in sweep_paths(arms):
            swept = [row for row in rows if path in arms[row.arm].point]
            if not swept:
                continue
            name = path_name(path)
            yield RunFigure(
                stem=stem_of(f"sweep-{path}", probe, many=len(probes) > 1, page=1),
                title=title_of(f"Sweep of {name}", probe, many=len(probes) > 1),
                caption=(
                    f"{metric_label(rows[0].metric).capitalize()} against {name} ({path}). "
                    "Lines: means over seeds, shifted sideways a little so as not to hide each "
                    f"other; error bars: {interval_words(data.manifest)}; faint dots: one seed "
                    f"each ({seeds_words(swept)}). Horizontal lines: arms that {name} does not "
                    "change."
                ),
                figure=draw_sweep(rows, arms, path),
            )


def _curves(data: RunFolder) -> Iterator[RunFigure]:
    points = [point for point in data.curves if point.metric == "accuracy"]
    for number, page in enumerate(_pages(points, MOST_CURVES), start=1):
        yield RunFigure(
            stem=stem_of("curves", "", many=False, page=number),
            title="While the students learn",
            caption=(
                f"{metric_label('accuracy').capitalize()} over distillation steps, on the test "
                "images set aside for curves; the final accuracy is measured on all. "
                f"{_curve_words(data, page)}"
            ),
            figure=draw_curves(page, confidence=confidence_of(data.manifest)),
        )


def _alignment(data: RunFolder) -> Iterator[RunFigure]:
    points = [point for point in data.curves if point.metric in ALIGNMENT_METRICS]
    for number, page in enumerate(_pages(points, MOST_ALIGNED), start=1):
        yield RunFigure(
            stem=stem_of("alignment", "", many=False, page=number),
            title="Alignment of distillation with the trait",
            caption=(
                "Cosine between the gradients of the distillation loss and of the trait's loss, "
                "and between the displacements of student and teacher from their starts. "
                f"{_curve_words(data, page)}"
            ),
            figure=draw_alignment(page, confidence=confidence_of(data.manifest)),
        )


def _pages(points: Sequence[CurvePoint], most: int) -> list[list[CurvePoint]]:
    """Measurements, some arms at a time, without those that have no value."""
    by_arm: dict[str, list[CurvePoint]] = {}
    for point in points:
        if point.value is not None:
            by_arm.setdefault(point.arm, []).append(point)
    return [
        [point for arm in page for point in by_arm[arm]] for page in pack([list(by_arm)], most=most)
    ]


def _curve_words(data: RunFolder, points: Sequence[CurvePoint]) -> str:
    seeds = [
        len({point.seed for point in points if point.arm == arm})
        for arm in {point.arm for point in points}
    ]
    return (
        "Lines with markers: mean over the seeds measured at a step; bands: "
        f"{interval_words(data.manifest)}; faint lines: one seed each ({range_words(seeds)})."
    )
