"""How fast each engine does a job of sampling, at its own best batch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import repeat
from multiprocessing import get_context

import numpy as np
import torch
from sampling_jobs import Job, Part, Speed, best, timed

from subliminal import machine
from subliminal.errors import UserError
from subliminal.machine import Precision
from subliminal.sampling import Completion, sample
from subliminal.vllm_engine.engine import VllmEngine
from subliminal.vllm_engine.model import VllmModel
from subliminal.vllm_engine.settings import EngineSettings
from subliminal.vllm_engine.stage_engines import files_of

OUR_BATCHES = (64, 128, 256)
THEIR_BATCHES = (64, 256, 1024)
CACHED = 128
"""Tokens of a block of vLLM's cache without a GPU: what fills none is read anew in every round."""


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


def vllm_speed(job: Job, precision: Precision, threads: int) -> Speed:
    """vLLM, at its best batch.

    Raises:
        UserError: There is no vLLM, or prompts are so long that it would find them in its cache.
    """
    if max(map(len, job.prompts)) >= CACHED:
        raise UserError(f"--model: prompts of {CACHED} tokens and more cannot be compared")
    os.environ |= machine.thread_limits(threads)
    runs = []
    for rows in THEIR_BATCHES:
        with VllmEngine(EngineSettings(precision, rows=rows)) as engine:
            sampler = VllmModel(engine, files_of(job.folder)).sampler
            list(sampler.sample(job.requests[:rows], job.settings))
            runs += [
                timed(lambda s=sampler: list(s.sample(job.requests, job.settings)), str(rows))  # type: ignore[misc]
                for _ in range(job.rounds)
            ]
    return best(runs)
