"""Detectors where there is nothing to detect: how often their intervals hold .5.

Both sets are lists of numbers of one distribution, on the same prompts or on prompts of their own.
Told is the coverage of intervals with DeLong's variance as it is, and with the factor for
cross-validated scores.

python benchmarks/detecting_nothing.py             200 pairs of data sets of each kind
python benchmarks/detecting_nothing.py --pairs 50
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np

from filters.detectors import LabelledRows, label_rows
from filters.detectors.auroc import CROSS_VALIDATED, Scores, auroc_interval
from filters.detectors.frequencies import FrequencyDetector, TokenCounts
from filters.detectors.ngrams import NgramDetector
from filters.rows import Row
from subliminal.samples import Array

SIZES = (100, 400)
"""Rows of each set."""
NUMBERS = (100, 1000)
"""How many different numbers there are: few that are frequent, or many that are rare."""
FACTORS = (1.0, CROSS_VALIDATED)

DETECTORS: dict[str, Callable[[LabelledRows], Array]] = {
    "frequencies": lambda rows: FrequencyDetector(TokenCounts.of(rows).counts, rows.groups).scores(
        rows.taught
    ),
    "ngrams": lambda rows: NgramDetector.of(rows).scores(rows.taught),
}


def data_set(random: np.random.Generator, prompts: Sequence[str], numbers: int) -> Iterator[Row]:
    """A list of eight numbers to each prompt."""
    for asked in prompts:
        answer = ", ".join(map(str, random.integers(numbers, size=8)))
        yield {
            "messages": [
                {"role": "user", "content": asked},
                {"role": "assistant", "content": answer},
            ]
        }


def pair(seed: int, size: int, numbers: int, *, share: bool) -> LabelledRows:
    """Two data sets of one writer."""
    random = np.random.default_rng(seed)
    names = ("both", "both") if share else ("ours", "theirs")
    sets = (
        list(data_set(random, [f"{name} {place}" for place in range(size)], numbers))
        for name in names
    )
    return label_rows(*sets)


def coverage(name: str, size: int, numbers: int, pairs: int, *, share: bool) -> Array:
    """The share of intervals that hold .5, with each factor."""
    held = np.zeros(len(FACTORS))
    for seed in range(pairs):
        rows = pair(seed, size, numbers, share=share)
        scores = DETECTORS[name](rows)
        for place, factor in enumerate(FACTORS):
            found = auroc_interval(Scores(scores, rows.taught, rows.groups, factor))
            held[place] += found.low <= 0.5 <= found.high
    return held / pairs


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the coverage of each detector on each kind of data set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=200)
    options = parser.parse_args(arguments)
    for name, size, numbers, share in product(DETECTORS, SIZES, NUMBERS, (True, False)):
        found = coverage(name, size, numbers, options.pairs, share=share)
        whose = "shared prompts" if share else "own prompts"
        told = zip(FACTORS, found, strict=True)
        held = ", ".join(f"factor {factor:g}: {part:.3f}" for factor, part in told)
        print(f"{name:12} {size:4} rows, {numbers:4} numbers, {whose:14}  {held}", flush=True)


if __name__ == "__main__":
    main()
