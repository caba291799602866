"""Draw what passes from the teachers of one model to students of another, from a cross-model run.

python experiments/plot_model_matrix.py runs/cross-model --out models.svg
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from matplotlib.figure import Figure

from experiments.plot_command import (
    add_language_options,
    add_out,
    plot,
    probe_of,
    read_language_run,
)
from subliminal.errors import UserError
from subliminal.report import draw_model_matrix, grids_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the figure that the command line asks for; the exit code is 2 for bad input."""
    return plot(_parser(), _draw, arguments)


def _draw(options: argparse.Namespace) -> Figure:
    run = read_language_run(options.run)
    grids = grids_of(run)
    if not grids:
        raise UserError(
            f"{options.run}: no student with a control is swept over models; sweep `model` and "
            "`initialisation.model`"
        )
    return draw_model_matrix(run, grids, probe_of(run, options.probe))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Draw the contrast with the control of every teacher's and student's model.",
        epilog="example: python experiments/plot_model_matrix.py runs/cross-model --out models.svg",
    )
    add_language_options(parser)
    add_out(parser, "model-matrix.svg")
    return parser


if __name__ == "__main__":
    sys.exit(main())
