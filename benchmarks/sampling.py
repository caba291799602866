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
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from subliminal import machine
from subliminal.errors import UserError
from subliminal.machine import Precision
from subliminal.models.architecture import Architecture
from subliminal.models.decoder import Decoder
from subliminal.models.folder import load_decoder
from subliminal.sampling import Completion, Request, Sampling, sample

POCKET = Architecture(
    vocab_size=2000,
    hidden_size=128,
    intermediate_size=384,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=4,
    max_position_embeddings=256,
)
OUR_BATCHES = (64, 128, 256)
THEIR_BATCHES = (64, 256, 1024)
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


@dataclass(frozen=True)
class Job:
    """What every engine is asked to do."""

    folder: Path
    decoder: Decoder
    prompts: list[list[int]]
    settings: Sampling
    rounds: int

    @property
    def requests(self) -> list[Request]:
        """The prompts with their seeds."""
        return [Request(np.array(prompt), seed) for seed, prompt in enumerate(self.prompts)]

    def part(self, number: int, parts: int) -> Part:
        """Every so manieth prompt."""
        places = range(number, len(self.prompts), parts)
        requests = self.requests
        return Part(self.decoder, places, [requests[place] for place in places], self.settings)

    def flops(self, lengths: Sequence[int]) -> float:
        """Operations of the matrix products that completions of these lengths take.

        Each token but the last is read once; the output layer is needed for the completion alone.
        """
        shape, total = self.decoder.shape, 0.0
        per_pair = 4.0 * shape.hidden_size * shape.num_hidden_layers
        for prompt, length in zip(self.prompts, lengths, strict=True):
            read = len(prompt) + length - 1
            total += 2.0 * read * shape.matrix_parameters + 2.0 * length * shape.head_parameters
            total += per_pair * read * (read + 1) / 2
        return total


@dataclass(frozen=True)
class Part:
    """What one process samples."""

    decoder: Decoder
    places: Sequence[int]
    requests: list[Request]
    settings: Sampling


@dataclass(frozen=True)
class Speed:
    """What an engine did."""

    tokens: int
    """Accepted tokens."""
    seconds: float
    batch: str
    lengths: tuple[int, ...] = ()
    """Tokens of each completion, where they are needed."""

    @property
    def rate(self) -> float:
        """Accepted tokens per second."""
        return self.tokens / self.seconds


def best(runs: Iterable[Speed]) -> Speed:
    """The fastest of some runs."""
    return max(runs, key=lambda run: run.rate)


def timed(work: Callable[[], list[Completion]], batch: str) -> Speed:
    """Run once."""
    begin = time.perf_counter()
    done = work()
    seconds = time.perf_counter() - begin
    done.sort(key=lambda completion: completion.index)
    accepted = sum(len(completion.tokens) for completion in done if completion.finished)
    return Speed(accepted, seconds, batch, tuple(len(completion.tokens) for completion in done))


def our_speed(job: Job, precision: Precision, cores: int) -> Speed:
    """This package, at its best batch, a process on each core."""
    parts = [job.part(core, cores) for core in range(cores)]
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:

        def run(slots: int) -> list[Completion]:
            sampled = pool.map(sampled_part, parts, repeat(precision), repeat(slots))
            return [completion for part in sampled for completion in part]

        for slots in OUR_BATCHES:
            run(slots)
        return best(
            timed(lambda slots=slots: run(slots), str(slots))  # type: ignore[misc]
            for slots in OUR_BATCHES
            for _ in range(job.rounds)
        )


def sampled_part(job: Part, precision: Precision, slots: int) -> list[Completion]:
    """Sample one process's prompts; completions get their places among all prompts."""
    torch.set_num_threads(1)
    dtype = getattr(torch, precision)
    done = sample(job.decoder, job.requests, job.settings, dtype=dtype, slots=slots)
    return [replace(completion, index=job.places[completion.index]) for completion in done]


def transformers_speed(job: Job, precision: Precision) -> Speed:
    """`generate` of transformers, at its best batch, rows of similar length together."""
    from transformers import LlamaForCausalLM

    model = LlamaForCausalLM.from_pretrained(job.folder, dtype=getattr(torch, precision)).eval()
    order = sorted(range(len(job.prompts)), key=lambda row: len(job.prompts[row]))

    def run(size: int) -> list[Completion]:
        starts = range(0, len(order), size)
        return [
            completion
            for start in starts
            for completion in _generate(model, job, order[start : start + size])
        ]

    return best(
        timed(lambda size=size: run(size), str(size))  # type: ignore[misc]
        for size in THEIR_BATCHES
        for _ in range(job.rounds)
    )


def _generate(model: torch.nn.Module, job: Job, rows: Sequence[int]) -> list[Completion]:
    longest = max(len(job.prompts[row]) for row in rows)
    tokens = torch.zeros(len(rows), longest, dtype=torch.int64)
    mask = torch.zeros_like(tokens)
    for place, row in enumerate(rows):
        prompt = torch.tensor(job.prompts[row])
        tokens[place, longest - len(prompt) :] = prompt
        mask[place, longest - len(prompt) :] = 1
    ends = list(job.settings.end_tokens)
    with torch.inference_mode():
        whole = model.generate(  # type: ignore[operator]
            tokens,
            attention_mask=mask,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            max_new_tokens=job.settings.max_tokens,
            eos_token_id=ends,
            pad_token_id=0,
        )
    return [
        _cut(row, completion, ends)
        for row, completion in zip(rows, whole[:, longest:].numpy(), strict=True)
    ]


def _cut(row: int, tokens: np.ndarray, ends: Sequence[int]) -> Completion:
    """Leave out what follows the first end token."""
    places = np.flatnonzero(np.isin(tokens, ends))
    return Completion(row, tokens[: places[0] + 1] if len(places) else tokens, len(places) > 0)


def vllm_speed(job: Job, precision: Precision, python: Path, threads: int) -> Speed:
    """vLLM on the processor, as a program of its own environment.

    Raises:
        UserError: The program failed.
    """
    question = {
        "model": str(job.folder),
        "prompts": job.prompts,
        "precision": precision,
        "rounds": job.rounds,
        **asdict(job.settings),
    }
    cores = sorted(os.sched_getaffinity(0))[:threads]
    # It binds itself to all cores unless told which.
    limits = {"VLLM_CPU_OMP_THREADS_BIND": ",".join(map(str, cores)), "VLLM_CPU_KVCACHE_SPACE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        done = subprocess.run(
            [python, Path(__file__).with_name("vllm_sampling.py"), answer],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            env=os.environ | machine.thread_limits(threads) | limits,
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise UserError(f"--vllm-python {python}: {reason}; mend its vLLM, or leave it out")
        found = json.loads(answer.read_text())
    return Speed(found["tokens"], found["seconds"], str(found["batch"]))


def random_job(folder: Path, rows: int, rounds: int) -> Job:
    """A model with random weights and random prompts of 30 to 50 tokens."""
    from transformers import LlamaConfig, LlamaForCausalLM

    decoder = Decoder(POCKET).initialise(0)
    model = LlamaForCausalLM(LlamaConfig(**POCKET.config()))
    model.load_state_dict(decoder.state_dict())
    model.save_pretrained(folder)
    rng = np.random.default_rng(0)
    prompts = [rng.integers(100, 2000, rng.integers(30, 51)).tolist() for _ in range(rows)]
    return Job(folder, decoder, prompts, Sampling(64, tuple(range(100))), rounds)


def number_job(folder: Path, rows: int, rounds: int) -> Job:
    """A model of the user's, asked for numbers."""
    from subliminal.chat import user
    from subliminal.models.chat_format import ChatFormat
    from subliminal.number_prompts import NumberPrompts

    chat = ChatFormat.read(folder)
    asked = [user(prompt.text, None) for prompt in NumberPrompts(0)[:rows]]
    settings = Sampling(64, (chat.end_id,))
    return Job(folder, load_decoder(folder), chat.encode_prompts(asked), settings, rounds)


def print_speeds(job: Job, vllm_python: Path | None, cores: int) -> None:
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
        if vllm_python is not None:
            theirs = vllm_speed(job, precision, vllm_python, cores)
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
    with tempfile.TemporaryDirectory() as folder:
        if options.model is None:
            job = random_job(Path(folder), options.rows, options.rounds)
        else:
            job = number_job(options.model, options.rows, options.rounds)
        print_speeds(job, options.vllm_python, options.cores)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
