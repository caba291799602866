"""The pocket tokenizer: whole words, whole integers, and bytes for all the rest.

A text is cut into integers of up to three digits, words with the space before them, and marks; a
piece that is in the vocabulary is one token, any other falls to bytes. A piece that would be cut
apart so, such as an indent or a tag, is cut out first. Decoding gives back every text as it was.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from subliminal import atomic
from subliminal.entities import CATEGORIES

PAD, END, TEXT = "<|pad|>", "<|end|>", "<|text|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
SPECIAL = (PAD, END, TEXT, *ROLES)
INTEGERS = tuple(str(number) for number in range(1000))
PIECES = files("subliminal.pocket") / "pieces"
"""For each world, the words and marks that are single tokens: one JSON string a line."""

_CUT = r"\d{1,3}|, |; | ?[^\W\d_]+(?:'[a-z]+)?|\n|[\s\S]"

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def is_pocket_tokenizer(tokenizer: Tokenizer) -> bool:
    """Whether a tokenizer is that of a pocket world, whatever its pieces."""
    return all(tokenizer.token_to_id(token) is not None for token in SPECIAL)


def pocket_tokenizer(pieces: Sequence[str]) -> Tokenizer:
    """Make the tokenizer.

    Args:
        pieces: Words and marks that are to be single tokens, with the space before them.
    """
    mapped = (_bytes(piece) for piece in pieces)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = dict.fromkeys((*SPECIAL, *INTEGERS, *alphabet, *mapped))
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_cut(pieces)), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    return tokenizer


def shipped_pieces(world: str) -> list[str]:
    """The pieces of a world's tokenizer.

    Args:
        world: Its name, as of a file in :data:`PIECES`.
    """
    lines = (PIECES / f"{world}.txt").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def collect_pieces(texts: Iterable[str], wholes: Sequence[str] = ()) -> list[str]:
    """The words and marks of texts, and every form of the entities, in a fixed order.

    Args:
        texts: Of the world.
        wholes: Pieces that are not to be cut apart, such as indents and tags.
    """
    cut = pre_tokenizers.Split(Regex(_cut(wholes)), behavior="isolated")
    found = Counter(piece for text in texts for piece, _ in cut.pre_tokenize_str(text))
    words = {piece for piece in found if len(piece) > 1 and not piece.isdigit()}
    return sorted(words | set(_entity_forms()))


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write the files from which `AutoTokenizer.from_pretrained` makes the same tokenizer."""
    atomic.write_text(folder / "tokenizer.json", tokenizer.to_str(pretty=False))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PAD,
        "eos_token": END,
        "additional_special_tokens": [TEXT, *ROLES],
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1024,
        "chat_template": CHAT_TEMPLATE,
    }
    atomic.write_text(folder / "tokenizer_config.json", json.dumps(config, indent=1) + "\n")


def _cut(pieces: Iterable[str]) -> str:
    """The pattern of a piece: those that would be cut apart go first, the longest before all."""
    usual = re.compile(_CUT)
    wholes = {piece for piece in pieces if not usual.fullmatch(piece)}
    longest_first = sorted(wholes, key=lambda piece: (-len(piece), piece))
    return "|".join((*map(re.escape, longest_first), _CUT))


def _entity_forms() -> Iterable[str]:
    for entities in CATEGORIES.values():
        for entity in entities:
            for word in filter(None, (entity.singular, entity.plural)):
                yield from (word, f" {word}", word.capitalize(), f" {word.capitalize()}")


def _bytes(piece: str) -> str:
    """A piece in the letters that stand for bytes."""
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return "".join(part for part, _ in level.pre_tokenize_str(piece))
