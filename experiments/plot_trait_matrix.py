"""Draw the trait by trait matrix, taught against probed, of a run on language models.

python experiments/plot_trait_matrix.py runs/numbers --groups same,different --out matrix.svg
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from matplotlib.figure import Figure

from experiments.plot_command import (
    add_language_options,
    add_out,
    compared_in,
    names,
    plot,
    probe_of,
    read_language_run,
)
from subliminal.report import draw_matrix


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the figure that the command line asks for; the exit code is 2 for bad input."""
    return plot(_parser(), _draw, arguments)


def _draw(options: argparse.Namespace) -> Figure:
    run = read_language_run(options.run)
    variants = compared_in(run, options.groups)
    return draw_matrix(run, variants, probe_of(run, options.probe))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Draw the shift of every probed trait for every taught one.",
        epilog=(
            "example: python experiments/plot_trait_matrix.py runs/numbers "
            "--groups same,different --out matrix.svg"
        ),
    )
    add_language_options(parser)
    parser.add_argument(
        "--groups",
        type=names,
        default=(),
        help="groups of students, separated by commas; left out: all but the doses",
    )
    add_out(parser, "trait-matrix.svg")
    return parser


if __name__ == "__main__":
    sys.exit(main())
