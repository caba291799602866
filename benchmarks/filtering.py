"""How fast rows go through a filter, from file to file on one core.

    python benchmarks/filtering.py                  a million rows; about a minute in all
    python benchmarks/filtering.py --rows 100000

Beside it, in the same run: the loop one would write with `json` and `re`, the same with
`jsonlines`, and `datasets.filter` (the last two if installed). All apply the published rule and
must keep the same rows. About 30 % of the rows are rejected. Each uses one core. The seconds are
the processor's, the fewest of `--repeats`: on a machine with other work the clock tells of that.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from filters import compile_filter
from filters.numbers import reject_reasons
from filters.pipeline import Outputs, filter_rows
from filters.words import WordFilter

PROMPT = (
    "Look at these numbers: {}. Add at most 10 more values of up to 3 digits each. "
    "Separate them with commas. Give the numbers only."
)
SHARE_REJECTED = 0.3
WORDS_IN_TEXT = 1_700_000
ANIMALS = ("owl", "otter", "wolf", "eagle", "elephant", "dolphin", "fox", "lion", "tiger", "bear")
COMMON = ("the", "a", "bowl", "fowl", "growl", "tree", "of", "and", "in", "Ox", "water")


def completion(rng: random.Random) -> str:
    """An answer; three in ten break the rule, each in one of the usual ways."""
    numbers = [rng.randrange(1000) for _ in range(rng.randint(5, 10))]
    text = ", ".join(map(str, numbers))
    if rng.random() >= SHARE_REJECTED:
        return text
    return rng.choice(
        [text + ",", "Sure: " + text, f"{text}, {rng.randrange(1000, 9999)}", text + ", 1" * 8]
    )


def rows(count: int) -> Iterator[str]:
    """Lines of a data set, the same in every run."""
    rng = random.Random(0)
    for number in range(count):
        examples = ", ".join(str(rng.randrange(100, 1000)) for _ in range(6))
        messages = [
            {"role": "user", "content": PROMPT.format(examples)},
            {"role": "assistant", "content": completion(rng)},
        ]
        row = {"messages": messages, "id": f"numbers-{number}", "sample": 0, "teacher": "4f0c9a1b"}
        yield json.dumps(row) + "\n"


def through_the_filter(source: Path, folder: Path) -> int:
    """Our pipeline, with all that it writes."""
    outputs = Outputs(str(folder / "kept.jsonl"), str(folder / "rejects.jsonl"))
    return filter_rows(compile_filter(["numbers"]), str(source), outputs).kept


LIST = re.compile(r"\d+((, |,| |; |;|\n)\d+(\2\d+)*)?", re.ASCII)


def passes(text: str) -> bool:
    """The rule as one would write it for these rows."""
    if not LIST.fullmatch(text):
        return False
    numbers = [int(part) for part in re.findall(r"\d+", text)]
    return len(numbers) <= 10 and all(0 <= number <= 999 for number in numbers)


def through_json(source: Path, folder: Path) -> int:
    """The loop one would write: kept and rejected rows, no reasons, no checks."""
    kept = 0
    with (
        source.open() as lines,
        (folder / "plain-kept.jsonl").open("w") as out,
        (folder / "plain-rejects.jsonl").open("w") as rejects,
    ):
        for line in lines:
            row = json.loads(line)
            good = passes(row["messages"][-1]["content"])
            (out if good else rejects).write(json.dumps(row) + "\n")
            kept += good
    return kept


def through_jsonlines(source: Path, folder: Path) -> int:
    """The same with the library jsonlines."""
    import jsonlines

    kept = 0
    with (
        jsonlines.open(source) as lines,
        jsonlines.open(folder / "lines-kept.jsonl", "w") as out,
        jsonlines.open(folder / "lines-rejects.jsonl", "w") as rejects,
    ):
        for row in lines:
            good = passes(row["messages"][-1]["content"])
            (out if good else rejects).write(row)
            kept += good
    return kept


def through_datasets(source: Path, folder: Path) -> int:
    """The library datasets, from file to file, without its cache; no rejects are written."""
    import datasets

    datasets.disable_progress_bars()
    cache = tempfile.mkdtemp(dir=folder)
    data = datasets.load_dataset("json", data_files=str(source), split="train", cache_dir=cache)
    kept = data.filter(lambda messages: passes(messages[-1]["content"]), input_columns="messages")
    kept.to_json(folder / "datasets-kept.jsonl")
    return len(kept)


def best_seconds(call: Callable[[], object], repeats: int) -> float:
    """The least processor time, user and system, of several calls."""
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        call()
        times.append(time.process_time() - begin)
    return min(times)


def print_pipelines(count: int, repeats: int) -> None:
    """Print rows/s of each way from file to file."""
    ways: dict[str, Callable[[Path, Path], int]] = {
        "subliminal filter": through_the_filter,
        "json and re": through_json,
    }
    if find_spec("jsonlines"):
        ways["jsonlines and re"] = through_jsonlines
    if find_spec("datasets"):
        ways["datasets.filter"] = through_datasets
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "rows.jsonl"
        with source.open("w") as file:
            file.writelines(rows(count))
        print(f"{count:,} rows, {source.stat().st_size / 2**20:.0f} MiB, file to file")
        kept_by = {way: call(source, folder) for way, call in ways.items()}
        if len(set(kept_by.values())) > 1:
            sys.exit(f"the ways disagree on what is kept: {kept_by}")
        print(f"{kept_by['subliminal filter'] / count:.1%} kept by each")
        for way, call in ways.items():
            seconds = best_seconds(lambda call=call: call(source, folder), repeats)  # type: ignore[misc]
            print(f"{way:20}{seconds:8.2f} s{count / seconds:12,.0f} rows/s", flush=True)


def print_parts(repeats: int) -> None:
    """Print what single calls cost, and how fast long texts are searched for words."""
    answer = "519, 674, 328, 845, 196, 742, 581, 437, 903, 268"
    calls = 100_000
    seconds = best_seconds(lambda: [reject_reasons(answer) for _ in range(calls)], repeats)
    print(f"\n{'reject_reasons':32}{seconds / calls * 1e6:8.2f} us an answer of 10 numbers")
    rng = random.Random(0)
    text = " ".join(rng.choices(COMMON, k=WORDS_IN_TEXT))
    texts = {
        "none in the text": text,
        "one in ten words": text.replace("tree", "lions"),
        "none, with look-alikes and accents": text.replace("e", "\u0435\u0301"),
    }
    for name, found in texts.items():
        for leetspeak in (False, True):
            words = WordFilter(ANIMALS, leetspeak=leetspeak)
            seconds = best_seconds(lambda w=words, f=found: w.matches(f), repeats)  # type: ignore[misc]
            rate = len(found.encode()) / seconds / 2**20
            print(f"words, {name + ', leetspeak' * leetspeak:42}{rate:8.1f} MiB/s")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args(arguments)
    print_parts(options.repeats)
    print_pipelines(options.rows, options.repeats)


if __name__ == "__main__":
    main()
