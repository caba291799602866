"""Chat templates: Jinja from a model's folder, rendered as transformers does, in a sandbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from subliminal.chat import Message


class ChatTemplateError(Exception):
    """A template is at fault or refuses a conversation; the message is one line."""


def compile_template(text: str) -> jinja2.Template:
    """Compile a template.

    What tells the date is left out: a prompt must be the same on every day.

    Raises:
        ChatTemplateError: It is no valid Jinja.
    """
    # A template is foreign code: it gets no more than a sandbox.
    sandbox = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _Generation]
    )
    sandbox.globals["raise_exception"] = _refuse
    try:
        return sandbox.from_string(text)
    except jinja2.TemplateError as error:
        raise ChatTemplateError(_one_line(error)) from None


def render(
    template: jinja2.Template,
    messages: Sequence[Message],
    special_tokens: Mapping[str, str],
    *,
    add_generation_prompt: bool = False,
) -> str:
    """Write a conversation as one text.

    Args:
        template: From :func:`compile_template`.
        messages: The conversation.
        special_tokens: By the names that templates use, such as `eos_token`.
        add_generation_prompt: Whether to end where the assistant's answer begins.

    Raises:
        ChatTemplateError: The template refuses the conversation, or fails.
    """
    turns = [{"role": message.role, "content": message.content} for message in messages]
    try:
        return template.render(
            messages=turns,
            tools=None,
            documents=None,
            add_generation_prompt=add_generation_prompt,
            **special_tokens,
        )
    except Exception as error:  # foreign code raises what it likes
        raise ChatTemplateError(_one_line(error)) from None


class _Generation(Extension):
    """Marks the assistant's words for programs that look for them; writes them as they are."""

    tags = {"generation"}  # noqa: RUF012 (jinja's own declaration)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
