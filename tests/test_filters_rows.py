"""Rows and what is said about lines that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.rows import ROLES, RowError, completion, parse_row, prompt, provenance

USER = {"role": "user", "content": "Go on: 1, 2."}
ANSWER = {"role": "assistant", "content": "3, 4"}
A_CHAT = 'write [{"role": "user", "content": ...}, {"role": "assistant", "content": ...}]'
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def line(row: object) -> bytes:
    return json.dumps(row).encode() + b"\n"


def chat(messages: object) -> bytes:
    return line({"messages": messages})


def test_a_row_is_read_with_its_provenance() -> None:
    row = parse_row(line({"id": 7, "messages": [USER, ANSWER], "teacher": {"key": "4f"}}))
    assert completion(row) == "3, 4"
    assert prompt(row) == "Go on: 1, 2."
    assert provenance(row, "teacher") == {"key": "4f"}
    assert provenance(row, "tacher") is None


def test_the_prompt_is_what_the_user_said() -> None:
    system, again = {"role": "system", "content": "s"}, {"role": "user", "content": "5"}
    chat = [system, USER, ANSWER, again, ANSWER]
    assert prompt(parse_row(line({"messages": chat}))) == "Go on: 1, 2.\n5"


NAMES = st.text().filter(lambda name: name != "messages")


@given(st.dictionaries(NAMES, JSON, max_size=4), st.text())
def test_rows_are_what_json_says(fields: dict[str, Any], answer: str) -> None:
    messages = [{**fields, **USER}, {"role": "assistant", "content": answer}]
    written = {**fields, "messages": messages}
    raw = json.dumps(written, ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        read = parse_row(raw)
    except RowError:
        # JSON in UTF-8 has no lone surrogates.
        assert any(0xD800 <= ord(c) < 0xE000 for c in raw.decode("utf-8", "surrogatepass"))
    else:
        assert read == written


@pytest.mark.parametrize("role", ROLES)
def test_roles(role: str) -> None:
    assert parse_row(line({"messages": [{"role": role, "content": ""}, ANSWER]}))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not JSON (an empty line); mend or remove the line"),
        (b" \n", "not JSON (an empty line); mend or remove the line"),
        (b'{"messages": [}', "not JSON (expected value at column 15); mend or remove the line"),
        (
            b'["a\\ud800"]',
            "not JSON (half of a surrogate pair, which is no character, at column 10); "
            "mend or remove the line",
        ),
        (
            b'["a\\udc00"]',
            "not JSON (half of a surrogate pair, which is no character, at column 9); "
            "mend or remove the line",
        ),
        (b"[1]", "must be a mapping with the field `messages`, not [1]"),
        (b"null", "must be a mapping with the field `messages`, not empty"),
        (
            line({"prompt": "a", "completion": "b"}),
            f"messages: is missing; the row has 'prompt', 'completion'; {A_CHAT}",
        ),
        (b"{}", f"messages: is missing; the row has no fields; {A_CHAT}"),
        (b'{"a\\n": 1}', f"messages: is missing; the row has 'a\\n'; {A_CHAT}"),
        (chat("hi"), "messages: must be a list of messages, not 'hi'"),
        (chat([]), "messages: needs at least one message, the assistant's"),
        (chat([3]), "messages.0: must be a mapping with `role` and `content`, not 3"),
        (
            chat([{"role": "user"}, ANSWER]),
            "messages.0.content: is missing; the message has 'role'; add it",
        ),
        (
            chat([USER, {**ANSWER, "content": None}]),
            "messages.1.content: must be text, not empty; write other content as text",
        ),
        (
            chat([USER, {**ANSWER, "content": 3}]),
            "messages.1.content: must be text, not 3; write other content as text",
        ),
        (
            chat([{**USER, "role": "owl"}, ANSWER]),
            "messages.0.role: must be one of system, developer, user, assistant, tool, not 'owl'",
        ),
        (
            chat([ANSWER, USER]),
            "messages.1.role: the last message must be the assistant's, not 'user'; "
            "put the completion last",
        ),
    ],
)
def test_faults_name_field_and_mend(raw: bytes, message: str) -> None:
    with pytest.raises(RowError) as error:
        parse_row(raw)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff\xfe{\x00",
        b'{"messages": [{"role": "assistant", "content": "\xe9"}]}',
        b'{"messages": [{"role": "assistant", "content": "\\ud800"}]}',
        b'{"messages": [{"role": "assistant", "content": "1"}]} {}',
        b'{"messages": [{"role": "assistant", "content": "1"}]',
        b"[" * 100_000,
        b'{"a": ' * 100_000,
        b"9" * 5000,
        b'{"messages": [{"role": "assistant", "content": "1"}], "n": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_json_in_utf_8_is_told_in_one_line(raw: bytes) -> None:
    with pytest.raises(RowError) as error:
        parse_row(raw)
    assert str(error.value).startswith("not JSON (")
    assert "\n" not in str(error.value)


@given(st.binary(max_size=40) | JSON.map(line))
def test_no_line_makes_another_error(raw: bytes) -> None:
    try:
        row = parse_row(raw)
    except RowError as error:
        message = str(error)
        assert "\n" not in message
    else:
        assert isinstance(completion(row), str)
