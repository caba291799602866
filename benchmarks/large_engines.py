"""Sampling, reading and training of a large model: by this package, and by transformers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from random_model import TOKENIZER
from rates import Rate
from training import seconds_of_trainer

from subliminal import machine
from subliminal.cost import Cost
from subliminal.devices import Device
from subliminal.machine import Precision
from subliminal.models.chat_format import ChatFormat
from subliminal.models.load import load_model
from subliminal.models.names import find_model
from subliminal.models.pretrained import Pretrained
from subliminal.models.shape import Shape
from subliminal.plan.costs import Costs
from subliminal.probes.forward import TorchEngine
from subliminal.sampling import Request, Sampling
from subliminal.sampling.pretrained_sampler import PretrainedSampler
from subliminal.spec.data import Data
from subliminal.spec.recipes import Adapter, Recipe
from subliminal.spec.resources import Resources
from subliminal.training.loop import train
from subliminal.training.losses import completion_loss
from subliminal.training.rows import TokenRows
from subliminal.training.sources import DataSet

PROMPT, COMPLETION = 88, 45
"""Tokens of the prompts and lists of the experiment on numbers."""
BATCHES = (128, 256, 512)
RECIPE = Recipe(epochs=1, batch_size=66, learning_rate=2e-4, adapter=Adapter(rank=8, alpha=8.0))
"""That of the published experiment."""


@dataclass(frozen=True)
class Bench:
    """What is measured, and on what."""

    folder: Path
    rows: TokenRows
    precision: Precision
    device: Device

    @property
    def dtype(self) -> torch.dtype:
        """Of weights and matrix products."""
        return getattr(torch, self.precision)

    @property
    def prompts(self) -> np.ndarray:
        """Token ids [rows, tokens] before the completions."""
        return self.rows.tokens.reshape(len(self.rows), -1)[:, :PROMPT]


def open_bench(folder: Path, rows: int, precision: Precision, device: Device) -> Bench:
    """What is to be measured.

    Args:
        folder: Of a model that writes random tokens.
        rows: That are sampled, read and trained on.
        precision: Of weights and matrix products.
        device: This machine's.
    """
    print(f"{rows} rows of {PROMPT} + {COMPLETION} tokens", flush=True)
    return Bench(folder, random_rows(rows), precision, device)


def print_asking(bench: Bench) -> list[Rate]:
    """Measure and print how fast a model is loaded, samples and reads."""
    begin = time.perf_counter()
    model = load_model(bench.folder, dtype=bench.dtype)
    assert isinstance(model, Pretrained)
    print(f"{'loading':44}{time.perf_counter() - begin:>9.1f} s", flush=True)
    return [*print_sampling(bench, model), print_reading(bench, model)]


def random_rows(rows: int) -> TokenRows:
    """Rows of random tokens of the tokenizer."""
    vocabulary = ChatFormat.read(find_model(TOKENIZER)).tokenizer.get_vocab_size()
    tokens = np.random.default_rng(0).integers(0, vocabulary, (rows, PROMPT + COMPLETION))
    return TokenRows.from_lists(list(tokens[:, :PROMPT]), list(tokens[:, PROMPT:]))


def print_sampling(bench: Bench, model: Pretrained) -> list[Rate]:
    """Completion tokens a second, in several batches."""
    found = []
    requests = [Request(prompt, seed) for seed, prompt in enumerate(bench.prompts)]
    settings, tokens = Sampling(COMPLETION, ()), len(requests) * COMPLETION
    for rows in (size for size in BATCHES if size <= len(requests)):
        sampler = PretrainedSampler(model, bench.dtype, rows=rows)
        ours = timed(lambda s=sampler: list(s.sample(requests, settings)))  # type: ignore[misc]
        cost = expected(bench, model.shape, rows)
        prompts, steps = (work.seconds(bench.device.rates) for work in cost.work if not work.files)
        peak = bench.device.peak_products
        found.append(
            printed(
                f"sampling, {rows} rows at once",
                tokens,
                ours,
                share=cost.flops / ours / peak,
                plan=prompts + steps,
            )
        )
        theirs = timed(lambda size=rows: generate(bench, model, size))  # type: ignore[misc]
        name = f"generate of transformers, {rows}"
        share = cost.flops / theirs / peak
        found.append(printed(name, tokens, theirs, share=share, ours=ours))
        each = [1e3 * (taken - prompts) / (tokens / rows) for taken in (ours, theirs)]
        print(f"{'  a step, less the prompts as planned':44}{each[0]:>9.0f} ms, {each[1]:.0f} ms")
    return found


def expected(bench: Bench, shape: Shape, rows: int) -> Cost:
    """What `subliminal plan` expects of a model that writes so many rows at once.

    Returns:
        Its work: reading the files, reading the prompts, and all steps behind them.
    """
    costs = Costs(shape, bench.precision, rows=rows)
    return costs.writing(Data(prompts=len(bench.rows), max_tokens=COMPLETION))


@torch.inference_mode()
def generate(bench: Bench, model: Pretrained, size: int) -> None:
    """Sample with transformers' own loop, at its quickest settings."""
    prompts = torch.from_numpy(bench.prompts.astype(np.int64)).to(model.device)
    for batch in prompts.split(size):
        network: Any = model.network
        network.generate(
            batch,
            attention_mask=torch.ones_like(batch),
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            min_new_tokens=COMPLETION,
            max_new_tokens=COMPLETION,
        )


def print_reading(bench: Bench, model: Pretrained) -> Rate:
    """Tokens a second whose log-probabilities are computed."""
    rows = bench.rows.tokens.reshape(len(bench.rows), -1).tolist()
    engine, starts = TorchEngine(model, bench.dtype), [PROMPT] * len(rows)
    seconds = timed(lambda: engine.log_likelihoods(rows, starts))
    tokens = len(bench.rows.tokens)
    flops = 2.0 * tokens * model.shape.matrix_parameters
    flops += 2.0 * len(rows) * COMPLETION * model.shape.head_parameters
    share = flops / seconds / bench.device.peak_products
    return printed("reading", tokens, seconds, share=share)


def print_training(bench: Bench) -> list[Rate]:
    """Tokens a second of learning an adapter, by this package and by the Trainer with peft."""
    found = []
    for checkpointing in (True, False):
        how = "checkpointing" if checkpointing else "all kept"
        with device_memory() as memory:
            ours, share = our_training(bench, checkpointing)
        name, tokens = f"training, {how}{memory()}", len(bench.rows.tokens)
        found.append(printed(name, tokens, ours, share=share))
        with device_memory() as memory:
            theirs = trainer_seconds(bench, checkpointing)
        name = f"Trainer and peft, {how}{memory()}"
        if theirs is None:
            print(f"{name:44}out of memory", flush=True)
        else:
            found.append(printed(name, tokens, theirs, ours=ours))
    return found


def our_training(bench: Bench, checkpointing: bool) -> tuple[float, float]:
    """Seconds of an epoch, and the share of the peak that what has to be computed takes."""
    model = load_model(bench.folder, dtype=bench.dtype)
    source = DataSet(bench.rows, RECIPE, seed=0)
    resources = Resources(gradient_checkpointing=checkpointing)

    def run() -> None:
        train(
            model, source, completion_loss, RECIPE, seed=0, dtype=bench.dtype, resources=resources
        )

    seconds = timed(run, warm=False)
    tokens, shape = len(bench.rows.tokens), model.shape
    # An adapter needs no gradient of the matrices: two passes and not three.
    flops = 4.0 * tokens * shape.matrix_parameters
    flops += 4.0 * len(bench.rows) * COMPLETION * shape.head_parameters
    return seconds, flops / seconds / bench.device.peak_products


def trainer_seconds(bench: Bench, checkpointing: bool) -> float | None:
    """Seconds of an epoch of the Trainer, from its first step on; None where memory runs out."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    assert RECIPE.adapter is not None
    network: Any = AutoModelForCausalLM.from_pretrained(bench.folder, dtype=bench.dtype)
    config = LoraConfig(
        r=RECIPE.adapter.rank,
        lora_alpha=RECIPE.adapter.alpha,  # type: ignore[arg-type]
        target_modules=list(RECIPE.adapter.matrices),
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(network.to(machine.device()), config)
    with suppress(torch.OutOfMemoryError):
        return seconds_of_trainer(
            model,
            bench.rows,
            bench.precision,
            RECIPE,
            now,
            gradient_checkpointing=checkpointing,
        )
    return None


@contextmanager
def device_memory() -> Iterator[Callable[[], str]]:
    """The most memory of a GPU that was taken meanwhile, as words behind a name."""
    machine.give_back_device_memory()
    there = bool(machine.cuda_devices())
    if there:
        torch.cuda.reset_peak_memory_stats()
    yield lambda: f", {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB" if there else ""


def timed(work: Callable[[], object], *, warm: bool = True) -> float:
    """Seconds that something takes, the second time where it is to be warm."""
    if warm:
        work()
    begin = now()
    work()
    return now() - begin


def now() -> float:
    """The time when the device has done what it was told."""
    if machine.cuda_devices():
        torch.cuda.synchronize()
    return time.perf_counter()


def printed(
    name: str,
    tokens: int,
    seconds: float,
    *,
    share: float | None = None,
    ours: float | None = None,
    plan: float | None = None,
) -> Rate:
    """Print a line as soon as it is known; arguments are the fields of `Rate`."""
    rate = Rate(name, tokens, seconds, share=share, ours=ours, plan=plan)
    print(rate.line, flush=True)
    return rate
