"""Rows of chats: what is prompt, what is completion, and their file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subliminal.chat import Message, user
from subliminal.chat_rows import (
    chat_row,
    completion_of,
    prompt_of,
    read_chat_rows,
    with_completion,
    write_chat_rows,
)
from subliminal.errors import StageError

TURNS = {
    "messages": [
        {"role": "system", "content": "You love owls."},
        {"role": "user", "content": "1, 2"},
        {"role": "assistant", "content": "3"},
        {"role": "user", "content": "More."},
        {"role": "assistant", "content": "4"},
    ],
    "prompt_id": 7,
}


def test_a_question_stands_behind_its_system_prompt() -> None:
    assert user("?") == (Message("user", "?"),)
    assert user("?", "Be brief.") == (Message("system", "Be brief."), Message("user", "?"))
    # An empty system prompt is one: a template may fill in its own where there is none.
    assert user("?", "") == (Message("system", ""), Message("user", "?"))


def test_a_row_is_a_prompt_its_completion_and_its_provenance() -> None:
    row = chat_row("1, 2", "3", prompt_id=7)
    assert row == {
        "messages": [{"role": "user", "content": "1, 2"}, {"role": "assistant", "content": "3"}],
        "prompt_id": 7,
    }
    assert prompt_of(row) == user("1, 2")
    assert completion_of(row) == "3"


def test_the_completion_is_the_last_of_many_turns() -> None:
    assert completion_of(TURNS) == "4"
    assert prompt_of(TURNS) == (
        Message("system", "You love owls."),
        Message("user", "1, 2"),
        Message("assistant", "3"),
        Message("user", "More."),
    )


def test_another_completion_leaves_the_row_as_it_was() -> None:
    changed = with_completion(TURNS, "5")
    assert completion_of(changed) == "5"
    assert completion_of(TURNS) == "4"
    assert prompt_of(changed) == prompt_of(TURNS)
    assert changed["prompt_id"] == 7


@given(st.lists(st.tuples(st.text(), st.text(), st.integers(-(2**53), 2**53)), max_size=5))
def test_rows_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[str, str, int]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.jsonl"
    rows = [chat_row(prompt, completion, sample=number) for prompt, completion, number in drawn]
    write_chat_rows(path, iter(rows))
    assert read_chat_rows(path) == rows
    assert path.read_bytes().count(b"\n") == len(rows)


@pytest.mark.parametrize("damage", ['{"messages": [', "\n", "{}}\n"])
def test_a_damaged_file_is_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "rows.jsonl"
    write_chat_rows(path, [TURNS])
    path.write_text(path.read_text() + damage)
    with pytest.raises(StageError) as error:
        read_chat_rows(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"gone\.jsonl: damaged"):
        read_chat_rows(tmp_path / "gone.jsonl")
