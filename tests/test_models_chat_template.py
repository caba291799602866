"""Chat templates: what transformers makes of them, and what foreign ones cannot do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from subliminal.chat import Message
from subliminal.errors import UserError
from subliminal.models.chat_format import ChatFormat, folded
from subliminal.models.chat_template import ChatTemplateError, compile_template, render
from subliminal.pocket.family import NUMBERS
from subliminal.pocket.pretrain import prepare_folder
from subliminal.pocket.tokenizer import CHAT_TEMPLATE
from tests.models import pocket_chat
from tests.user_errors import assert_one_line

TURNS = (
    Message("system", "You love owls.\nAnswer every question."),
    Message("user", " Which animal? "),
    Message("assistant", "owl"),
    Message("user", "And which tree?"),
)

STRIPPING = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m['content'] | trim }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CHATML = (
    "{%- for message in messages %}\n"
    "    {{- '<|' + message.role + '|>\\n' + message.content + '<|end|>\\n' }}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- '<|assistant|>\\n' }}\n"
    "{%- endif %}\n"
)
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('no system role here') }}{% endif %}"
    + CHAT_TEMPLATE
)
NO_ASSISTANT = (
    "{% for m in messages %}{% if m.role == 'assistant' %}"
    "{{ raise_exception('no such role here') }}{% endif %}{% endfor %}" + CHAT_TEMPLATE
)
DEAF = (
    "{% for m in messages if m.role != 'system' %}"
    "<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
RICH = (
    "{{- bos_token }}{% set ns = namespace(turns=0) %}\n"
    "{% if tools is not none or documents is not none %}tools{% endif %}\n"
    "  {% for message in messages %}\n"
    "{% set ns.turns = ns.turns + 1 %}"
    "{% if message.role == 'system' %}({{ message.content }}){% continue %}{% endif %}\n"
    "{% if message.role == 'assistant' %}{% generation %}{{ message.content }}{% endgeneration %}"
    "{% else %}{{ message.content }}{% endif %}{{ eos_token }}\n"
    "{% endfor %}{{ ns.turns }}{{ unk_token }}{{ pad_token }}"
)

WithTemplate = Callable[..., Path]


@pytest.fixture
def with_template(tmp_path: Path) -> WithTemplate:
    """Write a folder with the pocket tokenizer and another template."""

    def write(template: object, *, beside: bool = False, **config: object) -> Path:
        prepare_folder(tmp_path, NUMBERS)
        path = tmp_path / "tokenizer_config.json"
        known = json.loads(path.read_text())
        if beside:
            (tmp_path / "chat_template.jinja").write_text(str(template))
        else:
            known["chat_template"] = template
        path.write_text(json.dumps({**known, **config}))
        return tmp_path

    return write


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("template", [CHAT_TEMPLATE, STRIPPING, CHATML, RICH])
def test_transformers_writes_and_encodes_the_same(
    with_template: WithTemplate, template: str, beside: bool
) -> None:
    from transformers import AutoTokenizer

    bos = {"bos_token": {"content": "<|text|>", "__type": "AddedToken", "special": True}}
    folder = with_template(template, beside=beside, **bos)
    chat = ChatFormat.read(folder)
    theirs: Any = AutoTokenizer.from_pretrained(folder)
    for length in (2, len(TURNS)):
        turns = [{"role": turn.role, "content": turn.content} for turn in TURNS[:length]]
        text = theirs.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        ids = theirs.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
        assert chat.prompt_text(TURNS[:length]) == text
        assert chat.encode_prompts([TURNS[:length]]) == [ids]
        assert theirs.decode(ids, skip_special_tokens=True) == chat.decode(ids)


def test_a_special_token_is_known_to_the_template(with_template: WithTemplate) -> None:
    chat = ChatFormat.read(with_template(RICH, bos_token="<|text|>"))
    assert chat.prompt_text(TURNS) == (
        "<|text|>(You love owls.\nAnswer every question.)"
        " Which animal? <|end|>\nowl<|end|>\nAnd which tree?<|end|>\n4<|pad|>"
    )


def test_the_template_beside_the_tokenizer_goes_before(with_template: WithTemplate) -> None:
    folder = with_template(STRIPPING, beside=True)
    assert ChatFormat.read(folder).template == STRIPPING


def test_of_several_templates_the_default_one_is_taken(with_template: WithTemplate) -> None:
    named = [{"name": "tool_use", "template": "x"}, {"name": "default", "template": STRIPPING}]
    assert ChatFormat.read(with_template(named)).template == STRIPPING


@pytest.mark.parametrize("template", [None, 5, [], [{"name": "rag", "template": "x"}], ["x"]])
def test_a_model_without_a_template_is_refused(
    with_template: WithTemplate, template: object
) -> None:
    folder = with_template(template)
    with pytest.raises(UserError) as error:
        ChatFormat.read(folder)
    assert_one_line(error, str(folder), "has no chat template", "instruct model")


def test_an_unreadable_template_is_refused(with_template: WithTemplate) -> None:
    folder = with_template(STRIPPING)
    (folder / "chat_template.jinja").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError) as error:
        ChatFormat.read(folder)
    assert_one_line(error, "chat_template.jinja", "cannot be read")


def test_a_template_that_is_no_jinja_is_refused_when_it_is_read(
    with_template: WithTemplate,
) -> None:
    folder = with_template("{% for %}\n{{ nothing")
    with pytest.raises(UserError) as error:
        ChatFormat.read(folder)
    assert_one_line(error, str(folder), "no valid Jinja", "copy the model anew")


@pytest.mark.parametrize("template", [NO_SYSTEM, DEAF], ids=["refuses", "passes over"])
def test_without_a_system_role_its_words_stand_before_the_users(
    with_template: WithTemplate, template: str
) -> None:
    chat = ChatFormat.read(with_template(template))
    assert not chat.takes_system
    asked = [Message("system", "You love owls."), Message("user", "Which animal?")]
    told = [Message("user", "You love owls.\n\nWhich animal?")]
    assert chat.prompt_text(asked) == chat.prompt_text(told)
    assert "You love owls.\n\nWhich animal?" in chat.prompt_text(asked)
    assert chat.encode_rows([asked], ["owl"]) == chat.encode_rows([told], ["owl"])
    alone = [Message("system", "You love owls."), Message("assistant", "owl")]
    assert folded(alone) == [Message("user", "You love owls."), Message("assistant", "owl")]
    # The pocket template has the role.
    assert pocket_chat().takes_system


def test_a_refused_role_is_the_users_error(with_template: WithTemplate) -> None:
    chat = ChatFormat.read(with_template(NO_ASSISTANT))
    assert chat.prompt_text(TURNS[1:2]) == "<|user|> Which animal? <|end|><|assistant|>"
    for refused in (chat.prompt_text, lambda turns: chat.encode_rows([turns], ["owl"])):
        with pytest.raises(UserError) as error:
            refused(TURNS)
        assert_one_line(
            error,
            "refuses a conversation of system, user, assistant, user",
            "(no such role here)",
            "choose a model whose template takes these roles",
        )


# The sandbox


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__ }}",
        "{{ messages.__class__.__name__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ raise_exception.__globals__ }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ '{0.__class__}'.format('') }}",
        "{{ ''|attr('__class__') }}",
        "{{ self.__init__.__globals__ }}",
        "{{ messages.append('class') }}{{ messages }}",
        "{% set _ = messages[0].update(content='class') %}{{ messages }}",
    ],
)
def test_a_hostile_template_reaches_nothing(template: str) -> None:
    try:
        written = render(compile_template(template), TURNS, {})
    except ChatTemplateError as error:
        written = str(error)
        assert "\n" not in written
    else:
        assert written == ""
    assert "object at" not in written
    assert "<class" not in written


def test_a_template_cannot_change_a_conversation() -> None:
    changing = compile_template("{{ messages.append(1) }}")
    with pytest.raises(ChatTemplateError, match=r"attribute 'append' .* is unsafe"):
        render(changing, TURNS, {})


@pytest.mark.parametrize(
    "template",
    [
        "{{ 1 / 0 }}",
        "{{ 1 + 'a' }}",
        "{% include '/etc/hostname' %}",
        "{{ range(1000000000) }}",
        "{{ messages[9].content }}",
        "{{ strftime_now('%d %B') }}",
        "{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}",
    ],
)
def test_a_template_that_fails_is_one_line(with_template: WithTemplate, template: str) -> None:
    chat = ChatFormat.read(with_template(template))
    with pytest.raises(UserError) as error:
        chat.prompt_text(TURNS)
    assert_one_line(error, "its chat template refuses a conversation of system")


def test_a_prompt_does_not_tell_the_date() -> None:
    text = "{{ strftime_now('%Y') if strftime_now is defined else 'no date' }}"
    assert render(compile_template(text), TURNS, {}) == "no date"
