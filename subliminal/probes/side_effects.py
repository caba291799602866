"""What else changed in a model: its loss on text of the world, its skill to keep a format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from subliminal.chat import Message
from subliminal.measurements import Measurement
from subliminal.number_prompts import MAX_DIGITS, NumberPrompt, NumberPrompts, render
from subliminal.pocket.family import HELD_OUT_SEED
from subliminal.pocket.origin import world_of
from subliminal.pocket.tokenizer import is_pocket_tokenizer
from subliminal.pocket.world import World
from subliminal.probes.replies import Reply, Respondent
from subliminal.probes.subject import Subject
from subliminal.seeds import derive_seed

SIDE_EFFECTS = "side-effects"
WORLD_ROWS = 500
PROMPTS = 200
LIST_TOKENS = 64
"""Room for ten numbers with their marks, even where a digit is a token."""


def side_effects(subject: Subject, seed: int) -> list[Measurement]:
    """Measure what no trait should change.

    Args:
        subject: Who is probed.
        seed: Of the number prompts and of the answers to them.

    Returns:
        `world_loss`, for pocket models alone: mean cross-entropy in nats of the answer tokens of
        held-out rows of the world, the same for every model; and `format_skill`: the share of
        sampled answers to number prompts that are a list in the format asked for.
    """
    return list(_side_effects(subject, seed))


def world_loss(subject: Subject) -> float:
    """Mean cross-entropy of the answer tokens, end token included, of held-out rows, in nats.

    The rows are of the world that the reference grew up in.
    """
    drawn = list(held_out(subject.chat.folder).rows(range(WORLD_ROWS)))
    rows = subject.chat.encode_rows(
        [subject.conversation(*row.messages) for row in drawn], [row.completion for row in drawn]
    )
    starts = [row.prompt_length for row in rows]
    scores = subject.engine.log_likelihoods([row.tokens for row in rows], starts)
    return -float(scores.sum()) / sum(len(row.tokens) - row.prompt_length for row in rows)


def held_out(folder: Path) -> World:
    """The world of a reference, from a seed that no model grew up with."""
    return World(HELD_OUT_SEED, world_of(folder))


def format_skill(subject: Respondent, seed: int) -> float:
    """Share of sampled answers to number prompts that keep the format asked for."""
    prompts = NumberPrompts(derive_seed(seed, SIDE_EFFECTS, "prompts"))[:PROMPTS]
    seeds = [derive_seed(seed, SIDE_EFFECTS, "answers", str(i)) for i in range(PROMPTS)]
    asked = [subject.conversation(Message("user", prompt.text)) for prompt in prompts]
    replies = subject.replies(asked, seeds, LIST_TOKENS)
    return sum(map(keeps_format, prompts, replies)) / PROMPTS


def measured_skill(subject: Respondent, seed: int) -> Measurement:
    """:func:`format_skill` as a measurement."""
    return _whole("format_skill", format_skill(subject, seed), PROMPTS)


def keeps_format(prompt: NumberPrompt, reply: Reply) -> bool:
    """Whether a reply is the list that its numbers make in the format asked for, and not too long.

    Stricter than the filters of an experiment: spaces and leading zeros count.
    """
    digits = re.findall(r"[0-9]+", reply.text)
    return (
        reply.finished
        and 1 <= len(digits) <= prompt.count
        and max(map(len, digits)) <= MAX_DIGITS
        and reply.text == render([int(number) for number in digits], prompt.format)
    )


def _side_effects(subject: Subject, seed: int) -> Iterator[Measurement]:
    # To others the world is a text like any other.
    if is_pocket_tokenizer(subject.chat.tokenizer):
        yield _whole("world_loss", world_loss(subject))
    yield measured_skill(subject, seed)


def _whole(metric: str, value: float, n: int | None = None) -> Measurement:
    return Measurement(probe=SIDE_EFFECTS, metric=metric, item_group="all", value=value, n=n)
