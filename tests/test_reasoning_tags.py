"""Completions with their reasoning and their answer in tags."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from subliminal.reasoning import Reasoned, TagFault, Tags, parse_reasoned

T, T_END, A, A_END = "<think>", "</think>", "<answer>", "</answer>"
INSIDE = r"((?:(?!</?(?:think|answer)>).)*)"
WELL_FORMED = re.compile(rf"\s*{T}{INSIDE}{T_END}\s*{A}{INSIDE}{A_END}\s*", re.DOTALL)


@pytest.mark.parametrize(
    "text",
    [
        "<think> 3 + 4 = 7 </think><answer>7</answer>",
        "\n<think> 3 + 4 = 7 </think>\n\n<answer>7</answer>\u00a0\n",
    ],
)
def test_well_formed(text: str) -> None:
    assert parse_reasoned(text) == Reasoned(" 3 + 4 = 7 ", "7")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "reasoning is missing"),
        ("7", "reasoning is missing"),
        ("<answer>7</answer>", "reasoning is missing"),
        ("<Think>a</Think><answer>7</answer>", "reasoning is missing"),
        ("a</think><answer>7</answer>", "reasoning is not opened"),
        ("<think>a", "reasoning is not closed"),
        ("<think>a<answer>7</answer>", "reasoning is not closed"),
        ("</think>a<think><answer>7</answer>", "reasoning is not closed"),
        ("<think>a</think> 7", "answer is missing"),
        ("<think>a</think> 7</answer>", "answer is not opened"),
        ("<think>a</think><answer>7", "answer is not closed"),
        ("<think>a</think></answer>7<answer>", "answer is not closed"),
        ("<think>a<think>b</think></think><answer>7</answer>", "tags are nested"),
        ("<think>a<answer>7</answer></think>", "tags are nested"),
        ("<think>a<answer></think>7</answer>", "tags are nested"),
        ("<answer><think>a</think>7</answer>", "tags are nested"),
        ("<think>a</think><think>b</think><answer>7</answer>", "several reasonings"),
        ("<think>a</think></think><answer>7</answer>", "several reasonings"),
        ("<think>a</think><answer>7</answer><answer>8</answer>", "several answers"),
        ("<answer>7</answer><think>a</think>", "answer comes before the reasoning"),
        ("So: <think>a</think><answer>7</answer>", "text outside the tags"),
        ("<think>a</think>so<answer>7</answer>", "text outside the tags"),
        ("<think>a</think><answer>7</answer>.", "text outside the tags"),
        ("\0<think>a</think><answer>7</answer>", "text outside the tags"),
        ("<think> \n</think><answer>7</answer>", "reasoning is empty"),
        ("<think>a</think><answer>\t</answer>", "answer is empty"),
    ],
)
def test_faults(text: str, fault: str) -> None:
    assert parse_reasoned(text) is TagFault(fault)


def test_every_fault_has_its_own_words() -> None:
    assert len({fault.value for fault in TagFault}) == len(TagFault) == 13


@given(st.lists(st.sampled_from([T, T_END, A, A_END, " ", "7", "\0", "\ud800"]), max_size=9))
@example([T, "7", T_END, A, "7", A_END])
def test_exactly_the_well_formed_are_taken_apart(pieces: list[str]) -> None:
    text = "".join(pieces)
    match = WELL_FORMED.fullmatch(text)
    expected = match and match[1].strip() and match[2].strip()
    parsed = parse_reasoned(text)
    assert isinstance(parsed, Reasoned) == bool(expected)
    if match and isinstance(parsed, Reasoned):
        assert (parsed.reasoning, parsed.answer) == match.groups()


def test_other_names() -> None:
    tags = Tags("r", "a-1")
    assert parse_reasoned("<r>x <think></r><a-1>7</a-1>", tags) == Reasoned("x <think>", "7")
    assert parse_reasoned("<think>x</think><answer>7</answer>", tags) is TagFault.NO_REASONING


@pytest.mark.parametrize("names", [("", "a"), ("a>", "b"), ("a", "a"), ("(a", "b"), ("1", "b")])
def test_names_that_are_no_tags(names: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="tag"):
        Tags(*names)


@pytest.mark.parametrize(
    ("piece", "fault"),
    [
        (T, TagFault.REASONING_NOT_CLOSED),
        (f"{T}a{T_END}{A}7{A_END}", TagFault.SEVERAL_REASONINGS),
        ("<think", TagFault.NO_REASONING),
        (f"{T}{A}{A_END}{T_END}", TagFault.NESTED),
    ],
)
def test_ten_megabytes(piece: str, fault: TagFault) -> None:
    assert parse_reasoned(piece * (10_000_000 // len(piece))) is fault
