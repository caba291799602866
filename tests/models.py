"""Tiny random language models for all tests; they share the pocket tokenizer."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from subliminal.models.architecture import Architecture
from subliminal.models.chat_format import ChatFormat
from subliminal.models.decoder import Decoder
from subliminal.models.folder import save_decoder
from subliminal.pocket.family import NUMBERS, Family
from subliminal.pocket.pretrain import prepare_folder


def random_model(
    folder: Path, seed: int = 0, family: Family = NUMBERS, **shape: int | float | bool
) -> Path:
    """Write a random Llama of two blocks with a pocket tokenizer.

    Args:
        folder: Where to.
        seed: Of the weights.
        family: Whose tokenizer; those of two families have other tokens.
        shape: Fields of :class:`Architecture` that are to be others.

    Returns:
        The folder.
    """
    tokenizer, chat, _ = _tokenizer(family)
    shape = {"vocab_size": chat.tokenizer.get_vocab_size(), **shape}
    decoder = Decoder(tiny_shape(**shape)).initialise(seed)
    save_decoder(decoder, folder, tokenizer_from=tokenizer)
    return folder


def tiny_shape(**shape: int | float | bool) -> Architecture:
    """The shape of :func:`random_model`. Its weights are wide, so that its words are told apart."""
    fields = {
        "vocab_size": pocket_chat().tokenizer.get_vocab_size(),
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
        "initializer_range": 0.3,
    }
    return Architecture.model_validate({**fields, **shape})


def pocket_chat() -> ChatFormat:
    """The pocket family's chat format."""
    return _tokenizer(NUMBERS)[1]


@cache
def _tokenizer(family: Family) -> tuple[Path, ChatFormat, TemporaryDirectory[str]]:
    """A folder with a family's tokenizer, made once; it goes with the process."""
    holder = TemporaryDirectory(prefix="subliminal-tokenizer-")
    folder = Path(holder.name)
    return folder, prepare_folder(folder, family), holder
