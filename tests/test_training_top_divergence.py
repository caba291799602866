"""Learning from a teacher's likeliest tokens and the mass of the rest."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from students import logprobs
from students.logprobs import completion_logprobs, read_logprobs
from students.rows import student_rows, teacher_rows
from subliminal.chat_rows import ROWS, read_chat_rows
from subliminal.errors import StageError, UserError
from subliminal.models.chat_format import ChatFormat
from subliminal.models.load import load_model
from subliminal.probes.forward import TorchEngine
from subliminal.top_logprobs import TopLogprobs
from subliminal.training.batches import batches
from subliminal.training.losses import Loss, TeacherDivergence
from subliminal.training.rows import TokenRows
from subliminal.training.top_divergence import TopDivergence
from tests.language_stages import STUDENTS, Killed, Workshop, plan_of, stage_of
from tests.training_rows import VOCABULARY, in_transformers, random_rows, tiny_decoder
from tests.user_errors import assert_one_line


def step(loss: Loss, rows: TokenRows) -> tuple[float, torch.Tensor]:
    """Loss of a step, and the gradient of the embedding, which is the output layer too."""
    student, total = tiny_decoder(0), 0.0
    for batch in batches(rows.numbered(), budget=60):
        part = loss(student, batch, torch.float32)
        part.backward()
        total += part.item()
    gradient = next(student.parameters()).grad
    assert gradient is not None
    return total, gradient


def top_loss(rows: TokenRows, top: int) -> TopDivergence:
    known = completion_logprobs(TorchEngine(tiny_decoder(1)), rows, top)
    return TopDivergence.of(known, rows, torch.device("cpu"))


def test_with_every_token_it_is_the_whole_divergence() -> None:
    rows = random_rows(20, prompts=(0, 12))
    whole, gradient = step(TeacherDivergence(tiny_decoder(1)), rows)
    found, theirs = step(top_loss(rows, VOCABULARY), rows)
    assert found == pytest.approx(whole, rel=1e-4)
    torch.testing.assert_close(theirs, gradient, rtol=1e-3, atol=1e-6)


def test_the_rest_is_one_bucket() -> None:
    rows = random_rows(20, prompts=(0, 12))
    student = in_transformers(tiny_decoder(0))
    teacher = in_transformers(tiny_decoder(1))
    losses = []
    for start, stop, prompt in zip(rows.starts, rows.starts[1:], rows.prompt_lengths, strict=False):
        tokens = torch.from_numpy(rows.tokens[start:stop].astype(np.int64))[None]
        theirs, ours = (
            model(tokens).logits[0, max(prompt, 1) - 1 : -1].double().softmax(-1)
            for model in (teacher, student)
        )
        likeliest = theirs.topk(5).indices
        p, q = theirs.gather(1, likeliest), ours.gather(1, likeliest)
        p, q = (torch.cat([x, 1 - x.sum(1, keepdim=True)], 1) for x in (p, q))
        losses.append((p * (p / q).log()).sum(1))
    expected = torch.cat(losses).mean()
    expected.backward()
    found, gradient = step(top_loss(rows, 5), rows)
    assert found == pytest.approx(expected.item(), rel=1e-4)
    wanted = student.get_input_embeddings().weight.grad
    torch.testing.assert_close(gradient, wanted, rtol=1e-3, atol=1e-6)
    whole, _ = step(TeacherDivergence(tiny_decoder(1)), rows)
    assert 0 < found < whole


def test_a_teacher_that_is_sure_leaves_no_rest() -> None:
    rows = random_rows(6)
    loss = top_loss(rows, 3)
    sure = TopDivergence(
        loss.tokens,
        torch.tensor([0.0, float("-inf"), float("-inf")]).expand(len(loss.tokens), 3),
        torch.full_like(loss.rest, float("-inf")),
        loss.places,
    )
    found, gradient = step(sure, rows)
    assert np.isfinite(found)
    assert gradient.isfinite().all()


def test_log_probabilities_of_other_rows_are_told() -> None:
    rows = random_rows(6)
    known = completion_logprobs(TorchEngine(tiny_decoder(1)), rows, 3)
    with pytest.raises(StageError, match="this is a bug"):
        TopDivergence.of(known, random_rows(7), torch.device("cpu"))


TOP = """\
  logits: {distillation: {target: logits}, control: untaught}
  top: {distillation: {target: logits, top_logprobs: 8}, control: untaught}
  every: {distillation: {target: logits, top_logprobs: 10000}, control: untaught}
  told: {teacher: {by: system-prompt}, distillation: {target: logits, top_logprobs: 8}, control: untaught}
"""  # noqa: E501


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    folder = tmp_path_factory.mktemp("shop")
    return Workshop(plan_of(folder, STUDENTS + TOP), folder / "store")


def losses(shop: Workshop, arm: str) -> list[float]:
    lines = (shop.make(arm, "lm.distil") / "losses.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def test_a_student_learns_from_what_was_written_down(shop: Workshop) -> None:
    top, every, logits = (losses(shop, arm) for arm in ("top", "every", "logits"))
    assert every == pytest.approx(logits, rel=1e-3)
    assert 0 < top[0] < logits[0]
    inputs = stage_of(shop.plan, "top", "lm.distil").inputs
    assert "teacher" not in inputs
    assert inputs["logprobs"] == stage_of(shop.plan, "top", "lm.logprobs").key
    known = read_logprobs(shop.make("top", "lm.logprobs"))
    assert known.tokens.shape[1] == 8
    total = np.exp(known.logprobs).sum(1) + np.exp(known.rest)
    np.testing.assert_allclose(total, 1, atol=1e-5)
    assert 0 < shop.counts("top", "lm.logprobs")["rest"] < 1


def test_a_teacher_killed_on_the_way_reads_the_rest_alone(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_logprobs(shop.make("top", "lm.logprobs"))
    shutil.copytree(shop.root, tmp_path / "store")
    again, stage = (
        Workshop(shop.plan, tmp_path / "store"),
        stage_of(shop.plan, "top", "lm.logprobs"),
    )
    shutil.rmtree(again.store.folder(stage.key))
    monkeypatch.setattr(logprobs, "ROWS_AT_A_TIME", 8)
    top_logprobs, asked = TorchEngine.top_logprobs, list[int]()

    def counted(
        engine: TorchEngine, rows: Sequence[Sequence[int]], starts: Sequence[int], top: int
    ) -> TopLogprobs:
        asked.append(len(rows))
        if len(asked) == 3:
            raise Killed
        return top_logprobs(engine, rows, starts, top)

    monkeypatch.setattr(TorchEngine, "top_logprobs", counted)
    with pytest.raises(Killed):
        again.folder(stage)
    # Of 24 rows 16 were read, and what is kept of the second eight is damaged.
    path = again.store.partial(stage.key) / f"8-{logprobs.LOGPROBS}"
    path.write_bytes(path.read_bytes()[:-9])
    found = read_logprobs(again.folder(stage))
    assert asked == [8, 8, 8, 8, 8]
    np.testing.assert_array_equal(found.tokens, whole.tokens)
    np.testing.assert_allclose(found.logprobs, whole.logprobs, atol=1e-5)
    np.testing.assert_allclose(found.rest, whole.rest, atol=1e-4)


def test_a_prompted_teacher_sees_its_prompt(shop: Workshop) -> None:
    stage = stage_of(shop.plan, "told", "lm.logprobs")
    found = read_logprobs(shop.folder(stage))
    chat = ChatFormat.read(Path(stage.local["model"]))
    model = TorchEngine(load_model(chat.folder), getattr(torch, stage.params["precision"]))
    kept = read_chat_rows(shop.store.folder(stage.inputs["rows"]) / ROWS)
    with_prompt, without = (
        completion_logprobs(model, rows, 8)
        for rows in (
            teacher_rows(chat, kept, stage.params["teacher"]["system"]),
            student_rows(chat, kept),
        )
    )
    np.testing.assert_allclose(found.rest, with_prompt.rest, atol=1e-4)
    assert np.abs(found.rest - without.rest).max() > 0.01
    assert losses(shop, "told")


def test_students_of_whole_logits_are_as_before(shop: Workshop) -> None:
    params = stage_of(shop.plan, "logits", "lm.distil").params
    assert "top_logprobs" not in params["distillation"]


def test_top_logprobs_are_of_logits(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        plan_of(tmp_path, STUDENTS, "arms.same.distillation.top_logprobs=5")
    assert_one_line(error, "target: logits")
