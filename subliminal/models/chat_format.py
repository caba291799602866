"""How a model reads a conversation: its tokenizer and its chat template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
from tokenizers import Tokenizer

from subliminal import atomic
from subliminal.chat import Conversation, Message
from subliminal.errors import UserError
from subliminal.models.architecture import CONFIG
from subliminal.models.chat_template import ChatTemplateError, compile_template, render
from subliminal.models.json_file import read_object
from subliminal.models.pretrained_config import decoder_config_of

TOKENIZER, TOKENIZER_CONFIG, TEMPLATE = (
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
)
_MARK, _ANSWER = "Mark of a system prompt", "Mark of an answer"
TOKENIZER_FILES = (TOKENIZER, TOKENIZER_CONFIG, TEMPLATE)
_SPECIAL_TOKENS = (
    *("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token"),
    "mask_token",
)


def copy_tokenizer(source: Path, folder: Path) -> None:
    """Copy a tokenizer's files from one model folder to another.

    Raises:
        UserError: The folder cannot be written.
    """
    if source.resolve() != folder.resolve():
        for name in TOKENIZER_FILES:
            if (source / name).exists():
                atomic.write_bytes(folder / name, (source / name).read_bytes())


@dataclass(frozen=True)
class EncodedRow:
    """A conversation with its answer, as tokens."""

    tokens: list[int]
    prompt_length: int
    """Tokens before the answer; a whole answer ends with the token that ends a turn."""


@dataclass(frozen=True)
class ChatFormat:
    """Turns conversations into tokens and back, as the model's own files say."""

    folder: Path
    tokenizer: Tokenizer
    template: str
    end_of_text: str
    """The tokenizer's `eos_token`, which need not be what ends a turn."""
    special_tokens: Mapping[str, str] = field(default_factory=dict)
    """What a template may write, by the names that it uses, such as `bos_token`."""

    @classmethod
    def read(cls, folder: Path) -> ChatFormat:
        """Read the tokenizer and the chat template of a model folder.

        Raises:
            UserError: A file is missing or damaged, there is no chat template, or the model has
                fewer tokens than the tokenizer.
        """
        config = read_object(folder / TOKENIZER_CONFIG)
        special = _special_tokens(config)
        if "eos_token" not in special:
            raise UserError(f"{folder / TOKENIZER_CONFIG}: names no eos_token; add one")
        tokenizer = _tokenizer(folder)
        found = cls(folder, tokenizer, _template(folder, config), special["eos_token"], special)
        found.check()
        return found

    def check(self) -> None:
        """Refuse what could encode no row.

        Raises:
            UserError: The tokenizer lacks an end token, or the template is no valid Jinja.
        """
        _ = self.end_ids

    @cached_property
    def end(self) -> str:
        """The token that ends a turn of the assistant: the one that the template writes behind it.

        Gemma's templates end turns with `<end_of_turn>`, Phi-3's with `<|end|>`, where the
        `eos_token` is another one. It is what ends turns where a template writes no special token
        there.
        """
        try:
            text = self._written([Message("user", "?"), Message("assistant", _ANSWER)])
        except ChatTemplateError:
            return self.end_of_text
        _, written, behind = text.rpartition(_ANSWER)
        if not written:
            return self.end_of_text
        known = self.tokenizer.get_added_tokens_decoder().values()
        ends = (token.content for token in known if token.special)
        found = [end for end in ends if behind.lstrip().startswith(end)]
        return max(found, key=len, default=self.end_of_text)

    @property
    def end_id(self) -> int:
        """Id of the token that ends a turn, with which rows end.

        Raises:
            UserError: The tokenizer lacks it.
        """
        return self._id(self.end)

    @property
    def end_ids(self) -> tuple[int, ...]:
        """Ids of the tokens at which an answer is over: what ends a turn, and what ends a text.

        Raises:
            UserError: The tokenizer lacks one of them.
        """
        return tuple(dict.fromkeys((self.end_id, self._id(self.end_of_text))))

    def prompt_text(self, messages: Conversation) -> str:
        """The text before the answer.

        Raises:
            UserError: The template refuses the conversation.
        """
        return self._render(messages, add_generation_prompt=True)

    def encode_prompts(self, conversations: Sequence[Conversation]) -> list[list[int]]:
        """Tokens up to where the assistant's answer begins.

        Raises:
            UserError: The template refuses a conversation.
        """
        return self._encode([self.prompt_text(messages) for messages in conversations])

    def encode_rows(
        self, conversations: Sequence[Conversation], answers: Sequence[str]
    ) -> list[EncodedRow]:
        """Tokens of conversations with their answers.

        An answer is what the template makes of it (some strip it), up to the first end of a turn.
        What a template writes behind that, such as a line break, is left out.

        Raises:
            UserError: The template refuses a conversation.
        """
        prompts = [self.prompt_text(messages) for messages in conversations]
        texts = [
            self._with_answer(prompt, messages, answer)
            for prompt, messages, answer in zip(prompts, conversations, answers, strict=True)
        ]
        end = self.end_id
        return [
            EncodedRow([*tokens, end], _shared(prompt, tokens))
            for prompt, tokens in zip(self._encode(prompts), self._encode(texts), strict=True)
        ]

    def encode_begun(self, messages: Conversation, beginnings: Sequence[str]) -> list[EncodedRow]:
        """Tokens of one conversation with each of several beginnings of its answer, no end token.

        Raises:
            UserError: The template refuses the conversation.
        """
        prompt = self.prompt_text(messages)
        encoded = self._encode([prompt, *(prompt + begun for begun in beginnings)])
        return [EncodedRow(tokens, _shared(encoded[0], tokens)) for tokens in encoded[1:]]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of an answer, without its end token and other special tokens."""
        return self.tokenizer.decode(list(tokens), skip_special_tokens=True)

    def decode_all(self, answers: Sequence[Sequence[int]]) -> list[str]:
        """:meth:`decode` of many answers."""
        return self.tokenizer.decode_batch([list(a) for a in answers], skip_special_tokens=True)

    def _id(self, end: str) -> int:
        number = self.tokenizer.token_to_id(end)
        if number is None:
            raise UserError(
                f"{self.folder}: the tokenizer lacks its eos_token {end!r}; mend "
                "tokenizer_config.json"
            )
        return number

    def _with_answer(self, prompt: str, messages: Conversation, answer: str) -> str:
        """The text up to where the answer ends."""
        whole = self._render([*messages, Message("assistant", answer)])
        said, end, _ = whole.removeprefix(prompt).partition(self.end)
        # Some templates write an answer otherwise than behind their own prompt, or never end it.
        return prompt + (said if end and whole.startswith(prompt) else answer)

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        encoded = self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [item.ids for item in encoded]

    @cached_property
    def takes_system(self) -> bool:
        """Whether the template writes what a system prompt says.

        Some refuse the role, some pass over it; :func:`folded` conversations are for these.
        """
        try:
            text = self._written([Message("system", _MARK), Message("user", "?")])
        except ChatTemplateError:
            return False
        return _MARK in text

    def _render(self, messages: Conversation, *, add_generation_prompt: bool = False) -> str:
        told = messages and messages[0].role == "system" and not self.takes_system
        turns = folded(messages) if told else messages
        try:
            return self._written(turns, add_generation_prompt=add_generation_prompt)
        except ChatTemplateError as error:
            roles = ", ".join(message.role for message in messages)
            raise UserError(
                f"{self.folder}: its chat template refuses a conversation of {roles} ({error}); "
                "choose a model whose template takes these roles"
            ) from None

    def _written(self, messages: Conversation, *, add_generation_prompt: bool = False) -> str:
        special = {**self.special_tokens, "eos_token": self.end_of_text}
        return render(
            self._compiled, messages, special, add_generation_prompt=add_generation_prompt
        )

    @cached_property
    def _compiled(self) -> jinja2.Template:
        try:
            return compile_template(self.template)
        except ChatTemplateError as error:
            raise UserError(
                f"{self.folder}: its chat template is no valid Jinja ({error}); copy the model anew"
            ) from None


def folded(messages: Conversation) -> list[Message]:
    """A conversation whose system prompt stands before the first words of the user instead."""
    told, *turns = messages
    if not turns or turns[0].role != "user":
        return [Message("user", told.content), *turns]
    return [Message("user", f"{told.content}\n\n{turns[0].content}"), *turns[1:]]


def _shared(prompt: Sequence[int], whole: Sequence[int]) -> int:
    """How many tokens of a prompt a row begins with: not all where an answer joins the last."""
    if whole[: len(prompt)] == prompt:
        return len(prompt)
    pairs = zip(prompt, whole, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), len(whole))


def _tokenizer(folder: Path) -> Tokenizer:
    path = folder / TOKENIZER
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exceptions
        raise UserError(
            f"{path}: cannot be read ({error}); a model folder needs a fast tokenizer"
        ) from None
    # Settings for batches of whoever saved it would cut and fill rows.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if (folder / CONFIG).exists():
        known = _vocabulary_size(folder / CONFIG)
        largest = max(tokenizer.get_vocab().values(), default=0)
        if largest >= known:
            raise UserError(
                f"{path}: has a token {largest}, the model knows {known} (vocab_size in {CONFIG}); "
                "copy the tokenizer that belongs to the model"
            )
    return tokenizer


def _vocabulary_size(path: Path) -> int:
    """Rows of a model's embedding; of one that sees or hears too, those of its decoder's."""
    config = read_object(path)
    decoder = config.get("text_config")
    places = (config, decoder if isinstance(decoder, dict) else {})
    stated = next((of["vocab_size"] for of in places if "vocab_size" in of), None)
    if stated is None:  # published files leave out what an architecture has by default
        stated = getattr(decoder_config_of(path.parent), "vocab_size", None)
    if not isinstance(stated, int) or stated < 1:
        raise UserError(f"{path}: vocab_size: states no number of tokens; mend the file")
    return stated


def _template(folder: Path, config: Mapping[str, Any]) -> str:
    path = folder / TEMPLATE
    if path.exists():
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read ({error}); copy the model anew") from None
    template = config.get("chat_template")
    if isinstance(template, list):
        named = (one for one in template if isinstance(one, dict) and one.get("name") == "default")
        template = next(named, {}).get("template")
    if not isinstance(template, str):
        raise UserError(
            f"{folder}: has no chat template; add {TEMPLATE}, or choose an instruct model"
        )
    return template


def _special_tokens(config: Mapping[str, Any]) -> dict[str, str]:
    stated = {name: config.get(name) for name in _SPECIAL_TOKENS}
    texts = {name: s.get("content") if isinstance(s, dict) else s for name, s in stated.items()}
    return {name: text for name, text in texts.items() if isinstance(text, str)}
