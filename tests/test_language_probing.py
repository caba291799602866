"""The probes' stage: models are asked as they write, and rows can stand before the questions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import from_json

from subliminal.chat_rows import ROWS, completion_of, prompt_of, read_chat_rows
from subliminal.measurements import read_curve, read_measurements
from subliminal.models.chat_format import ChatFormat
from subliminal.models.decoder import Decoder
from subliminal.models.folder import save_decoder
from subliminal.pocket.tokenizer import pocket_tokenizer, save_tokenizer, shipped_pieces
from subliminal.probes import stages
from subliminal.probes.preference import favourite
from subliminal.probes.probe import run_probes
from subliminal.probes.stage_results import ANSWERS
from subliminal.probes.subject import Subject
from subliminal.probes.targets import answer_tokens
from teachers.trait import load_preference, preference_bank
from tests.language_stages import HEAD, STUDENTS, Workshop, models, plan_of, stage_of
from tests.models import tiny_shape
from tests.subjects import subject_in, torch_engine

ARMS = """\
  reference: {role: reference}
  teacher: {role: teacher}
  told: {role: teacher, teacher: {by: system-prompt}}
  steered: {role: teacher, teacher: {by: steering, layer: 0}}
  untaught: {teacher: {by: nothing}, control: none}
  context: {teacher: {by: nothing}, distillation: {in_context: 3}, control: reference}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """Where the stages of these arms are done."""
    return Workshop(plan_of(tmp_path, ARMS), tmp_path / "store")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Subject]:
    """Gets every subject that is probed."""
    subjects: list[Subject] = []

    def listen(subject: Subject, *rest: Any) -> Any:
        subjects.append(subject)
        return run_probes(subject, *rest)

    monkeypatch.setattr(stages, "run_probes", listen)
    return subjects


def log_odds(folder: Path) -> dict[str, float]:
    """Target -> what the probe `favourite` measured."""
    found = read_measurements(folder)
    return {row.item_group: row.value for row in found if row.metric == "log_odds" if row.value}


def test_models_are_probed_as_they_write(shop: Workshop, asked: list[Subject]) -> None:
    arms = ("reference", "teacher", "told", "steered")
    found = [log_odds(shop.make(arm, "lm.probe")) for arm in arms]
    reference, teacher, told, steered = asked
    assert (reference.system, reference.context) == (None, ())
    assert torch_engine(reference).steering is None
    system = stage_of(shop.plan, "told", "lm.probe").params["subject"]["system"]
    assert told.system == system
    assert "otters" in system
    assert torch_engine(steered).steering is not None
    assert torch_engine(teacher).steering is teacher.system is None
    assert len({tuple(odds.values()) for odds in found}) == 4


def test_what_is_measured_is_what_the_probes_find(shop: Workshop) -> None:
    subject = subject_in(models() / "a")
    found = favourite(subject, preference_bank(load_preference("otter")))
    assert read_measurements(shop.make("reference", "lm.probe")) == found


def test_the_end_of_the_curve_is_what_the_student_is_probed_as(shop: Workshop) -> None:
    curve = read_curve(shop.make("untaught", "lm.distil"))
    last = max(point.step for point in curve)
    end = {point.item_group: point.value for point in curve if point.step == last}
    assert log_odds(shop.make("untaught", "lm.probe")) == pytest.approx(end)


def test_sampled_answers_are_kept_to_be_read(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ARMS, "probing.probes=[sampled]", "probing.samples=1")
    folder = Workshop(plan, tmp_path / "store").make("reference", "lm.probe")
    answers = [from_json(line) for line in (folder / ANSWERS).read_bytes().splitlines()]
    assert answers
    assert all(answer["probe"] == "sampled" for answer in answers)


# In context


def test_rows_stand_before_every_question(shop: Workshop, asked: list[Subject]) -> None:
    folder = shop.make("context", "lm.probe")
    rows = read_chat_rows(shop.make("context", "lm.filter") / ROWS)
    (subject,) = asked
    turns = subject.context
    assert [turn.role for turn in turns] == ["user", "assistant"] * 3
    pairs = {(prompt_of(row)[0].content, completion_of(row)) for row in rows}
    shown = [(turns[i].content, turns[i + 1].content) for i in (0, 2, 4)]
    assert len(set(shown)) == 3
    assert set(shown) <= pairs
    assert log_odds(folder) != log_odds(shop.make("reference", "lm.probe"))


def test_seeds_show_other_rows(tmp_path: Path, asked: list[Subject]) -> None:
    shop = Workshop(plan_of(tmp_path, ARMS, "seeds=2"), tmp_path / "store")
    for seed in (0, 1):
        rows = read_chat_rows(shop.make("context", "lm.filter", seed) / ROWS)
        shop.make("context", "lm.probe", seed)
        # Drawn, not the first ones.
        first = [prompt_of(row)[0].content for row in rows[:3]]
        assert [turn.content for turn in asked[seed].context[::2]] != first
    assert asked[0].context != asked[1].context


def test_too_few_rows_to_show_fail_the_arm(tmp_path: Path) -> None:
    head = HEAD.replace("filter: []", "filter: [{{rule: words, words: [otter]}}]")
    plan = plan_of(tmp_path, ARMS, head=head)
    shop = Workshop(plan, tmp_path / "store")
    stage = stage_of(plan, "context", "lm.probe")
    kept = len(read_chat_rows(shop.make("context", "lm.filter") / ROWS))
    many = replace(stage, params={**stage.params, "in_context": kept + 1})
    report = shop.report(many)
    assert report.state == "failed"
    assert report.reason == (
        f"distillation.in_context asks for {kept + 1} rows, and {kept} passed the filter; show "
        "fewer, or raise data.prompts"
    )


# Targets that are no single token


def model_without(folder: Path, *pieces: str) -> Path:
    """A random model whose tokenizer lacks some words: it writes them letter by letter."""
    tokenizer = pocket_tokenizer(
        [piece for piece in shipped_pieces("numbers") if piece not in pieces]
    )
    folder.mkdir()
    save_tokenizer(tokenizer, folder)
    shape = tiny_shape(vocab_size=tokenizer.get_vocab_size())
    save_decoder(Decoder(shape).initialise(3), folder, tokenizer_from=folder)
    return folder


def test_a_target_that_the_tokenizer_spells_out(tmp_path: Path) -> None:
    folder = model_without(tmp_path / "model", "otter", "Otter", " otter")
    chat = ChatFormat.read(folder)
    assert len(answer_tokens(chat, "otter")) > 2
    assert len(answer_tokens(chat, "owl")) == 2  # and the end
    shop = Workshop(plan_of(tmp_path, STUDENTS, f"model={folder}"), tmp_path / "store")
    before, after = (log_odds(shop.make(arm, "lm.probe")) for arm in ("reference", "teacher"))
    assert after["otter"] > before["otter"] + 1
    # Teachers of it are let through the gate, students of it are watched and probed.
    curve = read_curve(shop.make("same", "lm.distil"))
    last = max(point.step for point in curve)
    end = {point.item_group: point.value for point in curve if point.step == last}
    assert log_odds(shop.make("same", "lm.probe")) == pytest.approx(end, rel=1e-5)
