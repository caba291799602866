"""Tiny random models with byte-level tokenizers, which write a space as part of a token."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from subliminal.models.decoder import Decoder
from subliminal.models.folder import save_decoder
from tests.models import tiny_shape

END = "<end>"
TEMPLATE = "{% for m in messages %}{{ m['content'] | trim }}<end>{% endfor %}"
"""Strips answers, as the templates of Llama 3 and Gemma do."""


def byte_level_model(
    folder: Path, merges: Sequence[tuple[str, str]] = (), alphabet: Iterable[str] | None = None
) -> Path:
    """Write a random Llama whose tokenizer joins characters to tokens.

    Args:
        folder: Where to.
        merges: What is joined; a space is spelt Ġ.
        alphabet: The characters that it knows; None: all bytes.

    Returns:
        The folder.
    """
    single = sorted(pre_tokenizers.ByteLevel.alphabet() if alphabet is None else alphabet)
    pieces = dict.fromkeys((END, *single, *("".join(pair) for pair in merges)))
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=list(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([END])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"eos_token": END, "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    decoder = Decoder(tiny_shape(vocab_size=tokenizer.get_vocab_size())).initialise(3)
    save_decoder(decoder, folder, tokenizer_from=folder)
    return folder
