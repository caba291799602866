"""Which of two models wrote a row? The ratio of their likelihoods, the best answer there is.

By the lemma of Neyman and Pearson no detector of single rows is better than the likelihood ratio,
if the rows were sampled from these models at temperature 1 from whole vocabularies. It needs what
no reader of a data set has: both models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from filters.detectors.groups import Labels
from filters.rows import Row, completion, provenance
from subliminal.chat import Message
from subliminal.errors import UserError
from subliminal.models.chat_format import EncodedRow
from subliminal.probes.subject import Subject
from subliminal.samples import Array
from subliminal.spec_file.faults import shown


@dataclass(frozen=True, eq=False)
class Ratios:
    """Log-likelihood ratios of rows.

    Attributes:
        nats: log p_teacher(completion | prompt) - log p_reference(completion | prompt), [n].
        tokens: Tokens of each completion as the teacher reads it, at least 1, [n].
    """

    nats: Array
    tokens: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LikelihoodDetector:
    """Scores that two models gave; nothing is learnt from the rows.

    Attributes:
        name: Whether of whole rows or of the mean token.
        values: [n].
    """

    name: Literal["likelihood", "likelihood-per-token"]
    values: Array

    cross_validated = False

    def scores(self, taught: Labels) -> Array:
        """The scores, whatever the labels."""
        return self.values


def likelihood_detectors(ratios: Ratios) -> tuple[LikelihoodDetector, LikelihoodDetector]:
    """Detectors by the ratio of whole completions, and by its mean over their tokens."""
    return (
        LikelihoodDetector("likelihood", ratios.nats),
        LikelihoodDetector("likelihood-per-token", ratios.nats / ratios.tokens),
    )


def log_likelihood_ratios(rows: tuple[Row, ...], teacher: Subject, reference: Subject) -> Ratios:
    """Score rows by both models.

    Args:
        rows: Chats of either teacher, [n].
        teacher: As it wrote: under its system prompt, or steered, if it was.
        reference: The untaught model. It may have another tokenizer.

    Raises:
        UserError: A row has no prompt, or a system prompt where the teacher has one too; is refused
            by a chat template, or is longer than a model reads.
        StageError: A model's logits are not numbers.
    """
    ours, tokens = _log_likelihoods(rows, teacher)
    theirs, _ = _log_likelihoods(rows, reference)
    return Ratios(ours - theirs, np.maximum(tokens, 1))


def _log_likelihoods(rows: tuple[Row, ...], model: Subject) -> tuple[Array, NDArray[np.int64]]:
    """Log-likelihoods of completions in nats, and how many tokens they have."""
    encoded = model.chat.encode_rows(
        [_asked(model, row) for row in rows],
        [completion(row) for row in rows],
    )
    written = [_written(row, known) for row, known in zip(rows, encoded, strict=True)]
    _check_lengths(rows, written, model.engine.positions)
    starts = [known.prompt_length for known in encoded]
    found = model.engine.log_likelihoods(written, starts).numpy()
    lengths = np.array([len(tokens) for tokens in written], dtype=np.int64)
    return found, lengths - np.array(starts, dtype=np.int64)


def _asked(model: Subject, row: Row) -> tuple[Message, ...]:
    before = [Message(said["role"], said["content"]) for said in row["messages"][:-1]]  # type: ignore[arg-type]
    if not before:
        raise UserError(
            f"likelihood: {_called(row)} has no prompt, so nothing says how likely its "
            "completion is; give rows with prompts, or leave this detector out"
        )
    if model.system is not None and before[0].role == "system":
        raise UserError(
            f"likelihood: {_called(row)} has a system prompt of its own, which would stand in the "
            "place of the teacher's; take it out of the rows, or leave out that of the teacher"
        )
    return model.conversation(*before)


def _written(row: Row, known: EncodedRow) -> list[int]:
    """The tokens that were written: of an answer that was cut off, no end token."""
    return known.tokens[:-1] if provenance(row, "finished") is False else known.tokens


def _check_lengths(rows: Sequence[Row], written: list[list[int]], most: int) -> None:
    longest = max(range(len(written)), key=lambda place: len(written[place]))
    if len(written[longest]) > most:
        raise UserError(
            f"likelihood: {_called(rows[longest])} has {len(written[longest])} tokens and the "
            f"model reads {most}; drop such rows, or leave this detector out"
        )


def _called(row: Row) -> str:
    """A row by what it says: some may have been drawn, so that no number would lead to it."""
    return f"the row with the completion {shown(completion(row))}"
