"""Draw how far each kind of student lies from its control, from a run on language models.

python experiments/plot_initialisation.py runs/numbers --out initialisation.svg
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
    plot,
    probe_of,
    read_language_run,
)
from subliminal.report import draw_initialisation


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the figure that the command line asks for; the exit code is 2 for bad input."""
    return plot(_parser(), _draw, arguments)


def _draw(options: argparse.Namespace) -> Figure:
    run = read_language_run(options.run)
    compared_in(run)
    return draw_initialisation(run, probe_of(run, options.probe))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Draw how far each kind of student lies from its control.",
        epilog="example: python experiments/plot_initialisation.py runs/numbers --out figure.svg",
    )
    add_language_options(parser)
    add_out(parser, "initialisation.svg")
    return parser


if __name__ == "__main__":
    sys.exit(main())
