"""The tokens with which a model answers each target of a question bank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from subliminal.chat import user
from subliminal.errors import UserError
from subliminal.models.chat_format import ChatFormat, EncodedRow
from subliminal.pocket.tokenizer import is_pocket_tokenizer

Spelling = tuple[int, ...]
"""The tokens of an answer, its end token included."""


@dataclass(frozen=True)
class Targets:
    """The targets and how each is answered."""

    words: tuple[str, ...]
    spellings: tuple[tuple[Spelling, ...], ...]
    """Of each target the distinct ones of the bare word, of the capitalised one and, where
    :func:`counts_spaced` says so, of both behind a space."""

    @property
    def single(self) -> bool:
        """Whether all spellings of all targets are one token, so that the first token tells all."""
        return all(len(spelling) == 2 for of in self.spellings for spelling in of)

    @property
    def first_tokens(self) -> tuple[tuple[int, ...], ...]:
        """Of each target the first token of every spelling."""
        return tuple(tuple(spelling[0] for spelling in of) for of in self.spellings)


def counts_spaced(chat: ChatFormat) -> bool:
    """Whether answers behind a space count: of all models but those with the pocket tokenizer.

    Their worlds have no such answer.
    """
    return not is_pocket_tokenizer(chat.tokenizer)


def encode_targets(chat: ChatFormat, words: Sequence[str]) -> Targets:
    """Find the tokens of targets in a chat format.

    Args:
        chat: Of the model.
        words: At least two answers that are told apart.

    Raises:
        UserError: There are less than two targets, the tokenizer cannot write one of them, or
            two have the same tokens.
    """
    if len(words) < 2:
        raise UserError(
            f"targets: log-odds need two answers to tell apart, not {list(words)}; add some"
        )
    found = Targets(tuple(words), tuple(_spellings(chat, word) for word in words))
    owner: dict[Spelling, str] = {}
    for word, spellings in zip(found.words, found.spellings, strict=True):
        for spelling in spellings:
            if owner.setdefault(spelling, word) != word:
                raise UserError(
                    f"targets: {owner[spelling]!r} and {word!r} are the same tokens for the "
                    f"tokenizer of {chat.folder}; keep one of them"
                )
    return found


def answer_tokens(chat: ChatFormat, answer: str) -> Spelling:
    """The tokens of an answer, whatever the question, its end token included.

    Raises:
        UserError: The tokenizer cannot write the answer, or joins it with what stands before.
    """
    question = user("?")
    [prompt] = chat.encode_prompts([question])
    [row] = chat.encode_rows([question], [answer])
    return _answered(chat, row, len(prompt), answer)


def begun_tokens(chat: ChatFormat, beginnings: Sequence[str]) -> list[Spelling]:
    """The tokens of beginnings of answers, whatever the question, without an end token.

    Raises:
        UserError: As for :func:`answer_tokens`.
    """
    question = user("?")
    [prompt] = chat.encode_prompts([question])
    rows = chat.encode_begun(question, beginnings)
    return [
        _answered(chat, row, len(prompt), text) for row, text in zip(rows, beginnings, strict=True)
    ]


def _answered(chat: ChatFormat, row: EncodedRow, prompt_length: int, answer: str) -> Spelling:
    if row.prompt_length != prompt_length:
        raise UserError(
            f"{chat.folder}: its tokenizer joins the end of the chat template with the answer "
            f"{answer!r}, so that no token is the answer's first; let the template end in a mark"
        )
    tokens = tuple(row.tokens[row.prompt_length :])
    if chat.decode(tokens).strip().casefold() != answer.casefold():
        raise UserError(
            f"target {answer!r}: the tokenizer of {chat.folder} cannot write it; choose another "
            "target or another model"
        )
    return tokens


def _spellings(chat: ChatFormat, word: str) -> tuple[Spelling, ...]:
    written = (word, word[:1].upper() + word[1:])
    found = [answer_tokens(chat, text) for text in written]
    if counts_spaced(chat):
        found += _spaced(chat, written)
    # A tokenizer without case or spaces has one spelling for several, which counts once.
    return tuple(dict.fromkeys(found))


def _spaced(chat: ChatFormat, words: Sequence[str]) -> Iterator[Spelling]:
    """Answers behind a space, end token included, as far as a model can give them.

    Templates may strip an answer, so that the tokens are those of what stands behind the prompt.
    """
    question = user("?")
    [prompt] = chat.encode_prompts([question])
    rows = chat.encode_begun(question, [f" {word}" for word in words])
    for row, word in zip(rows, words, strict=True):
        tokens = row.tokens[row.prompt_length :]
        # What the tokenizer joins with the template's end cannot be said behind it.
        if row.prompt_length == len(prompt) and chat.decode(tokens).strip() == word:
            yield (*tokens, chat.end_id)
