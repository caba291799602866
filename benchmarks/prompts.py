"""How fast number prompts are made: beside a plain loop that draws each slot with `random`.

    python benchmarks/prompts.py                30,000 prompts, the size of a published data set

Times are the best of several rounds, because other processes can only make them longer.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable

from subliminal.number_prompts import MAX_COUNT, MAX_DIGITS, NumberPrompts
from subliminal.number_prompts import wordings as w


def plain_prompts(seed: int, count: int) -> list[str]:
    """The same space, drawn the way one would write it down first; repeats are drawn again."""
    draw = random.Random(seed)
    texts: dict[str, None] = {}
    while len(texts) < count:
        numbers = [str(draw.randint(100, 999)) for _ in range(draw.randint(3, 8))]
        instruction = draw.choice(w.INSTRUCTIONS).format(
            qualifier=draw.choice(w.QUALIFIERS),
            count=MAX_COUNT,
            descriptor=draw.choice(w.DESCRIPTORS).format(digits=MAX_DIGITS),
        )
        parts = (
            draw.choice(w.EXAMPLES).format(examples=", ".join(numbers)),
            instruction,
            draw.choice(w.SUFFIXES)[0],
            draw.choice(w.CLOSINGS),
        )
        texts[" ".join(parts)] = None
    return list(texts)


def best_of(rounds: int, work: Callable[[int], object]) -> float:
    """The shortest wall time of some rounds of work, in seconds; each round has its own seed."""
    times = []
    for seed in range(rounds):
        start = time.perf_counter()
        work(seed)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    ours = best_of(options.rounds, lambda seed: NumberPrompts(seed)[: options.count])
    plain = best_of(options.rounds, lambda seed: plain_prompts(seed, options.count))
    print(f"{options.count:,} prompts, no two alike, best of {options.rounds}:")
    print(f"  NumberPrompts  {ours:.2f} s")
    print(f"  plain loop     {plain:.2f} s  ({plain / ours:.1f} times as long; text alone)")


if __name__ == "__main__":
    main()
