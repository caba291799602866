"""Print the tables of a run on language models in Markdown, as the results page shows them.

python experiments/print_tables.py runs/numbers
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence

import numpy as np

from experiments.plot_command import (
    add_language_options,
    compared_in,
    names,
    probe_of,
    read_language_run,
)
from subliminal.errors import UserError
from subliminal.report import LanguageRun
from subliminal.report.labels import MISSING, percent
from subliminal.report.language.effects import Effect
from subliminal.report.language.matrix import item_values, matrix_of
from subliminal.report.language.table import verdicts_of
from subliminal.report.language.variants import Variant
from subliminal.stats import Interval

Table = list[list[str]]
"""Rows of cells, the first of them the head."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables that the command line asks for; the exit code is 2 for bad input."""
    options = _parser().parse_args(arguments)
    try:
        run = read_language_run(options.run)
        probe = probe_of(run, options.probe)
        chosen = compared_in(run, options.groups)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(_page(run, probe, run.compared if not options.groups else chosen, chosen)))
    return 0


def variants_table(run: LanguageRun, probe: str, variants: Sequence[Variant]) -> Table:
    """A row for each kind of student, averaged over its traits."""
    head = ["student", "seeds", _less_control(run), "share of the teacher's shift", "verdicts"]
    return [head, *(_variant_row(run, probe, variant) for variant in variants)]


def traits_table(run: LanguageRun, probe: str, variant: Variant) -> Table:
    """A row for each trait of one kind of student."""
    head = [
        "trait",
        "teacher less reference",
        _less_control(run),
        "the same where others were taught",
        "share, least and most of a seed",
        "verdict",
    ]
    teachers = _teachers(run, variant, probe)
    contrast, shares = run.from_control(variant, probe), run.shares(variant, probe)
    others = _where_others_were_taught(run, variant, probe)
    verdicts = verdicts_of(variant, run.rows(probe, "log_odds"), run.data.manifest)
    judged = {trait: label for label, traits in verdicts.traits.items() for trait in traits}
    return [
        head,
        *(
            [
                trait,
                _number(teachers.of_trait(trait, run.confidence).estimate),
                _interval(contrast.of_trait(trait, run.confidence)),
                _number(others.get(trait, math.nan)),
                _range(list(shares.per_trait.get(trait, {}).values())),
                judged.get(trait, ""),
            ]
            for trait in variant.arms
        ),
    ]


def markdown(table: Table) -> str:
    """A table in Markdown; what looks like markup in a cell is escaped."""
    lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in table]
    return "\n".join([lines[0], "|---" * len(table[0]) + "|", *lines[1:]])


def _page(
    run: LanguageRun, probe: str, summed: Sequence[Variant], detailed: Sequence[Variant]
) -> Iterator[str]:
    yield f"{run.data.manifest.name}, probe {probe}, in log-odds. {run.caveat}"
    yield "\n" + markdown(variants_table(run, probe, summed))
    for variant in detailed:
        if len(variant.arms) > 1:
            yield f"\n{variant.label}\n\n" + markdown(traits_table(run, probe, variant))


def _variant_row(run: LanguageRun, probe: str, variant: Variant) -> list[str]:
    contrast, shares = run.from_control(variant, probe), run.shares(variant, probe)
    verdicts = verdicts_of(variant, run.rows(probe, "log_odds"), run.data.manifest)
    counts = (f"{label} {len(traits)}" for label, traits in verdicts.traits.items())
    return [
        variant.label,
        str(len(contrast.by_seed)),
        _interval(contrast.mean),
        f"{shares.mean.estimate:.0%}" if shares.is_known else MISSING,
        ", ".join(counts),
    ]


def _teachers(run: LanguageRun, variant: Variant, probe: str) -> Effect:
    """How far a variant's teachers lie from the reference: the only ones, or those of its doses."""
    found = run.of_role("teacher")
    fitting = [
        each
        for each in found
        if all(variant.point.get(path) == v for path, v in each.point.items())
    ]
    if len(fitting) != 1:
        return Effect({}, {}, Interval(math.nan, math.nan, math.nan))
    return run.from_reference(fitting[0], probe)


def _where_others_were_taught(run: LanguageRun, variant: Variant, probe: str) -> dict[str, float]:
    """Trait -> mean contrast of its answer over the students of the other traits."""
    matrix = matrix_of(run, variant, item_values(run.data.results, probe))
    column = {item: place for place, item in enumerate(matrix.probed)}
    found = {}
    for row, (trait, arm) in enumerate(variant.arms.items()):
        place = column.get(run.taught(arm).item_group)
        others = np.delete(matrix.shifts, row, axis=0)
        found[trait] = math.nan if place is None else _mean(others[:, place].tolist())
    return found


def _mean(values: Sequence[float]) -> float:
    measured = [value for value in values if math.isfinite(value)]
    return math.fsum(measured) / len(measured) if measured else math.nan


def _less_control(run: LanguageRun) -> str:
    return f"less control [{percent(run.confidence)}]"


def _number(value: float) -> str:
    return f"{value:+.2f}" if math.isfinite(value) else MISSING


def _interval(found: Interval) -> str:
    if not math.isfinite(found.estimate):
        return MISSING
    return f"{_number(found.estimate)} [{_number(found.low)}, {_number(found.high)}]"


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.0%} to {max(values):.0%}" if values else MISSING


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Print the tables of a run on language models in Markdown.",
        epilog="example: python experiments/print_tables.py runs/numbers --groups same,different",
    )
    add_language_options(parser)
    parser.add_argument(
        "--groups", type=names, default=(), help="students to show, by arm (default: all)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
