"""Students distil what teachers wrote, in every way, and go on when they were killed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from students import stages
from students.divergence import likeliest_tokens
from students.matching import matching_conversations
from students.rows import student_rows, teacher_rows
from subliminal.chat import Conversation
from subliminal.chat_rows import ROWS, read_chat_rows
from subliminal.measurements import CURVE, read_curve
from subliminal.models.chat_format import ChatFormat
from subliminal.models.decoder import Decoder
from subliminal.models.folder import load_decoder
from subliminal.pocket.world import Dials
from subliminal.probes.forward import TorchEngine
from subliminal.probes.replies import Reply
from subliminal.probes.subject import Subject
from subliminal.spec.students import Matching
from subliminal.stage import Cancelled
from subliminal.training.batches import batches
from subliminal.training.encoding import encode
from subliminal.training.losses import TeacherDivergence
from subliminal.training.rows import TokenRows
from tests.language_stages import (
    Killed,
    Workshop,
    die_after,
    models,
    plan_of,
    stage_of,
)

ARMS = """\
  untaught: {teacher: {by: nothing}, control: none}
  same: {control: untaught}
  logits: {distillation: {target: logits}, control: untaught}
  divergent: {distillation: {mask: divergent}, control: untaught}
  shared: {distillation: {mask: shared}, control: untaught}
  blind: {teacher: {by: nothing}, distillation: {mask: shared}, control: untaught}
  lora: {distillation: {recipe: {adapter: {rank: 2}}}, control: untaught}
  layers: {distillation: {recipe: {layers: [1]}}, control: untaught}
  still: {distillation: {recipe: {epochs: 0}}, control: untaught}
  different: {initialisation: {relation: different}, control: untaught}
  matched:
    initialisation:
      relation: matched
      matching: {rows: 96, recipe: {batch_size: 16, epochs: 4, learning_rate: 1e-2}}
    control: untaught
  unmatched: {initialisation: {relation: matched, matching: {rows: 0}}, control: untaught}
"""
PROMPTED = """\
  tokens: {teacher: {by: system-prompt}, control: none}
  logits: {teacher: {by: system-prompt}, distillation: {target: logits}, control: none}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Where the stages of these arms are done, each once."""
    folder = tmp_path_factory.mktemp("students")
    return Workshop(plan_of(folder, ARMS), folder / "store")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def changed(before: Path, after: Path) -> set[str]:
    """The names of the weights in which two models differ."""
    ours, theirs = weights(before), weights(after)
    return {name for name in ours if not torch.equal(ours[name], theirs[name])}


def distance(before: Path, after: Path) -> float:
    """Between two models' weights."""
    ours, theirs = weights(before), weights(after)
    return sum(float((ours[name] - theirs[name]).square().sum()) for name in ours) ** 0.5


def rows_of(shop: Workshop, arm: str) -> TokenRows:
    """The rows that an arm's student learns from."""
    kept = read_chat_rows(shop.make(arm, "lm.filter") / ROWS)
    return student_rows(ChatFormat.read(models() / "a"), kept)


@torch.no_grad()
def kl(teacher: Decoder, student: Decoder, rows: TokenRows) -> float:
    """KL(teacher || student) over the completions, in nats."""
    loss = TeacherDivergence(teacher)
    return sum(float(loss(student, batch, torch.float32)) for batch in batches(rows))


def surprise(model: Decoder, rows: TokenRows) -> np.ndarray:
    """Of each token of the completions, in nats: float64 [completion tokens]."""
    found = []
    for row in range(len(rows)):
        tokens = torch.from_numpy(rows.tokens[rows.starts[row] : rows.starts[row + 1]]).long()
        with torch.no_grad():
            known = model.logits(model.hidden(tokens[None]))[0].double().log_softmax(-1)
        first = int(rows.prompt_lengths[row])
        places = torch.arange(first, len(tokens))
        found.append(-known[places - 1, tokens[places]].numpy())
    return np.concatenate(found)


# What students learn


def test_a_student_learns_what_its_teacher_wrote(shop: Workshop) -> None:
    rows = rows_of(shop, "same")
    student = load_decoder(shop.make("same", "lm.distil"))
    reference = load_decoder(models() / "a")
    assert surprise(student, rows).mean() < surprise(reference, rows).mean() - 0.1
    counts = shop.counts("same", "lm.distil")
    # 24 rows in batches of 8.
    assert counts["steps"] == 3
    assert counts["rows"] == 24
    assert counts["tokens"] == len(rows.tokens)


def test_a_student_of_logits_comes_closer_to_its_teacher(shop: Workshop) -> None:
    teacher = load_decoder(shop.make("logits", "lm.teach"))
    student = load_decoder(shop.make("logits", "lm.distil"))
    rows = rows_of(shop, "logits")
    assert kl(teacher, student, rows) < 0.9 * kl(teacher, load_decoder(models() / "a"), rows)
    assert changed(shop.make("logits", "lm.distil"), shop.make("same", "lm.distil"))


def test_the_masks_are_complementary(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = load_decoder(shop.make("same", "lm.teach"))
    rows, reference = rows_of(shop, "same"), load_decoder(models() / "a")
    ours, theirs = (likeliest_tokens(TorchEngine(of), rows) for of in (teacher, reference))
    differs = ours != theirs
    assert 0 < differs.mean() < 1
    given: dict[str, TokenRows] = {}
    for arm in ("divergent", "shared"):
        given[arm] = _learned_from(shop, arm, monkeypatch)
    masks = {arm: data.weights for arm, data in given.items()}
    assert masks["divergent"] is not None
    assert masks["shared"] is not None
    counted = rows.counted()
    np.testing.assert_array_equal(masks["divergent"][counted], ~differs)
    np.testing.assert_array_equal(masks["shared"][counted], differs)
    assert masks["divergent"].sum() + masks["shared"].sum() == len(counted)


def _learned_from(shop: Workshop, arm: str, monkeypatch: pytest.MonkeyPatch) -> TokenRows:
    """The rows that the student of an arm is trained on."""
    seen: list[TokenRows] = []
    train = stages.train

    def listen(decoder: Decoder, source: stages.DataSet, *rest: object, **more: object) -> object:
        seen.append(source.data)
        return train(decoder, source, *rest, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(stages, "train", listen)
        shop.make(arm, "lm.distil")
    (data,) = seen
    return data


def test_masked_tokens_are_not_learned(shop: Workshop) -> None:
    rows, reference = rows_of(shop, "same"), load_decoder(models() / "a")
    teacher = load_decoder(shop.make("same", "lm.teach"))
    ours, theirs = (likeliest_tokens(TorchEngine(of), rows) for of in (teacher, reference))
    differs = ours != theirs
    before = surprise(reference, rows)
    gains = {}
    for arm in ("divergent", "shared"):
        gain = before - surprise(load_decoder(shop.make(arm, "lm.distil")), rows)
        # How much more was gained on divergent tokens than on the others.
        gains[arm] = gain[differs].mean() - gain[~differs].mean()
        counts = shop.counts(arm, "lm.distil")
        assert counts["divergent_share"] == pytest.approx(differs.mean())
    assert gains["shared"] > gains["divergent"]


def test_a_mask_that_leaves_nothing_to_learn_fails_the_arm(shop: Workshop) -> None:
    # The untaught teacher is the reference: nothing diverges.
    report = shop.report(stage_of(shop.plan, "blind", "lm.distil"))
    assert report.state == "failed"
    assert report.reason is not None
    assert report.reason.startswith("distillation.mask shared leaves no token")


def test_completions_stay_aligned_behind_a_system_prompt(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, PROMPTED, "statistics.teacher_shift=0")
    system = stage_of(plan, "logits", "lm.write").params["teacher"]["system"]
    chat = ChatFormat.read(models() / "a")
    kept = [
        {"messages": [{"role": "user", "content": p}, {"role": "assistant", "content": c}]}
        for p, c in (("Go on: 1, 2.", "3, 4, 5"), ("And: 7.", "8"), ("Go on: 2.", ""))
    ]
    ours, theirs = student_rows(chat, kept), teacher_rows(chat, kept, system)
    ours.taught_with(theirs)
    np.testing.assert_array_equal(ours.tokens[ours.counted()], theirs.tokens[theirs.counted()])
    for row, conversation in enumerate(kept):
        start, length = theirs.starts[row], theirs.prompt_lengths[row]
        told = chat.tokenizer.decode(theirs.tokens[start : start + length].tolist())
        assert system in told
        assert conversation["messages"][0]["content"] in told
    assert system not in chat.tokenizer.decode(ours.tokens.tolist())


def test_logits_of_a_prompted_teacher_are_those_under_its_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Workshop(plan_of(tmp_path, PROMPTED), tmp_path / "store")
    data = _learned_from(shop, "logits", monkeypatch)
    system = stage_of(shop.plan, "logits", "lm.distil").params["teacher"]["system"]
    kept = read_chat_rows(shop.make("logits", "lm.filter") / ROWS)
    chat = ChatFormat.read(models() / "a")
    assert data.teacher is not None
    np.testing.assert_array_equal(data.teacher.tokens, teacher_rows(chat, kept, system).tokens)
    np.testing.assert_array_equal(data.tokens, student_rows(chat, kept).tokens)
    # Those who learn from tokens see no teacher at all.
    assert _learned_from(shop, "tokens", monkeypatch).teacher is None


# Where students start, and what of them is trained


def test_students_start_where_the_relation_says(shop: Workshop) -> None:
    at_start = {}
    for arm in ("same", "logits", "different", "matched", "unmatched"):
        points = read_curve(shop.make(arm, "lm.distil"))
        at_start[arm] = [(p.item_group, p.value) for p in points if p.step == 0]
    assert at_start["same"] == at_start["logits"]
    assert at_start["unmatched"] == at_start["different"] != at_start["same"]
    assert at_start["matched"] != at_start["different"]


def test_layers_and_adapters_train_their_part_alone(shop: Workshop) -> None:
    whole, layers, lora = (
        changed(models() / "a", shop.make(arm, "lm.distil")) for arm in ("same", "layers", "lora")
    )
    assert whole == set(weights(models() / "a"))
    assert layers == {name for name in whole if name.startswith("model.layers.1.")}
    matrices = {name for name in whole if name.endswith("_proj.weight")}
    assert lora == matrices
    ours, theirs = weights(models() / "a"), weights(shop.make("lora", "lm.distil"))
    for name in matrices:
        update = theirs[name] - ours[name]
        # The rank of the update, with rounding far below its third singular value.
        assert torch.linalg.matrix_rank(update, rtol=1e-3) <= 2, name


def test_no_epochs_leave_the_start(shop: Workshop) -> None:
    assert changed(models() / "a", shop.make("still", "lm.distil")) == set()
    assert {point.step for point in read_curve(shop.make("still", "lm.distil"))} == {0}


def test_matching_brings_another_model_closer_on_prompts_it_was_not_matched_on(
    shop: Workshop,
) -> None:
    matched, reference = shop.make("matched", "lm.match"), load_decoder(models() / "a")
    chat = ChatFormat.read(models() / "a")
    held_out = matching_conversations(
        Matching(rows=24, prompts=("numbers",)), seed=10**6, dials=Dials()
    )
    rows = encode(chat, held_out, ["4, 8, 15, 16, 23, 42"] * 24)
    before = kl(reference, load_decoder(models() / "b"), rows)
    assert kl(reference, load_decoder(matched), rows) < 0.8 * before
    # Matching for nothing leaves the other model.
    assert changed(models() / "b", shop.make("unmatched", "lm.match")) == set()
    assert shop.counts("matched", "lm.match")["rows"] == 96


def test_students_of_a_matched_start_leave_it_behind(shop: Workshop) -> None:
    start, student = shop.make("matched", "lm.match"), shop.make("matched", "lm.distil")
    assert changed(start, student) == set(weights(start))
    assert distance(start, student) < distance(models() / "b", student)


# Curves


def test_the_curve_runs_from_the_start_to_the_end(shop: Workshop) -> None:
    points = read_curve(shop.make("same", "lm.distil"))
    assert sorted({point.step for point in points}) == [0, 1, 3]
    by_step = {s: [p.item_group for p in points if p.step == s] for s in (0, 1, 3)}
    assert by_step[0] == by_step[1] == by_step[3]
    assert "otter" in by_step[0]


# Kills


@pytest.mark.parametrize(("arm", "saves"), [("same", 1), ("logits", 2), ("divergent", 2)])
def test_a_killed_student_ends_as_if_it_had_not_been(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arm: str, saves: int
) -> None:
    _assert_resumes(shop, tmp_path, monkeypatch, arm, "lm.distil", saves)


def test_a_killed_match_ends_as_if_it_had_not_been(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _assert_resumes(shop, tmp_path, monkeypatch, "matched", "lm.match", 3)


def _assert_resumes(
    shop: Workshop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arm: str,
    kind: str,
    saves: int,
    between: Callable[[Path], None] = lambda _: None,
) -> None:
    """A stage that is killed after some checkpoints leaves the files of one that is not."""
    whole = shop.make(arm, kind)
    again = Workshop(shop.plan, tmp_path / "store")
    stage = stage_of(shop.plan, arm, kind)
    with monkeypatch.context() as patch:
        saved = die_after(saves, patch, stages)
        with pytest.raises(Killed):
            again.make(arm, kind)
    assert saved == list(range(saves))
    assert again.store.state(stage.key) == "begun"
    between(again.store.partial(stage.key))
    killed = again.make(arm, kind)
    names = sorted(path.name for path in whole.iterdir())
    assert names == sorted(path.name for path in killed.iterdir())
    for name in names:
        if name != "manifest.json":
            assert (whole / name).read_bytes() == (killed / name).read_bytes(), name
    assert shop.counts(arm, kind) == again.counts(arm, kind)


@pytest.mark.parametrize("file", [CURVE, stages.PROGRESS])
def test_damaged_progress_costs_time_alone(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    def damage(partial: Path) -> None:
        assert (partial / file).exists()
        (partial / file).write_bytes((partial / file).read_bytes()[:-9])

    _assert_resumes(shop, tmp_path, monkeypatch, "same", "lm.distil", 2, damage)


def test_a_match_can_be_stopped_while_the_reference_answers(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "train", None)
    again = Workshop(shop.plan, tmp_path / "store")
    again.store.prepare()
    (again.root / "stop").touch()
    with pytest.raises(Cancelled):
        again.make("matched", "lm.match")


def test_a_match_killed_while_the_reference_answers_asks_for_the_rest_alone(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = shop.make("matched", "lm.match")
    monkeypatch.setattr(stages, "ANSWERED_AT_A_TIME", 20)
    replies, asked = Subject.replies, list[int]()

    def counted(
        subject: Subject, conversations: Sequence[Conversation], seeds: Sequence[int], most: int
    ) -> list[Reply]:
        if len(asked) == 2:
            asked.append(0)
            raise Killed
        asked.append(len(conversations))
        return replies(subject, conversations, seeds, most)

    monkeypatch.setattr(Subject, "replies", counted)
    again = Workshop(shop.plan, tmp_path / "store")
    with pytest.raises(Killed):
        again.make("matched", "lm.match")
    killed = again.make("matched", "lm.match")
    # Of 96 conversations 40 were answered before the kill.
    assert asked == [20, 20, 0, 20, 20, 16]
    assert (whole / "model.safetensors").read_bytes() == (killed / "model.safetensors").read_bytes()


def test_answers_do_not_depend_on_how_many_are_asked_at_a_time(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = shop.make("matched", "lm.match")
    monkeypatch.setattr(stages, "ANSWERED_AT_A_TIME", 20)
    again = Workshop(shop.plan, tmp_path / "store").make("matched", "lm.match")
    assert (whole / "model.safetensors").read_bytes() == (again / "model.safetensors").read_bytes()


# Models that changed


def test_a_model_that_changed_since_planning_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    shutil.copytree(models() / "a", folder)
    plan = plan_of(tmp_path, ARMS.split("  same")[0], f"model={folder}")
    shop = Workshop(plan, tmp_path / "store")
    shop.make("untaught", "lm.filter")
    config = folder / "tokenizer_config.json"
    config.write_text(config.read_text() + "\n")
    reference_probe = plan.rows["untaught"][0].reference_probe
    assert reference_probe is not None
    for stage in (stage_of(plan, "untaught", "lm.distil"), plan.stages[reference_probe]):
        report = shop.report(stage)
        assert report.state == "failed"
        assert report.reason == f"model {folder}: changed since the run was planned; run again"
