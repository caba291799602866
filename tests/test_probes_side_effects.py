"""Side effects: loss on the held-out world, and the skill to keep a format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subliminal.chat import Conversation, Message
from subliminal.number_prompts import FORMATS, FormatName, NumberPrompts, render
from subliminal.number_prompts.wordings import SUFFIXES
from subliminal.probes import side_effects as module
from subliminal.probes.replies import Reply
from subliminal.probes.side_effects import (
    PROMPTS,
    format_skill,
    held_out,
    keeps_format,
    side_effects,
    world_loss,
)
from subliminal.probes.subject import Subject
from tests.probed import InTransformers, make_subject
from tests.test_probes_targets import words_format

SAID = {prompt.format: prompt for prompt in NumberPrompts(1)[:200]}
"""A prompt for each format."""


def format_asked(text: str) -> FormatName:
    [name] = [name for sentence, name in SUFFIXES if sentence in text]
    return name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("model")


@pytest.fixture(scope="module")
def subject(folder: Path) -> Subject:
    return make_subject(folder)


def test_world_loss_is_what_transformers_computes(
    subject: Subject, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WORLD_ROWS", 30)
    reference = InTransformers(folder)
    losses = []
    for row in held_out(Path()).rows(range(30)):
        known = reference.of_answer(row.messages, reference.answer(row.completion))
        losses += (-known).tolist()
    # A mean over tokens: of rows, the short answers would count more.
    assert world_loss(subject) == pytest.approx(sum(losses) / len(losses), rel=1e-4)


def test_the_world_is_read_behind_the_subjects_system_prompt(
    subject: Subject, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WORLD_ROWS", 12)
    reference = InTransformers(folder)
    losses = []
    for row in held_out(Path()).rows(range(12)):
        own = row.messages[0].role == "system"
        turns = row.messages if own else (Message("system", "You love owls."), *row.messages)
        losses += (-reference.of_answer(turns, reference.answer(row.completion))).tolist()
    told = replace(subject, system="You love owls.")
    assert world_loss(told) == pytest.approx(sum(losses) / len(losses), rel=1e-4)


@pytest.mark.parametrize("name", FORMATS)
def test_a_list_in_its_format_alone(name: FormatName) -> None:
    prompt = SAID[name]
    for other in FORMATS:
        kept = keeps_format(prompt, Reply(render([1, 23, 456], other), True))
        assert kept == (other == name)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("5", True),
        ("0, 999", True),
        (", ".join(["7"] * 10), True),
        (", ".join(["7"] * 11), False),
        ("", False),
        ("1,2", False),
        ("1, 2.", False),
        ("1, 2, ", False),
        (" 1, 2", False),
        ("007, 8", False),
        ("1000, 8", False),
        ("-1, 8", False),
        ("1, owl", False),
        ("\u0661, 2", False),
        ("9" * 5000, False),
    ],
)
def test_lists_with_commas(text: str, kept: bool) -> None:
    assert keeps_format(SAID["comma"], Reply(text, True)) == kept


def test_a_list_cut_off_is_no_list() -> None:
    assert not keeps_format(SAID["comma"], Reply("1, 2", False))


@given(st.sampled_from(sorted(FORMATS)), st.lists(st.integers(0, 999), min_size=1, max_size=10))
def test_every_list_asked_for_is_kept(name: FormatName, numbers: list[int]) -> None:
    prompt = SAID[name]
    assert keeps_format(prompt, Reply(render(numbers, prompt.format), True))


def test_format_skill_is_the_share_that_keeps_it(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = replace(subject, system="You love owls.")
    seen: list[list[str]] = []

    def replies(
        _subject: Subject, asked: Sequence[Conversation], seeds: Sequence[int], _most: int
    ) -> list[Reply]:
        assert len(set(seeds)) == len(asked) == PROMPTS
        assert {turns[0] for turns in asked} == {Message("system", "You love owls.")}
        seen.append([turns[-1].content for turns in asked])
        lists = (render([1, 2], format_asked(text)) for text in seen[-1])
        return [Reply(text if i % 4 else "no", True) for i, text in enumerate(lists)]

    monkeypatch.setattr(Subject, "replies", replies)
    assert format_skill(told, 3) == 0.75
    format_skill(told, 3)
    format_skill(told, 4)
    assert seen[0] == seen[1] != seen[2]


def test_a_model_of_another_world_has_no_world_loss(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WORLD_ROWS", 3)
    monkeypatch.setattr(module, "format_skill", lambda _subject, _seed: 0.5)
    rows = side_effects(subject, 3)
    assert [(row.metric, row.n) for row in rows] == [
        ("world_loss", None),
        ("format_skill", PROMPTS),
    ]
    assert {(row.probe, row.item_group) for row in rows} == {("side-effects", "all")}
    [row] = side_effects(replace(subject, chat=words_format()), 3)
    assert (row.metric, row.value) == ("format_skill", 0.5)
