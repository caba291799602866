"""The models of a stage: which folder, and whether it is still the one that was planned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from subliminal.errors import StageError, UserError
from subliminal.models.folder import fingerprint, load_decoder
from subliminal.models.stage_models import (
    STEERING,
    chat_format,
    made_or,
    model_folder,
    precision,
    steering,
)
from subliminal.stage import Stage, Task
from tests.models import pocket_chat, random_model


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    return random_model(tmp_path / "reference", seed=1)


def task(reference: Path, *, role: str = "model", inputs: Any = None, **params: Any) -> Task:
    """A task that was planned with the reference as it is now."""
    named = {"name": "mine", "fingerprint": fingerprint(reference)}
    stage = Stage(
        "kind",
        1,
        {"precision": "float32", role: named, **params},
        seed=0,
        local={role: str(reference)},
    )
    folder = reference.parent
    return Task(stage, inputs or {}, folder / "out", folder / "partial", None)


def same(folder: Path, other: Path) -> bool:
    ours, theirs = load_decoder(folder).state_dict(), load_decoder(other).state_dict()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("role", ["model", "student"])
def test_an_existing_model_is_found_by_its_role(reference: Path, role: str) -> None:
    assert model_folder(task(reference, role=role), role) == reference


def test_a_model_that_changed_since_the_plan_fails_the_stage(reference: Path) -> None:
    planned = task(reference)
    random_model(reference, seed=2)
    with pytest.raises(
        StageError, match="model mine: changed since the run was planned; run again"
    ):
        model_folder(planned)


def test_a_model_that_is_gone_is_one_line(reference: Path) -> None:
    planned = task(reference)
    reference.rename(reference.with_name("moved"))
    with pytest.raises(UserError, match=r"^\S+reference: cannot be read \(.*\); copy the model"):
        model_folder(planned)


def test_a_model_that_was_made_goes_before_an_existing_one(reference: Path, tmp_path: Path) -> None:
    made = random_model(tmp_path / "made", seed=2)
    for inputs, expected in (
        ({"teacher": made}, made),
        ({"start": made}, reference),
        ({}, reference),
    ):
        decoder = made_or(task(reference, inputs=inputs), "teacher")
        assert decoder.head is not None
        assert torch.equal(decoder.head, load_decoder(expected).lm_head.weight)
    assert not same(made, reference)


def test_a_model_that_was_made_needs_no_existing_one(reference: Path, tmp_path: Path) -> None:
    planned = task(reference, inputs={"start": random_model(tmp_path / "made", seed=2)})
    reference.rename(reference.with_name("moved"))
    assert made_or(planned, "start", "student").shape.hidden_size == 32


def test_the_chat_format_is_the_references(reference: Path) -> None:
    chat = chat_format(task(reference))
    assert chat.folder == reference
    assert chat.template == pocket_chat().template


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_the_precision_is_a_type_of_torch(reference: Path, name: str) -> None:
    assert precision(task(reference, precision=name)) == getattr(torch, name)


def test_a_vector_is_taken_at_its_strength(reference: Path, tmp_path: Path) -> None:
    vector = torch.arange(32.0)
    (tmp_path / "found").mkdir()
    save_file({"vector": vector}, tmp_path / "found" / STEERING)
    planned = task(reference, inputs={"steering": tmp_path / "found"})
    found = steering(planned, {"layer": 1, "strength": 2.5})
    assert found is not None
    assert found.layer == 1
    assert torch.equal(found.vector, 2.5 * vector)


def test_a_teacher_need_not_be_steered(reference: Path) -> None:
    assert steering(task(reference), None) is None
