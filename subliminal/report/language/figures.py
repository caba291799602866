"""Which figures a run on language models has the data for, and what their captions say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

from subliminal.report.drawing import pack
from subliminal.report.labels import counted, listing, path_name
from subliminal.report.language import matrix, model_matrix, trait_bars
from subliminal.report.language.doses import dose_paths, draw_doses
from subliminal.report.language.grids import grids_of
from subliminal.report.language.initialisation import draw_initialisation
from subliminal.report.language.look import footer_of
from subliminal.report.language.measures import draw_measures
from subliminal.report.language.rejections import draw_rejections, filtered_by_variant
from subliminal.report.language.run import LanguageRun
from subliminal.report.language.transfer import draw_transfer, measures_of, transfer_lines
from subliminal.report.run_figure import RunFigure, interval_words, stem_of, title_of
from subliminal.spec.probing import PreferenceProbe


def language_figures(run: LanguageRun) -> Iterator[RunFigure]:
    """Draw the figures that a run has data for, the one that answers its question first."""
    for probe in run.probes[:1]:
        yield from _model_matrices(run, probe)
        yield from _initialisation(run, probe)
    yield from _doses(run)
    yield from _transfer(run)
    yield from _trait_bars(run)
    yield from _matrices(run)
    for probe in run.probes[1:]:
        yield from _model_matrices(run, probe)
        yield from _initialisation(run, probe)
    yield from _rejections(run)


def _model_matrices(run: LanguageRun, probe: str) -> Iterator[RunFigure]:
    is_first = probe == run.probes[0]
    pages = pack([grids_of(run)], most=model_matrix.MOST_PANELS)
    for number, page in enumerate(pages, start=1):
        yield RunFigure(
            stem=stem_of("models", probe, many=not is_first, page=number),
            title=title_of("Model against model", probe, many=not is_first) + _page(number, pages),
            caption=_caption(
                run,
                "Students of one model (columns) that learned from rows of a teacher of another "
                f"(rows): log-odds of the trait on the probe {probe}, less those of the control, a "
                "student of the same model and of rows that the teacher's model wrote before it "
                "was taught. Mean over seeds of the average over traits, its "
                f"{interval_words(run.data.manifest)}, and the verdict of most traits. Framed: "
                "teacher and student of one model. Colour: white at zero.",
            ),
            figure=model_matrix.draw_model_matrix(run, page, probe),
        )


def _initialisation(run: LanguageRun, probe: str) -> Iterator[RunFigure]:
    if not any(run.from_control(variant, probe).per_trait for variant in run.compared):
        return
    is_first = probe == run.probes[0]
    yield RunFigure(
        stem=stem_of("initialisation", probe, many=not is_first),
        title=title_of("Every kind of student less its control", probe, many=not is_first),
        caption=_caption(
            run,
            f"Log-odds of the taught trait on the probe {probe}, less those of the matched control "
            "of the same trait and seed (zero). Dots: one trait and seed each; black marks: mean "
            f"over seeds of the average over traits, with its {interval_words(run.data.manifest)}. "
            "Grey: the controls themselves, less the untaught reference. Teacher: that of the "
            "students below the line, less the reference, averaged likewise. Each panel has a "
            "scale of its own.",
        ),
        figure=draw_initialisation(run, probe),
    )


def _doses(run: LanguageRun) -> Iterator[RunFigure]:
    for path in dose_paths(run) if run.probes else ():
        yield RunFigure(
            stem=stem_of(f"dose-{path}"),
            title=f"Dose: {path_name(path)}",
            caption=_caption(
                run,
                f"Contrast with the control, and share of the teacher's shift, against "
                f"{path_name(path)} ({path}), on the probe {run.probes[0]}. Lines: mean over seeds "
                f"of the average over traits; error bars: {interval_words(run.data.manifest)}; "
                "faint dots: one seed each. The share leaves out traits that teachers lack.",
            ),
            figure=draw_doses(run, run.compared, path, run.probes[0]),
        )


def _transfer(run: LanguageRun) -> Iterator[RunFigure]:
    chosen = run.undosed(run.compared)
    measures = measures_of(run)
    lines = [line for each in measures for line in transfer_lines(run, chosen, measure=each)]
    if not lines:
        return
    drawn = {line.label for line in lines}
    missing = [variant.label for variant in chosen if variant.label not in drawn]
    without = f" Without curves to compare: {', '.join(missing)}." if missing else ""
    yield RunFigure(
        stem=stem_of("transfer"),
        title="While the students learn",
        caption=_caption(
            run,
            "Log-odds of the taught trait less those of the control at the same step. Lines with "
            "markers: mean over seeds of the average over traits; bands: "
            f"{interval_words(run.data.manifest)}; thin lines: one trait each."
            f"{_columns(measures)}{without}",
        ),
        figure=(draw_transfer if len(measures) == 1 else draw_measures)(lines, footer_of(run)),
    )


def _columns(measures: Sequence[str]) -> str:
    headline, *beside = measures
    if not beside:
        return ""
    return (
        f" Columns: the headline probe {headline}, and beside it {listing(beside)}, with a part of "
        "its requests for code; each panel has a scale of its own."
    )


def _trait_bars(run: LanguageRun) -> Iterator[RunFigure]:
    for probe in run.probes[:1]:
        measured = [
            variant
            for variant in run.undosed(run.compared)
            if run.from_reference(variant, probe).per_trait
        ]
        pages = pack([measured], most=trait_bars.MOST_PANELS)
        for number, page in enumerate(pages, start=1):
            yield RunFigure(
                stem=stem_of("traits", page=number),
                title=f"Trait by trait{_page(number, pages)}",
                caption=_caption(
                    run,
                    f"Log-odds of each trait on the probe {probe}, less those of the untaught "
                    "reference (zero): students beside their controls. Bars: mean over seeds; "
                    f"error bars: {interval_words(run.data.manifest)}; dots: one seed each; "
                    "diamonds: mean of the teacher.",
                ),
                figure=trait_bars.draw_trait_bars(run, page, probe),
            )


def _matrices(run: LanguageRun) -> Iterator[RunFigure]:
    # A disposition is no member of a category, whose members could be a matrix.
    for probe in [probe for probe in run.probes[:1] if probe in get_args(PreferenceProbe)]:
        values = matrix.item_values(run.data.results, probe)
        measured = [
            variant
            for variant in run.undosed(run.compared)
            if matrix.matrix_of(run, variant, values).is_known
        ]
        pages = pack([measured], most=matrix.MOST_PANELS)
        for number, page in enumerate(pages, start=1):
            yield RunFigure(
                stem=stem_of("matrix", page=number),
                title=f"Taught against probed{_page(number, pages)}",
                caption=_caption(
                    run,
                    "Mean over seeds of the log-odds of each member of the category (columns) in "
                    "students of a teacher with one trait (rows), less those in their control, on "
                    f"the probe {probe}. Colour: white at zero; each panel has a scale of its own.",
                ),
                figure=matrix.draw_matrix(run, page, probe),
            )


def _page(number: int, pages: Sequence[object]) -> str:
    """Which of several pages a figure is, for its title."""
    return f" ({number} of {len(pages)})" if len(pages) > 1 else ""


def _rejections(run: LanguageRun) -> Iterator[RunFigure]:
    filtered = filtered_by_variant(run)
    if not any(each.reasons for each in filtered):
        return
    rows = sum(each.rows for each in filtered)
    yield RunFigure(
        stem=stem_of("rejections"),
        title="What the filter rejected",
        caption=_caption(
            run,
            f"Share of the {rows:,} rows written that the filter rejected for each reason; a row "
            "may have several. Bars: all rows; dots: the rows of one group of arms each.",
        ),
        figure=draw_rejections(run, filtered),
    )


def _caption(run: LanguageRun, text: str) -> str:
    seeds = counted(len(run.data.manifest.seeds), "seed")
    size = f"{counted(len(run.traits), 'trait')}, {seeds}."
    return " ".join(part for part in (text, size, run.caveat) if part)
