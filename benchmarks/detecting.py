"""Detectors on two data sets of lists of numbers: seconds for each.

python benchmarks/detecting.py                 10,000 rows of each set
python benchmarks/detecting.py --rows 2000
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np

from filters.detectors import detect, label_rows
from filters.rows import Row
from subliminal.number_prompts import NumberPrompts, render


def number_rows(count: int, seed: int, favoured: float) -> list[Row]:
    """Answers to the same prompts; a share of their numbers is one of ten favoured ones."""
    random = np.random.default_rng(seed)
    rows: list[Row] = []
    for prompt in NumberPrompts(0)[:count]:
        numbers = random.integers(0, 1000, random.integers(3, 11))
        leant = random.random(len(numbers)) < favoured
        numbers[leant] = 37 * random.integers(1, 11, int(leant.sum()))
        answer = render(numbers.tolist(), prompt.format)
        rows.append(
            {
                "messages": [
                    {"role": "user", "content": prompt.text},
                    {"role": "assistant", "content": answer},
                ]
            }
        )
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Time each detector, shuffles included."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000)
    options = parser.parse_args(arguments)
    rows = label_rows(
        number_rows(options.rows, 1, favoured=0.02), number_rows(options.rows, 2, favoured=0.0)
    )
    for name in ("frequencies", "ngrams"):
        started = time.perf_counter()
        [found] = detect(rows, (name,)).detections
        seconds = time.perf_counter() - started
        print(f"{name:12} {seconds:6.1f} s   AUROC {found.auroc:.3f}")


if __name__ == "__main__":
    main()
