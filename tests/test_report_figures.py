"""What all figures share: room for names, widths, line styles and no global state."""

from __future__ import annotations

import subprocess
import sys

import matplotlib
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from subliminal.report import draw_alignment, draw_bars, draw_curves
from subliminal.report.drawing import COLOURS, MOST_LINES, line_style, pack
from tests.drawn import legend_texts
from tests.synthetic_run import LONG, arm_state, make_run, plain_run


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
