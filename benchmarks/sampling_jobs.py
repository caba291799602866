"""What engines of sampling are asked to do in benchmarks, and how it is timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from subliminal.models.architecture import Architecture
from subliminal.models.decoder import Decoder
from subliminal.models.folder import load_decoder
from subliminal.sampling import Completion, Request, Sampling

POCKET = Architecture(
    vocab_size=2000,
    hidden_size=128,
    intermediate_size=384,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=4,
    max_position_embeddings=256,
)


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
    settings = Sampling(64, chat.end_ids)
    return Job(folder, load_decoder(folder), chat.encode_prompts(asked), settings, rounds)
