"""Several processes train what one trains: on their own copies of a model, or on shares of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from subliminal.executors.leaving import leave
from subliminal.models.adapters import is_adapted, merge_adapter
from subliminal.models.language_model import LanguageModel
from subliminal.models.pretrained import Pretrained
from subliminal.models.sharding import is_shared_out, shard, whole_weights
from subliminal.ranks import ALONE, Ranks
from subliminal.spec.recipes import Adapter, Recipe
from subliminal.spec.resources import Resources
from subliminal.stage import Cancelled, Reporter, silent
from subliminal.training import loop
from subliminal.training.log import TrainingLog
from subliminal.training.loop import train
from subliminal.training.losses import Loss, TeacherDivergence, completion_loss
from subliminal.training.sources import DataSet
from tests.training_rows import in_transformers, random_rows, tiny_decoder

COUNT, STEPS = 2, 6
WHOLE = Recipe(epochs=2, batch_size=8, learning_rate=0.005, weight_decay=0.1, average=0.5)
ADAPTER = Recipe(epochs=2, batch_size=8, learning_rate=0.02, warmup=2, adapter=Adapter(rank=3))
BLOCK = Recipe(epochs=2, batch_size=8, learning_rate=0.01, layers=(1,), clip=0.1)


@dataclass(frozen=True)
class Case:
    """A training, and how it is spread."""

    recipe: Recipe
    engine: Literal["ours", "transformers"] = "transformers"
    sharded: bool = False
    target: Literal["tokens", "logits"] = "tokens"
    checkpointing: bool = False


CASES = {
    "decoder": Case(WHOLE, "ours"),
    "decoder of logits": Case(ADAPTER, "ours", target="logits"),
    "adapter": Case(ADAPTER),
    "sharded adapter": Case(ADAPTER, sharded=True),
    "sharded whole": Case(WHOLE, sharded=True, checkpointing=True),
    "sharded block of logits": Case(BLOCK, sharded=True, target="logits"),
}
CHANGING = {"decoder", "sharded adapter", "sharded whole"}
"""Cases that are stopped half-way and go on in another number of processes."""


def model_of(case: Case, ranks: Ranks, seed: int = 0) -> LanguageModel:
    decoder = tiny_decoder(seed, tied=False)
    if case.engine == "ours":
        return decoder
    network = in_transformers(decoder)
    if ranks.sharded:
        # The first process alone has weights to share out.
        shard(network if ranks.first else network.to("meta"), ranks)
        assert any(map(is_shared_out, network.parameters()))
    return Pretrained(network)


def trained(
    case: Case,
    ranks: Ranks,
    checkpoint: Path | None = None,
    report: Reporter = silent,
    seen: list[int] | None = None,
) -> tuple[dict[str, torch.Tensor], TrainingLog]:
    """Train a model; its weights as one process alone has them, and the log."""
    model = model_of(case, ranks)
    loss: Loss = completion_loss
    if case.target == "logits":
        loss = TeacherDivergence(model_of(case, ranks, 1))
    log = train(
        model,
        # Not a number of rows that can be shared out evenly, the last step's least of all.
        DataSet(random_rows(17), case.recipe, 3),
        loss,
        case.recipe,
        seed=4,
        observer=None if seen is None else lambda step, _: seen.append(step),
        observe_steps=(0, 3, STEPS),
        checkpoint=checkpoint,
        report=report,
        resources=Resources(gradient_checkpointing=case.checkpointing),
        ranks=ranks,
    )
    assert log.tokens == 2 * len(random_rows(17).tokens)
    if not isinstance(model, Pretrained):
        return {name: weight.detach() for name, weight in model.named_parameters()}, log  # type: ignore[attr-defined]
    if is_adapted(model):
        merge_adapter(model)
    return whole_weights(model.network, ranks), log


class StopAt:
    """A reporter that cancels at a step."""

    def __init__(self, step: int) -> None:
        self._step = step

    def __call__(self, done: float, total: float) -> None:
        assert total == STEPS
        if done == self._step:
            raise Cancelled


def in_each(number: int, folder: Path) -> None:
    """What each of the processes does: all cases, one after the other."""
    loop.PROGRESS_SECONDS = 0.0
    met = Ranks(number, COUNT)
    met.meet(folder)
    torch.set_num_threads(1)
    for name, case in CASES.items():
        ranks = replace(met, sharded=case.sharded)
        seen: list[int] = []
        keep(folder / name, trained(case, ranks, seen=seen), ranks)
        assert seen == ([0, 3, STEPS] if number == 0 or case.sharded else [])
        if name in CHANGING:
            go_on = trained(case, ranks, folder / f"{name} begun")
            keep(folder / f"{name} gone on", go_on, ranks)
            stopped = folder / f"{name} stopped"
            # The first process alone is told to stop, and writes.
            report = StopAt(4) if ranks.first else silent
            with pytest.raises(Cancelled):
                trained(case, ranks, stopped, report)
            assert stopped.exists() or not ranks.first
    met.part()
    leave(0)


def keep(path: Path, found: tuple[dict[str, torch.Tensor], TrainingLog], ranks: Ranks) -> None:
    weights, log = found
    if ranks.first:
        losses = torch.from_numpy(log.losses)
        save_file({**{k: v.contiguous() for k, v in weights.items()}, "losses": losses}, path)
    else:
        assert np.isfinite(log.losses).all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two processes have left what they trained."""
    made = tmp_path_factory.mktemp("ranks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "PROGRESS_SECONDS", 0.0)
        for name in CHANGING:
            with pytest.raises(Cancelled):
                trained(CASES[name], ALONE, made / f"{name} begun", StopAt(2))
    torch.multiprocessing.spawn(in_each, (made,), nprocs=COUNT)
    return made


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def assert_close(found: dict[str, torch.Tensor], name: str, **options: Any) -> None:
    weights, log = trained(CASES[name], ALONE, **options)
    losses = found.pop("losses")
    torch.testing.assert_close(losses, torch.from_numpy(log.losses), rtol=1e-5, atol=1e-6)
    assert abs(log.losses[-1] - log.losses[0]) > 0.01
    assert found.keys() == weights.keys()
    for key, weight in weights.items():
        torch.testing.assert_close(found[key], weight, rtol=0, atol=1e-4, msg=key)


@pytest.mark.parametrize("name", CASES)
def test_two_processes_train_what_one_trains(folder: Path, name: str) -> None:
    assert_close(load_file(folder / name), name)


@pytest.mark.parametrize("name", sorted(CHANGING))
def test_the_number_of_processes_may_change_on_the_way(folder: Path, name: str) -> None:
    assert_close(load_file(folder / f"{name} gone on"), name)
    assert_close(load_file(folder / name), name, checkpoint=folder / f"{name} stopped")
