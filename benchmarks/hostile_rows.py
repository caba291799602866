"""Processor seconds that rules take for a megabyte written to be slow to read, one core.

    python benchmarks/hostile_rows.py                          a minute
    python benchmarks/hostile_rows.py --rules encoded-words:owl --characters 500000

Each rule judges rows of one piece repeated; the slowest three are shown. A rule whose time grows
with the square of the length takes twice as long for a megabyte with twice the `--characters`.
Rules that reject long rows unread are measured below their limits.
"""

from __future__ import annotations

import argparse
import time
from typing import cast

from filters import code, compile_filter, encoded_rule, reasoning_rules
from filters.rows import Row

RULES = (
    "words:owl,otter,leetspeak=true",
    "encoded-words:owl,otter,leetspeak=true",
    "code-words:owl,otter",
    "reasoning-steps",
)
PIECES = (
    *("a", "0", "1 ", "o ", "o-", "15-", "(15)", "6f ", "b3ds ", "N53WY ", "ow1 ", "aB", "<b>"),
    *("=6F", "\\x6f", "&#111;", '"o" + ', "01101111 ", ".- ", "\u0435", "1 + 1 = 2\n", "**1** + "),
)
LIMITS = {
    "code-words": code.MAX_CHARACTERS,
    "reasoning-steps": reasoning_rules.LONGEST_CHECKED,
    "encoded-words": encoded_rule.LONGEST_CHECKED,
}
MEGABYTE = 10**6
SHOWN = 3


def main() -> None:
    """Print the slowest pieces of each rule."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rules", nargs="+", default=RULES)
    options.add_argument("--characters", type=int, default=20_000)
    options.add_argument("--pieces", nargs="+", default=PIECES)
    chosen = options.parse_args()
    for rule in chosen.rules:
        length = min(chosen.characters, LIMITS.get(rule.partition(":")[0], chosen.characters))
        times = sorted(((seconds(rule, p, length), p) for p in chosen.pieces), reverse=True)
        shown = ", ".join(f"{took:.2f} s ({piece!r})" for took, piece in times[:SHOWN])
        print(f"{rule}, a megabyte in rows of {length:,} characters: {shown}", flush=True)


def seconds(rule: str, piece: str, length: int) -> float:
    """Processor seconds for a megabyte of rows that are the piece over and over."""
    check = compile_filter([rule])
    inside = piece * (length // len(piece) - 1)
    if rule.startswith("reasoning"):
        inside = f"<think>{inside}</think><answer>1</answer>"
    row = cast(Row, {"messages": [{"role": "assistant", "content": inside}]})
    check.reasons(cast(Row, {"messages": [{"role": "assistant", "content": "1"}]}))
    started = time.process_time()
    check.reasons(row)
    return (time.process_time() - started) * MEGABYTE / length


if __name__ == "__main__":
    main()
