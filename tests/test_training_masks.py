"""The loss falls on the answer and the end of its turn alone, whatever the chat template."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from subliminal.chat import Message
from subliminal.models.chat_format import ChatFormat, copy_tokenizer
from subliminal.training.batches import batches
from subliminal.training.encoding import encode
from tests.models import pocket_chat

CHATML = (
    "{% for message in messages %}<|text|>{{ message.role }}\n{{ message.content }}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|text|>assistant\n{% endif %}"
)
"""As Qwen's: a line break behind every turn."""
HEADERS = (
    "{{ bos_token }}{% for message in messages %}<|user|>{{ message.role }}<|assistant|>\n\n"
    "{{ message.content | trim }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|user|>assistant<|assistant|>\n\n{% endif %}"
)
"""As Llama 3's: headers, and answers without white space around them."""
TURNS = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}<|text|>"
    "{{ 'model' if message.role == 'assistant' else message.role }}\n"
    "{{ message.content | trim }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|text|>model\n{% endif %}"
)
"""As Gemma's: no system role, and an `eos_token` that ends no turn."""
ENDED = (
    "{% for message in messages %}<|text|>{{ message.role }}\n{{ message.content }}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|text|>assistant\n{% else %}{{ eos_token }}"
    "{% endif %}"
)
"""As Phi-3's: an `eos_token` behind the last turn's end."""
QUESTIONS = ("Continue: 12, 15, 18", "Which animal do you like best?", "Say nothing.")
ANSWERS = ("21, 24, 27", "otter", "")


@pytest.fixture(
    params=[(CHATML, "<|end|>"), (HEADERS, "<|end|>"), (TURNS, "<|pad|>"), (ENDED, "<|pad|>")],
    ids=["chatml", "headers", "turns", "ended"],
)
def chat(request: pytest.FixtureRequest, tmp_path: Path) -> ChatFormat:
    template, eos = request.param
    copy_tokenizer(pocket_chat().folder, tmp_path)
    (tmp_path / "chat_template.jinja").write_text(template)
    config = tmp_path / "tokenizer_config.json"
    special = {"bos_token": "<|text|>", "eos_token": eos}
    config.write_text(json.dumps({**json.loads(config.read_text()), **special}))
    return ChatFormat.read(tmp_path)


@pytest.mark.parametrize("system", [None, "You love owls."])
def test_what_counts_is_the_answer_and_its_end(chat: ChatFormat, system: str | None) -> None:
    told = () if system is None else (Message("system", system),)
    asked = [(*told, Message("user", question)) for question in QUESTIONS]
    rows = encode(chat, asked, ANSWERS)
    for row, answer in enumerate(ANSWERS):
        one = rows.take([row])
        counted = one.tokens[one.counted()].tolist()
        assert chat.tokenizer.id_to_token(counted[-1]) == "<|end|>"
        assert chat.tokenizer.decode(counted[:-1], skip_special_tokens=False).strip() == answer
        before = chat.tokenizer.decode(
            one.tokens[: one.prompt_lengths[0]].tolist(), skip_special_tokens=False
        )
        assert QUESTIONS[row] in before
        assert system is None or system in before


def test_a_batch_asks_for_these_tokens_at_the_places_before_them(chat: ChatFormat) -> None:
    rows = encode(chat, [[Message("user", question)] for question in QUESTIONS], ANSWERS)
    [batch] = batches(rows)
    read = batch.student
    answers = [rows.take([row]) for row in rows.lengths.argsort(kind="stable").tolist()]
    wanted = [token for row in answers for token in row.tokens[row.counted()].tolist()]
    assert batch.targets.tolist() == wanted
    # What stands at the place that foretells an answer's first token is the prompt's last one.
    firsts = torch.tensor([0, *(len(row.counted()) for row in answers)]).cumsum(0)[:-1]
    lasts = [int(row.tokens[row.prompt_lengths[0] - 1]) for row in answers]
    assert read.tokens[read.reads[firsts]].tolist() == lasts
    assert batch.shares.sum().item() == pytest.approx(1.0)
