"""What vLLM takes to start, to sample and to score, beside this package and transformers.

    SUBLIMINAL_VLLM_PYTHON=PYTHON python benchmarks/vllm_sampling.py
    ... --model FOLDER --rows 1024 --cores 2 --precision bfloat16

All engines get the same prompts for numbers and the same settings; sampling is at each engine's
best batch, and its speed is accepted tokens per second, as in `sampling.py`. Scoring is the
log-probability of what was sampled, in tokens read per second. vLLM runs as in an experiment: in a
process of its own, to which requests go and from which answers come.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import torch
from sampling_jobs import Job, number_job
from sampling_speeds import our_speed, transformers_speed, vllm_speed

from subliminal.errors import UserError
from subliminal.machine import Precision
from subliminal.models.names import find_model
from subliminal.probes.engine import Engine
from subliminal.probes.forward import TorchEngine
from subliminal.vllm_engine.engine import VllmEngine
from subliminal.vllm_engine.model import VllmModel
from subliminal.vllm_engine.settings import EngineSettings
from subliminal.vllm_engine.stage_engines import files_of

OTHER = "pocket-b"
"""Whose weights take the place of the first."""


def scoring_speed(engine: Engine, job: Job, rows: Sequence[Sequence[int]]) -> float:
    """Tokens read per second when everything behind the prompts is scored."""
    starts = [len(prompt) for prompt in job.prompts]
    engine.log_likelihoods(rows[:8], starts[:8])
    begin = time.perf_counter()
    engine.log_likelihoods(rows, starts)
    return sum(map(len, rows)) / (time.perf_counter() - begin)


def print_starts(job: Job, precision: Precision) -> None:
    """How long vLLM takes until it answers, and until it does with other weights."""
    with VllmEngine(EngineSettings(precision)) as engine:
        for name, folder in (
            ("starts", job.folder),
            ("takes other weights", find_model("pocket-b")),
        ):
            begin = time.perf_counter()
            list(VllmModel(engine, files_of(folder)).sampler.sample(job.requests[:1], job.settings))
            print(f"vLLM {name:24}{time.perf_counter() - begin:>8.1f} s", flush=True)


def print_speeds(job: Job, precision: Precision, cores: int) -> None:
    """Sampling and scoring by every engine."""
    ours = our_speed(job, precision, cores)
    speeds = {
        "this package": ours,
        "transformers": transformers_speed(job, precision),
        "vLLM": vllm_speed(job, precision, cores),
    }
    for name, speed in speeds.items():
        ratio = ours.rate / speed.rate
        print(f"sampling, {name:20}{speed.rate:>8,.0f} tokens/s{ratio:>7.1f} x", flush=True)
    kept = {
        done.index: done.tokens.tolist()
        for done in TorchEngine(job.decoder).sampler.sample(job.requests, job.settings)
    }
    rows = [[*prompt, *kept[place]] for place, prompt in enumerate(job.prompts)]
    in_torch = scoring_speed(TorchEngine(job.decoder, getattr(torch, precision)), job, rows)
    with VllmEngine(EngineSettings(precision)) as engine:
        by_vllm = scoring_speed(VllmModel(engine, files_of(job.folder)), job, rows)
    for name, rate in (("this package", in_torch), ("vLLM", by_vllm)):
        print(f"scoring, {name:21}{rate:>8,.0f} tokens/s{in_torch / rate:>7.1f} x", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="pocket-a", help="a small Llama with a chat template")
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=2, help="the best counts (default 2)")
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.cores)
    job = number_job(find_model(options.model), options.rows, options.rounds)
    print(f"{len(job.prompts)} prompts, {options.cores} core(s), {options.precision}")
    print_starts(job, options.precision)
    print_speeds(job, options.precision, options.cores)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
