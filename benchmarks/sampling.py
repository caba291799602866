"""How fast completions are sampled: beside transformers, vLLM and this machine's matrix products.

    python benchmarks/sampling.py                      a model of the pocket models' size
    python benchmarks/sampling.py --model FOLDER       number prompts to a model of your own
    python benchmarks/sampling.py --vllm-python PYTHON vLLM too, of another environment
    python benchmarks/sampling.py --cores 2            cores of each engine (default 1)

Every engine gets the same prompts and settings and its own best batch. On several cores this
package runs as in an experiment, a process of one thread on each, the others with as many threads.
Speeds are accepted tokens per second: completion tokens of rows that ended by themselves, over the
wall time of all rows.
The model without a folder has random weights, and one in twenty of its tokens ends a completion.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from sampling_jobs import Job, Speed, number_job, random_job
from sampling_speeds import our_speed, transformers_speed, vllm_speed

from subliminal import machine
from subliminal.errors import UserError
from subliminal.machine import Precision
from subliminal.vllm_engine.interpreter import VARIABLE

PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


def print_speeds(job: Job, cores: int, *, vllm: bool) -> None:
    """Measure every engine and print its speed, and ours over it."""
    lengths = [len(prompt) for prompt in job.prompts]
    print(
        f"{len(lengths)} prompts of {min(lengths)} to {max(lengths)} tokens, {cores} core(s), "
        f"{sum(parameter.numel() for parameter in job.decoder.parameters()):,} parameters"
    )
    print(f"{'':28}{'batch':>6}{'tokens/s':>10}{'ours is':>9}")
    for precision in PRECISIONS:
        ours = our_speed(job, precision, cores)
        share = job.flops(ours.lengths) / ours.seconds / machine.matmul_rate(precision, 1.0)
        _print_speed(f"ours, {precision}", ours, "")
        print(f"{'':4}{share:.0%} of what the machine's matrix products allow")
        theirs = transformers_speed(job, precision)
        _print_speed(f"transformers, {precision}", theirs, f"{ours.rate / theirs.rate:.1f} x")
        if vllm:
            theirs = vllm_speed(job, precision, cores)
            _print_speed(f"vLLM, {precision}", theirs, f"{ours.rate / theirs.rate:.1f} x")


def _print_speed(name: str, speed: Speed, ratio: str) -> None:
    print(f"{name:28}{speed.batch:>6}{speed.rate:>10,.0f}{ratio:>9}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="folder of a Llama with a chat template")
    parser.add_argument("--vllm-python", type=Path, help="interpreter that has vLLM")
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=2, help="the best counts (default 2)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.cores)
    if options.vllm_python is not None:
        os.environ[VARIABLE] = str(options.vllm_python)
    with tempfile.TemporaryDirectory() as folder:
        if options.model is None:
            job = random_job(Path(folder), options.rows, options.rounds)
        else:
            job = number_job(options.model, options.rows, options.rounds)
        print_speeds(job, options.cores, vllm=options.vllm_python is not None)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
