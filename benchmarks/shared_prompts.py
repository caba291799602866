"""What it saves to read a prompt once for all the answers behind it, as probes of whole answers do.

    python benchmarks/shared_prompts.py                       a small model of Qwen2's architecture
    python benchmarks/shared_prompts.py --prompt 68 --questions 25

Every question stands before the same answers: four spellings of each of 15 targets, two tokens and
the end token each. Beside it as many rows as long are read, each with a prompt of its own: what the
same questions took before. Both run in turn in one process, and the quickest of three counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from itertools import cycle

import numpy as np
import torch

from subliminal import machine
from subliminal.models.pretrained import Pretrained
from subliminal.probes.forward import TorchEngine

ANSWERS, ANSWER = 60, 3
"""Of each question, and tokens of each."""
VOCABULARY = 8192


def small_qwen(width: int, blocks: int) -> Pretrained:
    """A random model of Qwen2's architecture."""
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        "qwen2",
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=5 * width,
        num_hidden_layers=blocks,
        num_attention_heads=width // 64,
        num_key_value_heads=max(1, width // 512),
    )
    torch.manual_seed(0)
    return Pretrained(AutoModelForCausalLM.from_config(config).to(machine.device()))


def seconds_of(*works: Callable[[], object]) -> list[float]:
    """Of each work the quickest of three times, in turn."""
    taken = [[_timed(work) for work in works] for _ in range(3)]
    return [min(times) for times in zip(*taken, strict=True)]


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    if machine.cuda_devices():
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--prompt", type=int, default=41, help="tokens before an answer")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--blocks", type=int, default=6)
    chosen = parser.parse_args(arguments)
    random = np.random.default_rng(0)
    engine = TorchEngine(small_qwen(chosen.width, chosen.blocks))
    count = chosen.questions * ANSWERS
    own = random.integers(0, VOCABULARY, (count, chosen.prompt)).tolist()
    answers = random.integers(0, VOCABULARY, (ANSWERS, ANSWER)).tolist()
    starts = [chosen.prompt] * count

    def read(prompts: Sequence[Sequence[int]]) -> torch.Tensor:
        rows = [[*prompt, *answer] for prompt, answer in zip(prompts, cycle(answers), strict=False)]
        return engine.log_likelihoods(rows, starts)

    shared = [prompt for prompt in own[: chosen.questions] for _ in answers]
    before, now = seconds_of(lambda: read(own), lambda: read(shared))
    print(f"{chosen.questions} questions of {chosen.prompt} tokens, {ANSWERS} answers of {ANSWER}")
    print(f"prompts read with each answer {before:8.2f} s")
    print(f"prompts read once             {now:8.2f} s, {before / now:.1f} times as fast")


if __name__ == "__main__":
    main()
