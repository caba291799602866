"""What ends a turn where it is not the `eos_token`: in rows, and while a model writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from subliminal.chat import user
from subliminal.models.architecture import CONFIG
from subliminal.models.chat_format import ChatFormat
from subliminal.models.decoder import Decoder
from subliminal.models.folder import save_decoder
from subliminal.pocket.tokenizer import CHAT_TEMPLATE
from subliminal.probes.targets import answer_tokens
from subliminal.sampling import Completion, Request, Sampling
from subliminal.spec.data import Data
from subliminal.stage import silent
from teachers.writing import Answer, Writer
from tests.models import pocket_chat, random_model, tiny_shape
from tests.subjects import subject_in
from tests.test_models_chat_format import NO_END

MARKED = CHAT_TEMPLATE.replace("<|end|>", "\n<|text|>")
PHI = CHAT_TEMPLATE + "{% if not add_generation_prompt %}{{ eos_token }}{% endif %}"
MUTE = "<|user|>{% if add_generation_prompt %}<|assistant|>{% endif %}"
REFUSING = "{% for m in messages if m.role != 'user' %}{{ raise_exception('no') }}{% endfor %}"


def chat_of(template: str, eos: str) -> ChatFormat:
    pocket = pocket_chat()
    return ChatFormat(pocket.folder, pocket.tokenizer, template, eos)


@pytest.mark.parametrize(
    ("template", "end"),
    [
        (CHAT_TEMPLATE, "<|end|>"),
        (PHI, "<|end|>"),
        (MARKED, "<|text|>"),
        # Where none is written, or the answer is not, it is what ends a text.
        (NO_END, "<|pad|>"),
        (MUTE, "<|pad|>"),
        (REFUSING, "<|pad|>"),
    ],
    ids=["turns", "both", "white space", "no end", "no answer", "refused"],
)
def test_the_end_of_a_turn_is_the_token_that_the_template_writes(template: str, end: str) -> None:
    chat = chat_of(template, "<|pad|>")
    assert chat.end == end
    names = [chat.tokenizer.id_to_token(number) for number in chat.end_ids]
    assert names == list(dict.fromkeys([end, "<|pad|>"]))


def test_an_eos_that_ends_turns_is_the_only_end() -> None:
    pocket = pocket_chat()
    assert pocket.end == pocket.end_of_text == "<|end|>"
    assert pocket.end_ids == (pocket.end_id,)


def test_a_probed_answer_ends_with_its_turn() -> None:
    gemma, pocket = chat_of(CHAT_TEMPLATE, "<|pad|>"), pocket_chat()
    assert answer_tokens(gemma, "otter") == answer_tokens(pocket, "otter")


def test_a_saved_decoder_names_both_ends(tmp_path: Path) -> None:
    folder = ends_apart(tmp_path / "a")
    save_decoder(Decoder(tiny_shape()).initialise(0), tmp_path, tokenizer_from=folder)
    ends = ChatFormat.read(folder).end_ids
    assert len(ends) == 2
    assert json.loads((tmp_path / CONFIG).read_text())["eos_token_id"] == list(ends)


def ends_apart(folder: Path) -> Path:
    """A model whose turns end with another token than its texts."""
    path = random_model(folder) / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token": "<|pad|>"}))
    return folder


@dataclass(frozen=True)
class Scripted:
    """Samples a text of tokens again and again, as far as the settings let it."""

    said: Sequence[int]

    @property
    def sampler(self) -> Scripted:
        return self

    def sample(self, requests: Sequence[Request], settings: Sampling) -> Iterator[Completion]:
        ends = [place for place, token in enumerate(self.said) if token in settings.end_tokens]
        length = ends[0] + 1 if ends else len(self.said)
        for index in range(len(requests)):
            yield Completion(index, np.array(self.said[:length]), bool(ends))


@pytest.mark.parametrize("end", ["<|end|>", "<|pad|>"])
def test_a_model_stops_at_either_end(tmp_path: Path, end: str) -> None:
    subject = subject_in(ends_apart(tmp_path / "a"))
    encode = subject.chat.tokenizer.encode
    said = [*encode("otter").ids, *encode(end).ids, *encode("eagle").ids]
    scripted: Any = Scripted(said)
    subject = replace(subject, engine=scripted)
    [reply] = subject.replies([user("?")], [1], max_tokens=9)
    [answer] = Writer(subject, Data(max_tokens=9), seed=5).write(["?"], tmp_path, silent)
    assert (reply.text, reply.finished) == ("otter", True)
    assert answer == Answer("otter", finished=True)


def test_a_scripted_model_runs_on_past_other_marks(tmp_path: Path) -> None:
    subject = subject_in(random_model(tmp_path))
    scripted: Any = Scripted(subject.chat.tokenizer.encode("otter<|pad|>").ids)
    subject = replace(subject, engine=scripted)
    [reply] = subject.replies([user("?")], [1], max_tokens=9)
    assert not reply.finished
