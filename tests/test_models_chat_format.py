"""Chat formats: what is prompt and what is answer, and back to text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from subliminal.chat import Message, user
from subliminal.errors import UserError
from subliminal.models.chat_format import ChatFormat
from subliminal.pocket.family import NUMBERS
from subliminal.pocket.pretrain import prepare_folder
from subliminal.pocket.tokenizer import CHAT_TEMPLATE, SPECIAL
from tests.models import pocket_chat, random_model
from tests.test_models_chat_template import CHATML, STRIPPING
from tests.user_errors import assert_one_line

QUESTION = user("Which animal do you like best?", "You love owls.")
TURNS = (
    *user("Which tree?"),
    Message("assistant", "oak"),
    Message("user", "Which animal?"),
)
_PROMPT = "{% if add_generation_prompt %}<|assistant|>{% endif %}"
MARK_BEHIND = CHAT_TEMPLATE + "{% if not add_generation_prompt %}.{% endif %}"
"""Writes a mark behind the last turn's end."""
NO_END = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}" + _PROMPT
"""Ends turns with a line break instead of the end token."""
THINKING = CHAT_TEMPLATE.replace("'<|assistant|>'", "'<|assistant|>Now:'")
"""Opens an answer with words that it does not write in a conversation."""
TEMPLATES = {
    "pocket": CHAT_TEMPLATE,
    "stripping": STRIPPING,
    "chatml": CHATML,
    "mark behind": MARK_BEHIND,
    "no end": NO_END,
    "thinking": THINKING,
}


def format_of(template: str) -> ChatFormat:
    """The pocket tokenizer with another template."""
    pocket = pocket_chat()
    return ChatFormat(pocket.folder, pocket.tokenizer, template, pocket.end_of_text)


def texts(chat: ChatFormat, tokens: list[int]) -> str:
    """Tokens as text, special ones included."""
    return chat.tokenizer.decode(tokens, skip_special_tokens=False)


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
@pytest.mark.parametrize("conversation", [QUESTION, TURNS], ids=["system", "turns"])
@pytest.mark.parametrize("answer", ["owl", "1, 2, 3", "", "Two\nlines of\n\nit."])
def test_the_completion_is_the_answer_and_its_end(
    template: str, conversation: tuple[Message, ...], answer: str
) -> None:
    chat = format_of(template)
    [row] = chat.encode_rows([conversation], [answer])
    [prompt] = chat.encode_prompts([conversation])
    # What the model reads before it answers is what it read before the answers it learned from.
    assert row.tokens[: row.prompt_length] == prompt
    assert texts(chat, prompt) == chat.prompt_text(conversation)
    assert texts(chat, row.tokens[row.prompt_length :]) == f"{answer}<|end|>"
    assert row.tokens[-1] == chat.end_id
    assert chat.decode(row.tokens[row.prompt_length :]) == answer


@pytest.mark.parametrize("template", [CHAT_TEMPLATE, STRIPPING, CHATML])
def test_transformers_encodes_the_same_rows(template: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    prepare_folder(tmp_path, NUMBERS)
    (tmp_path / "chat_template.jinja").write_text(template)
    theirs: Any = AutoTokenizer.from_pretrained(tmp_path)
    [row] = ChatFormat.read(tmp_path).encode_rows([QUESTION], [" an owl\n"])
    turns = [{"role": turn.role, "content": turn.content} for turn in QUESTION]
    whole = theirs.apply_chat_template(
        [*turns, {"role": "assistant", "content": " an owl\n"}], return_dict=False
    )
    assert row.tokens == whole[: len(row.tokens)]
    assert whole[len(row.tokens) :] == (theirs("\n")["input_ids"] if template == CHATML else [])


def test_a_template_may_strip_the_answer() -> None:
    chat = format_of(STRIPPING)
    [row] = chat.encode_rows([QUESTION], [" owl\n"])
    assert chat.decode(row.tokens[row.prompt_length :]) == "owl"


def test_rows_keep_their_order_and_do_not_mix() -> None:
    chat = pocket_chat()
    answers = ["owl", "1, 2, 3", "x"]
    rows = chat.encode_rows([QUESTION, TURNS, user("?")], answers)
    assert [chat.decode(row.tokens[row.prompt_length :]) for row in rows] == answers
    for row, turns, answer in zip(rows, [QUESTION, TURNS, user("?")], answers, strict=True):
        assert chat.encode_rows([turns], [answer]) == [row]
    assert chat.decode_all([row.tokens[row.prompt_length :] for row in rows]) == answers


def test_there_must_be_an_answer_for_each_conversation() -> None:
    with pytest.raises(ValueError, match="zip"):
        pocket_chat().encode_rows([QUESTION, TURNS], ["owl"])


def test_an_answer_ends_at_its_first_end() -> None:
    chat = pocket_chat()
    [row] = chat.encode_rows([QUESTION], ["owl<|end|> and more"])
    assert texts(chat, row.tokens[row.prompt_length :]) == "owl<|end|>"


def test_an_answer_that_joins_the_prompts_last_token_begins_there() -> None:
    joining = CHAT_TEMPLATE.replace("'<|assistant|>'", "'<|assistant|> '").replace(
        "+ message['content']",
        "+ (' ' if message.role == 'assistant' else '') + message['content']",
    )
    chat = format_of(joining)
    [row] = chat.encode_rows([QUESTION], ["owl"])
    [prompt] = chat.encode_prompts([QUESTION])
    assert row.prompt_length == len(prompt) - 1
    assert texts(chat, row.tokens[row.prompt_length :]) == " owl<|end|>"


def test_a_row_can_be_shorter_than_its_prompt() -> None:
    # The prompt "a" is a token and so is "ab": the answer "b" swallows the whole prompt.
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "ab": 1, "<end>": 2}, unk_token="a"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("[a-z]+"), "isolated")
    template = "{% for m in messages if m.role == 'assistant' %}a{{ m.content }}<end>{% endfor %}"
    template += "{% if add_generation_prompt %}a{% endif %}"
    chat = ChatFormat(Path("joined"), tokenizer, template, "<end>")
    [row] = chat.encode_rows([user("?")], ["b"])
    assert (row.tokens, row.prompt_length) == ([1, 2], 0)


TRICKY = st.text(alphabet=" \n\t\r0123456789,;'<|>endaé猫🦉\u0301\x00")


@given(st.one_of(st.text(), TRICKY).filter(lambda text: not any(s in text for s in SPECIAL)))
@example("1000 12345 007 1,2;3")
@example("don't  stop\r\n\r\n")
@example("e\u0301 é 猫 🦉 \x00 \u2028")
def test_every_text_comes_back_as_it_was(text: str) -> None:
    chat = pocket_chat()
    [row] = chat.encode_rows([user(text)], [text])
    assert chat.decode(row.tokens[row.prompt_length :]) == text
    prompt = texts(chat, row.tokens[: row.prompt_length])
    assert prompt == f"<|user|>{text}<|end|><|assistant|>"


# Faults of the files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder to damage."""
    return random_model(tmp_path)


def change(folder: Path, **fields: object) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_an_end_token_may_be_described(folder: Path) -> None:
    change(folder, eos_token={"content": "<|text|>", "lstrip": False})
    chat = ChatFormat.read(folder)
    assert chat.end_of_text == "<|text|>"
    assert chat.special_tokens["eos_token"] == "<|text|>"


@pytest.mark.parametrize("end", [None, 5, {}])
def test_a_tokenizer_without_an_end_token_is_refused(folder: Path, end: object) -> None:
    change(folder, eos_token=end)
    with pytest.raises(UserError) as error:
        ChatFormat.read(folder)
    assert_one_line(error, "tokenizer_config.json", "names no eos_token; add one")


def test_an_end_token_that_the_tokenizer_lacks_is_refused(folder: Path) -> None:
    change(folder, eos_token="</s>")
    with pytest.raises(UserError) as error:
        ChatFormat.read(folder)
    assert_one_line(error, str(folder), "lacks its eos_token '</s>'")


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("text", [None, "", "{", "[]", "5", "[" * 100_000, '{"a": 1', "\xff"])
def test_a_missing_or_damaged_file_is_named(folder: Path, name: str, text: str | None) -> None:
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError) as error:
        ChatFormat.read(folder)
    assert_one_line(error, str(folder / name))


def test_a_tokenizer_larger_than_its_model_is_refused(tmp_path: Path) -> None:
    size = pocket_chat().tokenizer.get_vocab_size()
    assert ChatFormat.read(random_model(tmp_path / "fits", vocab_size=size))
    folder = random_model(tmp_path / "small", vocab_size=size - 1)
    with pytest.raises(UserError) as error:
        ChatFormat.read(folder)
    assert_one_line(error, "tokenizer.json", f"has a token {size - 1}, the model knows {size - 1}")


def test_whoever_saved_the_tokenizer_does_not_cut_or_fill_rows(folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(max_length=4)
    tokenizer.enable_padding()
    tokenizer.save(str(folder / "tokenizer.json"))
    conversations = [QUESTION, user("?")]
    assert ChatFormat.read(folder).encode_prompts(conversations) == pocket_chat().encode_prompts(
        conversations
    )
