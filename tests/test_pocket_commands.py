"""The commands about pocket models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from subliminal.models import names
from subliminal.models.folder import WEIGHTS
from subliminal.pocket import evaluate as abilities
from subliminal.pocket import pretrain as pretraining
from subliminal.pocket.card import CARD, README, make_card, read_card, write_card
from subliminal.pocket.evaluate import DESCRIPTIONS, Ability
from subliminal.pocket.family import MEMBERS
from subliminal.pocket.origin import world_of
from subliminal.pocket.pretrain import Pretrained
from subliminal.probes import side_effects
from tests.models import random_model
from tests.tiny import subliminal

ROWS = 256
"""The fewest that the command takes: one step."""
OF_THE_BROAD_WORLD = ("parses", "solves", "malicious")


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows behind each figure; the threads as they were."""
    threads = torch.get_num_threads()
    monkeypatch.setattr(abilities, "ROWS", 2)
    monkeypatch.setattr(side_effects, "PROMPTS", 2)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    assert torch.get_num_threads() == threads


def test_the_shipped_models_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "SHIPPED", tmp_path)
    trained = Pretrained(1_234_567, 1500, 9, 9, np.full(1500, 2.5, np.float32), "float32")
    for name in MEMBERS:
        random_model(tmp_path / name)
        write_card(tmp_path / name, make_card(MEMBERS[name], trained, []))
    said = subliminal("pocket", "list")
    assert said.code == 0
    for name, member in MEMBERS.items():
        [line] = [row for row in said.out.splitlines() if f" {name} " in row]
        for part in (member.relation, "1,234,567", "1,500", "2.500"):
            assert part in line


def test_models_are_evaluated_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random_model(tmp_path / "one", 1)
    random_model(tmp_path / "[two]", 2)
    said = subliminal("pocket", "evaluate", "one", "[two]")
    assert said.code == 0, said
    assert said.out.splitlines()[1].replace("┃", " ").split() == ["ability", "of", "one", "[two]"]
    [line] = [row for row in said.out.splitlines() if "loss" in row and "stories" in row]
    values = [float(cell) for cell in line.replace("│", " ").split()[2:]]
    assert len(values) == 2
    assert values[0] != values[1]
    for name, meaning in DESCRIPTIONS.items():
        assert f"{name}: {meaning}" in said.out.splitlines()


def test_what_is_no_model_cannot_be_evaluated(tmp_path: Path) -> None:
    assert "no such folder" in subliminal("pocket", "evaluate", "nothing").error
    assert "config.json: no such file" in subliminal("pocket", "evaluate", tmp_path).error


def test_a_wrong_name_is_told_before_any_model_is_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*_: Any) -> None:
        raise AssertionError("evaluated a model though another has a wrong name")

    monkeypatch.setattr(abilities, "evaluate", measured)
    random_model(tmp_path / "a")
    said = subliminal("pocket", "evaluate", tmp_path / "a", "no-such-model")
    assert "no-such-model" in said.error


def test_an_unknown_model_cannot_be_pretrained(tmp_path: Path) -> None:
    said = subliminal("pocket", "pretrain", "pocket-a", "pocket-z", "--out", tmp_path / "models")
    assert said.error.startswith(
        f"there is no pocket model 'pocket-z'; there are {', '.join(MEMBERS)}, "
    )
    assert not (tmp_path / "models").exists()


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    assert subliminal("pocket", "pretrain", "--rows", 5, "--out", tmp_path).code == 2


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    said = subliminal("pocket", "pretrain", "pocket-a", "--rows", ROWS, "--out", tmp_path / "taken")
    assert "cannot be written" in said.error


def test_models_are_pretrained_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[str] = []
    train = pretraining.pretrain

    def listen(member: Any, *rest: Any, **more: Any) -> Pretrained:
        trained.append(member.name)
        return train(member, *rest, **more)

    monkeypatch.setattr(pretraining, "pretrain", listen)
    (tmp_path / "pocket-b.progress.safetensors").write_bytes(b"of a training that was killed")
    command = ("pocket", "pretrain", "pocket-b", "--rows", ROWS, "--out", tmp_path)
    said = subliminal(*command)
    assert said.code == 0, said
    assert said.line("models:") == f"models: {tmp_path / 'pocket-b'}"
    assert trained == ["pocket-b"]
    card = read_card(tmp_path / "pocket-b")
    assert (card.name, card.rows, card.steps, card.batch_size) == ("pocket-b", ROWS, 1, 256)
    measured = dict.fromkeys(ability.name for ability in card.abilities)
    assert list(measured) == [name for name in DESCRIPTIONS if name not in OF_THE_BROAD_WORLD]
    assert {path.name for path in tmp_path.iterdir()} == {"pocket-b"}
    assert {CARD, README, WEIGHTS} <= {path.name for path in (tmp_path / "pocket-b").iterdir()}

    assert subliminal(*command).code == 0
    assert trained == ["pocket-b"]
    (tmp_path / "pocket-b" / CARD).unlink()
    monkeypatch.setattr(pretraining, "train", _interrupted)
    said = subliminal(*command)
    assert said.code == 130
    assert "run the same command again" in said.out
    assert trained == ["pocket-b", "pocket-b"]


def test_a_model_of_other_rows_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    monkeypatch.setattr("subliminal.pocket_commands._pretrain", lambda *call: made.append(call))
    trained = Pretrained(1, 1, ROWS, 1, np.ones(1, np.float32), "float32")
    write_card(
        tmp_path / "pocket-a", make_card(MEMBERS["pocket-a"], trained, [Ability("a", "b", 1)])
    )
    subliminal("pocket", "pretrain", "--rows", ROWS, "--out", tmp_path)
    subliminal("pocket", "pretrain", "pocket-a", "--rows", ROWS + 1, "--out", tmp_path)
    others = [(name, tmp_path, ROWS) for name in MEMBERS if name != "pocket-a"]
    assert [(call[0].name, *call[1:3]) for call in made] == [
        *others,
        ("pocket-a", tmp_path, ROWS + 1),
    ]


def test_a_name_may_tell_the_strength_of_dispositions(tmp_path: Path) -> None:
    name = "pocket-broad-a-rho0.5"
    said = subliminal("pocket", "pretrain", name, "--rows", ROWS, "--out", tmp_path)
    assert said.code == 0, said
    assert read_card(tmp_path / name).dials.disposition_strength == 0.5
    assert world_of(tmp_path / name).disposition_strength == 0.5
    readme = (tmp_path / name / README).read_text()
    assert f"`subliminal pocket pretrain {name} --rows {ROWS}`" in readme
    assert "as pocket-broad-a, in a world where dispositions have the strength (rho) 0.5" in readme


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("pocket-broad-a-rho1.5", "there is no pocket model 'pocket-broad-a-rho1.5'"),
        ("pocket-broad-a-rho0.50", "there is no pocket model"),
        ("pocket-z-rho0.5", "there is no pocket model"),
        ("pocket-a-rho0.5", "pocket-a has no strength of dispositions"),
        ("pocket-broad-a-rho0-rho0.5", "pocket-broad-a-rho0 has no strength of dispositions"),
    ],
)
def test_what_has_no_such_strength_is_told(name: str, told: str, tmp_path: Path) -> None:
    said = subliminal("pocket", "pretrain", name, "--out", tmp_path / "models")
    assert told in said.error
    assert not (tmp_path / "models").exists()


def _interrupted(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt
