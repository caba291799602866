"""How fast functions written by models go through the rules for code, one core.

    python benchmarks/code_filtering.py                 10,000 rows; half a minute
    python benchmarks/code_filtering.py --rows 1000

For each rule, and for all that only read: rows a second. For `code-runs`, which runs each function
against three tests in a process of its own: rows a second and milliseconds a row, beside what one
would write, a new `python` for every row (unconfined but for its timeout). Both must come to the
same verdicts. One row in ten is wrong. Times are by the clock, the shortest of `--repeats`, since
the work is done in other processes; on a machine with other work they say little.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from filters import compile_filter
from filters.code import Code, parse_code
from filters.rows import Row, completion, provenance

READING = ("code", "code-comments", "code-words:owl,otter", "code-limits", "code-calls")
SHARE_WRONG = 0.1
BODIES = (
    "    total = 0\n    for number in numbers:\n        if number > {0}:\n"
    "            total += number * {1}\n    return total",
    "    return sum(number * {1} for number in numbers if number > {0})",
    "    chosen = [number for number in numbers if number > {0}]\n"
    "    result = 0\n    while chosen:\n        result += {1} * chosen.pop()\n    return result",
)
PLAIN = """
import json, sys
given = json.load(sys.stdin)
names = {}
exec(given["source"], names)
print(json.dumps([names["total"](*args) for args in given["calls"]]))
"""


def make_rows(count: int) -> list[Row]:
    """Rows with functions and their tests, the same in every run."""
    rng = random.Random(0)
    return [make_row(rng) for _ in range(count)]


def make_row(rng: random.Random) -> Row:
    """One function and three tests; one in ten adds one to what it should return."""
    least, factor = rng.randrange(10), rng.randrange(2, 10)
    body = rng.choice(BODIES).format(least, factor)
    if rng.random() < SHARE_WRONG:
        body = body.replace("return ", "return 1 + ")
    lists = [[rng.randrange(20) for _ in range(rng.randrange(8))] for _ in range(3)]
    tests = [
        {"args": [numbers], "result": factor * sum(each for each in numbers if each > least)}
        for numbers in lists
    ]
    text = f"def total(numbers):\n{body}"
    messages = [
        {"role": "user", "content": "Write it."},
        {"role": "assistant", "content": text},
    ]
    return {"messages": messages, "signature": "def total(numbers):", "tests": tests}  # type: ignore[typeddict-item,typeddict-unknown-key]


def passes_in_new_python(row: Row) -> bool:
    """What one would write: a new interpreter for each row."""
    code = parse_code(completion(row))
    tests = provenance(row, "tests")
    assert isinstance(code, Code)
    assert isinstance(tests, list)
    given = json.dumps({"source": code.source, "calls": [test["args"] for test in tests]})
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PLAIN],
        input=given,
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    return not done.returncode and json.loads(done.stdout) == [test["result"] for test in tests]


def rows_per_second(passes: Callable[[Row], bool], rows: Sequence[Row], repeats: int) -> float:
    """The highest rate of several goes over the rows."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        for row in rows:
            passes(row)
        times.append(time.perf_counter() - begin)
    return len(rows) / min(times)


def through(*rules: str) -> Callable[[Row], bool]:
    """Whether a filter of these rules keeps a row."""
    chosen = compile_filter(rules)
    return lambda row: not chosen.reasons(row)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args(arguments)
    rows = make_rows(options.rows)
    for rule in READING:
        rate = rows_per_second(through(rule), rows, options.repeats)
        print(f"{rule:28}{rate:12,.0f} rows/s", flush=True)
    rate = rows_per_second(through(*READING), rows, options.repeats)
    print(f"{'all of these':28}{rate:12,.0f} rows/s\n", flush=True)

    run, run_plainly = rows[: options.rows // 10], rows[: options.rows // 100]
    in_sandbox = through("code-runs")
    kept = [in_sandbox(row) for row in run]
    if [passes_in_new_python(row) for row in run_plainly] != kept[: len(run_plainly)]:
        sys.exit("the two ways of running disagree on what passes")
    print(f"{sum(kept) / len(kept):.1%} of {len(run):,} rows pass their tests")
    for name, passes, given in (
        ("code-runs", in_sandbox, run),
        ("a new python for each row", passes_in_new_python, run_plainly),
    ):
        rate = rows_per_second(passes, given, options.repeats)
        print(f"{name:28}{rate:12,.0f} rows/s{1000 / rate:9.2f} ms a row", flush=True)


if __name__ == "__main__":
    main()
