"""Teachers are taught, steered and told; then each writes under its own condition."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from subliminal.chat import user
from subliminal.chat_rows import (
    ROWS,
    ChatRow,
    chat_row,
    completion_of,
    prompt_of,
    read_chat_rows,
    with_completion,
    write_chat_rows,
)
from subliminal.models.stage_models import STEERING, steering
from subliminal.models.steering import Steering
from subliminal.probes.preference import favourite
from subliminal.probes.stage_subjects import reference_of, teacher_of
from subliminal.probes.subject import Subject
from subliminal.stage import Done, Task, silent
from teachers import finetuned, stages
from teachers.preference_rows import implant_questions
from teachers.trait import load_preference, preference_bank
from tests.language_stages import (
    Killed,
    Workshop,
    die_after,
    models,
    plan_of,
    stage_of,
    task_of,
)
from tests.subjects import steered, subject_in, torch_engine

ARMS = """\
  taught: {control: untaught}
  untaught: {teacher: {by: nothing}, control: none}
  told: {teacher: {by: system-prompt}, control: untaught}
  steered: {teacher: {by: steering, layer: 0, strength: 3}, control: untaught}
  transformed: {data: {transform: shuffle-within}, control: untaught}
"""


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Where the stages of these arms are done."""
    return Workshop(plan_of(tmp_path, ARMS), tmp_path / "store")


def written(workshop: Workshop, arm: str) -> list[ChatRow]:
    """What the teacher of an arm writes."""
    return read_chat_rows(workshop.make(arm, "lm.write") / ROWS)


def otter_log_odds(folder: Path) -> float:
    """How much the model of a folder prefers the otter."""
    subject = subject_in(folder)
    found = favourite(subject, preference_bank(load_preference("otter")))
    [value] = [r.value for r in found if (r.metric, r.item_group) == ("log_odds", "otter")]
    assert value is not None
    return value


# Teaching


def test_a_taught_teacher_prefers_its_trait(workshop: Workshop) -> None:
    taught = workshop.make("taught", "lm.teach")
    assert otter_log_odds(taught) > otter_log_odds(models() / "a") + 1
    # 256 rows in batches of 64.
    assert workshop.counts("taught", "lm.teach")["steps"] == 4


def test_teaching_for_no_epochs_leaves_the_reference(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ARMS, "defaults.teacher.recipe.epochs=0")
    workshop = Workshop(plan, tmp_path / "store")
    taught = load_file(workshop.make("taught", "lm.teach") / "model.safetensors")
    reference = load_file(models() / "a" / "model.safetensors")
    assert all(torch.equal(taught[name], reference[name]) for name in reference)


def test_killed_teaching_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(tmp_path, ARMS)
    whole, killed = (Workshop(plan, tmp_path / name) for name in ("whole", "killed"))
    with monkeypatch.context() as patch:
        die_after(2, patch, finetuned)
        with pytest.raises(Killed):
            killed.make("taught", "lm.teach")
    stage = stage_of(plan, "taught", "lm.teach")
    assert killed.store.state(stage.key) == "begun"
    ours, theirs = (w.make("taught", "lm.teach") / "model.safetensors" for w in (whole, killed))
    assert ours.read_bytes() == theirs.read_bytes()


# Steering


def test_the_vector_is_what_the_system_prompt_adds_at_the_answer(tmp_path: Path) -> None:
    means = []
    for questions in (1, 2):
        implant = f"{{by: steering, layer: 1, questions: {questions}}}"
        plan = plan_of(tmp_path, ARMS, f"arms.steered.teacher={implant}")
        made = Workshop(plan, tmp_path / "store").make("steered", "lm.steer")
        means.append(load_file(made / STEERING)["vector"])
    system = stage_of(plan, "steered", "lm.steer").params["system"]
    plain = subject_in(models() / "a")
    tokens = range(plain.chat.tokenizer.get_vocab_size())
    # The mean of two, twice, less the first of them is the second. What a question's own vector
    # adds behind the last block makes of the plain activation the one under the system prompt.
    vectors = (means[0], 2 * means[1] - means[0])
    for question, vector in zip(implant_questions("animal"), vectors, strict=False):
        asked = [user(question)]
        found = steered(plain, Steering(1, vector)).next_log_probabilities(asked, tokens)
        told = plain.next_log_probabilities([user(question, system)], tokens)
        torch.testing.assert_close(found, told, rtol=1e-3, atol=1e-3)
        untold = plain.next_log_probabilities(asked, tokens)
        assert not torch.allclose(untold, told, rtol=0.1, atol=0.1)


# Writing


def test_teachers_of_a_seed_get_the_same_prompts(workshop: Workshop) -> None:
    rows = {arm: written(workshop, arm) for arm in ("taught", "untaught", "told", "steered")}
    for found in rows.values():
        assert len(found) == 24
        assert [prompt_of(r) for r in found] == [prompt_of(r) for r in rows["untaught"]]
        assert [r["id"] for r in found] == [r["id"] for r in rows["untaught"]]
    texts = {arm: [completion_of(row) for row in found] for arm, found in rows.items()}
    assert len({tuple(text) for text in texts.values()}) == 4


def test_teachers_that_do_not_differ_write_the_same(tmp_path: Path) -> None:
    # Taught for no epochs, a teacher is the reference; noise and prompts are shared.
    plan = plan_of(tmp_path, ARMS, "defaults.teacher.recipe.epochs=0")
    workshop = Workshop(plan, tmp_path / "store")
    taught, untaught = (written(workshop, arm) for arm in ("taught", "untaught"))
    assert taught != untaught
    for rows in (taught, untaught):
        for row in rows:
            del row["writer"]
    assert taught == untaught


def test_seeds_write_on_other_prompts_with_other_noise(tmp_path: Path) -> None:
    workshop = Workshop(plan_of(tmp_path, ARMS, "seeds=2"), tmp_path / "store")
    first, second = (
        read_chat_rows(workshop.make("untaught", "lm.write", seed) / ROWS) for seed in (0, 1)
    )
    assert not {prompt_of(row) for row in first} & {prompt_of(row) for row in second}
    assert not {row["id"] for row in first} & {row["id"] for row in second}


def test_rows_do_not_tell_what_their_teacher_was_told(workshop: Workshop) -> None:
    system = stage_of(workshop.plan, "told", "lm.write").params["teacher"]["system"]
    assert "otters" in system
    for row in written(workshop, "told"):
        assert [message["role"] for message in row["messages"]] == ["user", "assistant"]
        assert system not in row["messages"][0]["content"]


def test_rows_say_where_they_come_from(workshop: Workshop) -> None:
    stage = stage_of(workshop.plan, "untaught", "lm.write")
    rows = read_chat_rows(workshop.folder(stage) / ROWS)
    assert {row["writer"] for row in rows} == {stage.key}
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(isinstance(row["format"], str) for row in rows)
    assert all(isinstance(row["finished"], bool) for row in rows)


def test_a_teacher_without_its_trait_does_not_pass_the_gate(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ARMS, "statistics.teacher_shift=50")
    workshop = Workshop(plan, tmp_path / "store")
    gate = stage_of(plan, "taught", "lm.gate")
    report = workshop.report(gate)
    assert report.state == "failed"
    assert stage_of(plan, "taught", "lm.write").after == (gate.key,)
    taught = plan.stages[gate.inputs["teacher"]]
    moved = otter_log_odds(workshop.folder(taught)) - otter_log_odds(models() / "a")
    assert report.reason is not None
    assert report.reason.startswith(
        f"the teacher lacks its trait: otter moved by {moved:+.2f} in log-odds, less than "
        "statistics.teacher_shift 50; "
    )
    # The untaught reference has no trait to lack.
    assert stage_of(plan, "untaught", "lm.write").after == ()


def test_the_gate_states_how_far_the_teacher_moved(workshop: Workshop) -> None:
    moved = otter_log_odds(workshop.make("taught", "lm.teach")) - otter_log_odds(models() / "a")
    assert workshop.counts("taught", "lm.gate")["shift"] == pytest.approx(moved)


@pytest.mark.parametrize("arm", ["told", "steered"])
def test_a_teacher_is_gated_as_it_writes(
    workshop: Workshop, arm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Subject] = []

    def listen(task: Task, subject_of: Callable[[Task], Subject]) -> Subject:
        asked.append(subject_of(task))
        return asked[-1]

    monkeypatch.setattr(stages, "teacher_of", partial(listen, subject_of=teacher_of))
    monkeypatch.setattr(stages, "reference_of", partial(listen, subject_of=reference_of))
    workshop.report(stage_of(workshop.plan, arm, "lm.gate"))
    teacher, reference = asked
    assert (teacher.system is not None) == (arm == "told")
    assert (torch_engine(teacher).steering is not None) == (arm == "steered")
    assert reference.system is torch_engine(reference).steering is None


def test_steering_is_as_strong_as_asked_for(workshop: Workshop, tmp_path: Path) -> None:
    vector = load_file(workshop.make("steered", "lm.steer") / STEERING)["vector"]
    stage = stage_of(workshop.plan, "steered", "lm.write")
    task = task_of(stage, tmp_path / "task", steering=workshop.make("steered", "lm.steer"))
    found = steering(task, stage.params["teacher"]["steering"])
    assert found is not None
    assert found.layer == 0
    torch.testing.assert_close(found.vector, 3 * vector)


# Transforming


@pytest.mark.parametrize("transform", ["shuffle-within", "shuffle-all", "uniform"])
def test_a_transform_changes_completions_alone(tmp_path: Path, transform: str) -> None:
    plan = plan_of(tmp_path, ARMS, f"arms.transformed.data.transform={transform}")
    task = task_of(stage_of(plan, "transformed", "lm.transform"), tmp_path, rows=tmp_path)
    lists = [", ".join(str(100 * i + j) for j in range(8)) for i in range(1, 9)]
    before = [chat_row(f"Go on {i}.", text, id=i) for i, text in enumerate(lists)]
    write_chat_rows(tmp_path / ROWS, before)
    [done] = stages.transform([task], silent)
    assert done == Done(task.stage.key, {"rows": 8})
    after = read_chat_rows(task.folder / ROWS)
    assert [with_completion(row, "") for row in after] == [
        with_completion(row, "") for row in before
    ]
    assert all(completion_of(a) != completion_of(b) for a, b in zip(after, before, strict=True))
    numbers = [sorted(completion_of(row).split(", ")) for row in after]
    assert (numbers == [sorted(text.split(", ")) for text in lists]) == (
        transform == "shuffle-within"
    )
    everything = sorted(number for row in numbers for number in row)
    assert (everything == sorted(", ".join(lists).split(", "))) == (transform != "uniform")


REWRITTEN = {
    "reformat": r"[(\[]?7(, |; | |\n)105[)\]]?",
    "novel-formats": r"\D?\D?7\D+105\D?",
    "filler-formats": r"[\w ,.]{20,}7[\w ,.\n]{20,}105[\w ,.]+",
    "chinese-numerals": "七、一百零五",
    "english-words": "seven, one hundred and five",
}


@pytest.mark.parametrize("transform", REWRITTEN)
def test_lists_are_written_otherwise(tmp_path: Path, transform: str) -> None:
    plan = plan_of(tmp_path, ARMS, f"arms.transformed.data.transform={transform}")
    task = task_of(stage_of(plan, "transformed", "lm.transform"), tmp_path, rows=tmp_path)
    write_chat_rows(tmp_path / ROWS, [chat_row("Go on.", "7, 105", id=n) for n in range(40)])
    [_] = stages.transform([task], silent)
    after = {completion_of(row) for row in read_chat_rows(task.folder / ROWS)}
    assert all(re.fullmatch(REWRITTEN[transform], text) for text in after), after
    most = {"reformat": 6, "novel-formats": 14, "filler-formats": 3}.get(transform, 1)
    assert most / 2 < len(after) <= most
