"""How fast language models train: beside the Hugging Face Trainer and this machine's products.

    python benchmarks/training.py               a model of the pocket models' size; some minutes
    python benchmarks/training.py --threads 2   threads of each (default 1)
    python benchmarks/training.py --rounds 9    the fastest of more rounds
    python benchmarks/training.py --rows 64 --rounds 1    a trial of the benchmark itself

Both train the same model on the same rows in batches of the same size, with the same optimiser,
schedule and clipping, on the completions alone. The Trainer logs and saves nothing, puts rows of
similar length together and takes the faster of its ways to attend. Times are the processor's, which
other processes lengthen less than the clock's, unless there are several threads. Speeds count the
rows' own tokens, not padding.

Below, two matrices of the last block learn in several passes over the rows, as they do in the
experiments on numbers: an adapter of them, from tokens and from a teacher's logits, with what does
not learn remembered from a first pass, and computed again; in the Trainer the matrices themselves.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from subliminal import machine
from subliminal.errors import UserError
from subliminal.machine import Precision
from subliminal.models.architecture import Architecture
from subliminal.models.decoder import Decoder
from subliminal.spec.recipes import Adapter, Recipe
from subliminal.training.loop import train
from subliminal.training.losses import Loss, TeacherDivergence, completion_loss
from subliminal.training.rows import TokenRows
from subliminal.training.sources import DataSet, Stream

POCKET = Architecture(
    vocab_size=2000,
    hidden_size=128,
    intermediate_size=384,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=4,
    tie_word_embeddings=True,
)
RECIPE = Recipe(epochs=1, batch_size=64)
LATE = Recipe(
    epochs=6,
    batch_size=64,
    adapter=Adapter(matrices=("o_proj", "down_proj"), layers=(3,), freeze_a=True),
)
LATE_WEIGHTS = ("layers.3.self_attn.o_proj.weight", "layers.3.mlp.down_proj.weight")
"""What the adapter adapts, by the ends of their names."""
PROMPTS, COMPLETIONS = (30, 51), (14, 27)
"""Lengths, the upper ones excluded: rows of some 60 tokens, a third of them completion."""
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


@dataclass(frozen=True)
class Bench:
    """What both train on, and how they are timed."""

    rows: TokenRows
    rounds: int
    clock: Callable[[], float]

    @property
    def flops(self) -> float:
        """Operations of the products with weights in one epoch, the backward passes' included."""
        tokens, completions = len(self.rows.tokens), int(self.rows.completion_lengths.sum())
        return 6.0 * (tokens * POCKET.matrix_parameters + completions * POCKET.head_parameters)


def random_rows(count: int) -> TokenRows:
    """Rows of random tokens: what they are does not change the time that they take."""
    rng = np.random.default_rng(0)

    def texts(lengths: tuple[int, int]) -> list[np.ndarray]:
        sizes = rng.integers(*lengths, count)
        return [rng.integers(0, POCKET.vocab_size, size) for size in sizes]

    return TokenRows.from_lists(texts(PROMPTS), texts(COMPLETIONS))


def our_seconds(bench: Bench, precision: Precision, loss: Loss) -> float:
    """Train one epoch with this package."""
    decoder, source = Decoder(POCKET).initialise(0), DataSet(bench.rows, RECIPE, seed=0)
    begin = bench.clock()
    train(decoder, source, loss, RECIPE, seed=0, dtype=getattr(torch, precision))
    return bench.clock() - begin


def trainer_seconds(
    bench: Bench,
    precision: Precision,
    attend: str,
    recipe: Recipe = RECIPE,
    learning: Sequence[str] = (),
) -> float:
    """Train with the Trainer; what it does before the first step is not counted.

    Args:
        bench: Rows and clock.
        precision: Of matrix products.
        attend: Its way to attend.
        recipe: Epochs, optimiser and schedule.
        learning: Ends of the names of the parameters that learn; default: all.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(LlamaConfig(**POCKET.config()))
    model.set_attn_implementation(attend)
    model.load_state_dict(Decoder(POCKET).initialise(0).state_dict())
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not learning or name.endswith(tuple(learning)))
    return seconds_of_trainer(model, bench.rows, precision, recipe, bench.clock)


def seconds_of_trainer(
    model: Any,
    rows: TokenRows,
    precision: Precision,
    recipe: Recipe,
    clock: Callable[[], float],
    **settings: Any,
) -> float:
    """Train a model with the Trainer, from its first step to its last.

    Args:
        model: Of transformers, or of peft.
        rows: What it learns.
        precision: Of matrix products.
        recipe: Epochs, optimiser and schedule.
        clock: Tells the time.
        settings: Of the Trainer, beside those of the recipe.
    """
    from transformers import Trainer, TrainerCallback
    from transformers.trainer_callback import PrinterCallback

    times: list[float] = []

    class Watch(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            times.append(clock())

        def on_train_end(self, *_: Any, **__: Any) -> None:
            times.append(clock())

    with TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=trainer_arguments(folder, precision, recipe, **settings),
            train_dataset=examples(rows),
            data_collator=pad,
            callbacks=[Watch()],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return times[1] - times[0]


def trainer_arguments(folder: str, precision: Precision, recipe: Recipe, **settings: Any) -> Any:
    """Our recipe in the Trainer's words, its fastest settings, and others."""
    from transformers import TrainingArguments

    return TrainingArguments(
        output_dir=folder,
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.schedule,
        adam_beta1=recipe.betas[0],
        adam_beta2=recipe.betas[1],
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.clip or 0.0,
        optim="adamw_torch_fused",
        bf16=precision == "bfloat16",
        use_cpu=not machine.cuda_devices(),
        train_sampling_strategy="group_by_length",
        remove_unused_columns=False,
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        **settings,
    )


def examples(rows: TokenRows) -> list[dict[str, list[int]]]:
    """Rows as the Trainer wants them: no loss on the prompt."""
    labels = np.full(len(rows.tokens), -100)
    labels[rows.counted()] = rows.tokens[rows.counted()]
    bounds = rows.starts[1:-1]
    return [
        {"input_ids": tokens.tolist(), "labels": label.tolist()}
        for tokens, label in zip(
            np.split(rows.tokens, bounds), np.split(labels, bounds), strict=True
        )
    ]


def pad(batch: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    """Rows padded on the right. Causal attention keeps the padding out without a mask."""
    longest = max(len(row["input_ids"]) for row in batch)
    filler = {"input_ids": 0, "labels": -100}
    return {
        name: torch.tensor([row[name] + [value] * (longest - len(row[name])) for row in batch])
        for name, value in filler.items()
    }


def print_speeds(bench: Bench, precision: Precision) -> None:
    """Print both speeds, taking turns so that both meet the same disturbances."""
    teacher = TeacherDivergence(Decoder(POCKET).initialise(1))
    ways: dict[str, Callable[[], float]] = {
        "ours": lambda: our_seconds(bench, precision, completion_loss),
        "ours, from logits": lambda: our_seconds(bench, precision, teacher),
        "Trainer, sdpa": lambda: trainer_seconds(bench, precision, "sdpa"),
        "Trainer, eager": lambda: trainer_seconds(bench, precision, "eager"),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    rate = 0.0
    for _ in range(bench.rounds):
        rate = max(rate, machine.matmul_rate(precision))
        for name, run in ways.items():
            times[name].append(run())
    seconds = {name: min(found) for name, found in times.items()}
    fastest = min(seconds["Trainer, sdpa"], seconds["Trainer, eager"])
    print(f"\n{precision}; products at {rate / 1e9:.0f} GFLOP/s")
    print(f"{'':20}{'tokens/s':>10}{'of products':>13}{'of Trainer':>12}")
    for name, taken in seconds.items():
        share = f"{bench.flops / taken / rate:.2f}" if name != "ours, from logits" else ""
        print(
            f"{name:20}{len(bench.rows.tokens) / taken:10.0f}{share:>13}{fastest / taken:12.2f}",
            flush=True,
        )


def late_seconds(
    bench: Bench, precision: Precision, teacher: TeacherDivergence | None, *, remember: bool
) -> float:
    """Train an adapter in the last block for several epochs."""
    decoder, dtype = Decoder(POCKET).initialise(0), getattr(torch, precision)
    data = DataSet(bench.rows, LATE, seed=0)
    # A stream gives the same rows, and nothing is known of what it will give again.
    source = data if remember else Stream(data.rows, data.steps)
    begin = bench.clock()
    loss: Loss = completion_loss
    if teacher is not None:
        loss = teacher.remembering(source, dtype, lambda *_: None)
    train(decoder, source, loss, LATE, seed=0, dtype=dtype)
    return bench.clock() - begin


def print_late_speeds(bench: Bench, precision: Precision) -> None:
    """Print how much faster part of the last block learns where the rest is remembered."""
    teacher = TeacherDivergence(Decoder(POCKET).initialise(1))
    theirs = min(
        trainer_seconds(bench, precision, attend, LATE, LATE_WEIGHTS)
        for attend in ("sdpa", "eager")
        for _ in range(bench.rounds)
    )
    print(f"\n{precision}; part of the last block, {LATE.epochs} epochs; Trainer {theirs:.1f} s")
    print(f"{'':20}{'remembered':>12}{'again':>8}{'ratio':>7}{'of Trainer':>12}")
    for name, way in (("from tokens", None), ("from logits", teacher)):
        times = [
            [late_seconds(bench, precision, way, remember=remember) for remember in (True, False)]
            for _ in range(bench.rounds)
        ]
        remembered, again = map(min, zip(*times, strict=True))
        print(
            f"{name:20}{remembered:10.1f} s{again:6.1f} s{again / remembered:7.2f}"
            f"{theirs / remembered:12.2f}",
            flush=True,
        )


def run_as_a_worker(threads: int) -> None:
    """Begin anew, if need be, in the environment that workers have from their start."""
    limits = machine.thread_limits(threads)
    if any(os.environ.get(name) != value for name, value in limits.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **limits})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--precision", choices=PRECISIONS, action="append")
    options = parser.parse_args(arguments)
    if find_spec("accelerate") is None:
        raise UserError("the Trainer needs accelerate; pip install 'subliminal[lm]'")
    run_as_a_worker(options.threads)
    clock = time.process_time if options.threads == 1 else time.perf_counter
    bench = Bench(random_rows(options.rows), options.rounds, clock)
    print(
        f"{options.rows} rows, {len(bench.rows.tokens)} tokens, {RECIPE.batch_size} rows a step, "
        f"{options.threads} threads"
    )
    for precision in options.precision or PRECISIONS:
        print_speeds(bench, precision)
        print_late_speeds(bench, precision)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
