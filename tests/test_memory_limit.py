"""A device that runs out of memory (simulated) costs halved batches, not the stage."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from subliminal.collect import memory_shortages
from subliminal.errors import StageError
from subliminal.executors import Outcome
from subliminal.memory_limit import MemoryLimit
from subliminal.models.language_model import LanguageModel
from subliminal.models.layout import pack
from subliminal.models.pretrained import Pretrained
from subliminal.probes.forward import TorchEngine, batches_of
from subliminal.report.memory import shortage_of_memory
from subliminal.results import MemoryShortage
from subliminal.sampling import Request, Sampling
from subliminal.sampling.pretrained_sampler import PretrainedSampler
from subliminal.spec.recipes import Adapter, Recipe
from subliminal.training.log import LOSSES, TrainingLog, write_losses
from subliminal.training.loop import train
from subliminal.training.losses import completion_loss
from subliminal.training.sources import DataSet
from tests.hub_models import hub_model
from tests.language_stages import STUDENTS, Workshop, plan_of, stage_of
from tests.training_rows import VOCABULARY, in_transformers, random_rows, tiny_decoder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

RECIPE = Recipe(epochs=2, batch_size=16, learning_rate=0.02, adapter=Adapter(rank=2))
ROWS = [np.random.default_rng(row).integers(0, VOCABULARY, 3 + row % 9) for row in range(40)]


class Small(Pretrained):
    """A model whose device holds so many tokens of a forward pass, padding included."""

    def __init__(self, holds: int) -> None:
        super().__init__(in_transformers(tiny_decoder()))
        self.holds = holds
        self.refused = 0
        # Registered on the module, so that both ways to call the network pass it.
        self.network.get_decoder().register_forward_pre_hook(self._refuse, with_kwargs=True)

    def _refuse(self, _module: object, _read: object, named: dict[str, torch.Tensor]) -> None:
        if named["input_ids"].numel() > self.holds:
            self.refused += 1
            raise torch.OutOfMemoryError("simulated")


def known_next(model: LanguageModel, rows: list[list[int]]) -> torch.Tensor:
    """As precise as the model is."""
    return TorchEngine(model).next_log_probabilities(rows, range(VOCABULARY)).float()


def trained(model: Pretrained) -> TrainingLog:
    return train(model, DataSet(random_rows(40), RECIPE, 3), completion_loss, RECIPE, seed=4)


def test_training_goes_on_with_smaller_batches_and_says_so() -> None:
    roomy, tight = Small(10**6), Small(96)
    expected, found = trained(roomy), trained(tight)
    assert roomy.refused == 0
    assert tight.refused > 0
    # The same steps, added up in other batches.
    np.testing.assert_allclose(found.losses, expected.losses, rtol=1e-3)
    assert found.tokens == expected.tokens
    assert "tokens_at_once" not in expected.counts
    assert 64 <= found.counts["tokens_at_once"] < 200


def test_sampling_goes_on_with_fewer_rows() -> None:
    requests = [Request(tokens, seed) for seed, tokens in enumerate(ROWS)]

    def drawn(model: Small) -> list[list[int]]:
        found = PretrainedSampler(model).sample(requests, Sampling(9, (1, 2, 3)))
        return [done.tokens.tolist() for done in sorted(found, key=lambda done: done.index)]

    tight = Small(50)
    assert drawn(tight) == drawn(Small(10**6))
    assert tight.refused > 0


def test_sampling_that_runs_out_on_the_way_repeats_no_row() -> None:
    """The batch is refused in the middle, after some rows have ended."""
    model = Small(10**6)
    requests = [Request(tokens, seed) for seed, tokens in enumerate(ROWS)]
    numbers = []
    for done in PretrainedSampler(model).sample(requests, Sampling(9, (1, 2, 3))):
        numbers.append(done.index)
        # One row at a time fits when its prompt is read, and 39 do not.
        model.holds = 11 if len(numbers) >= 3 else model.holds
    assert sorted(numbers) == list(range(len(ROWS)))
    assert model.refused > 0


def test_an_engine_counts_the_fewest_rows_that_it_took_at_once() -> None:
    requests = [Request(tokens, seed) for seed, tokens in enumerate(ROWS)]

    def counted(model: Small, *, reads: bool, writes: bool) -> Mapping[str, float]:
        engine = TorchEngine(model)
        if reads:
            engine.log_likelihoods([row.tolist() for row in ROWS], [1] * len(ROWS))
        if writes:
            assert len(list(engine.sampler.sample(requests, Sampling(9, (1, 2, 3))))) == len(ROWS)
        return engine.counts

    assert counted(Small(10**6), reads=True, writes=True) == {}
    # Of rows of 11 tokens two fit, and of three that are halved one is left alone.
    assert counted(Small(23), reads=True, writes=False) == {"rows_at_once": 1}
    # Of 512 rows halved again and again 4 of up to 11 tokens fit, and 8 do not.
    assert counted(Small(60), reads=False, writes=True) == {"rows_at_once": 4}
    assert counted(Small(23), reads=True, writes=True) == {"rows_at_once": 1}


def test_stages_and_their_run_say_that_memory_ran_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, begun = hub_model(tmp_path / "model", "qwen2"), Pretrained.__init__

    def tight(self: Pretrained, network: PreTrainedModel) -> None:
        def refuse(_module: object, _read: object, named: dict[str, torch.Tensor]) -> None:
            if named["input_ids"].shape[0] > 4:
                raise torch.OutOfMemoryError("simulated")

        begun(self, network)
        network.get_decoder().register_forward_pre_hook(refuse, with_kwargs=True)

    monkeypatch.setattr(Pretrained, "__init__", tight)
    plan = plan_of(tmp_path, STUDENTS, f"model={model}", "relatives.different=null")
    shop = Workshop(plan, tmp_path / "store")
    written = shop.report(stage_of(plan, "untaught", "lm.write"))
    probed = shop.report(stage_of(plan, "reference", "lm.probe"))
    assert shop.counts("untaught", "lm.write") == written.counts
    assert written.counts == {"rows": 24, "rows_at_once": 4}
    assert 2 <= probed.counts["rows_at_once"] <= 4
    outcomes = {
        report.key: Outcome(report.state, counts=report.counts)  # type: ignore[arg-type]
        for report in (written, probed)
    }
    found = list(memory_shortages(plan, shop.store, outcomes))
    assert {each.kind: (each.stages, each.rows) for each in found} == {
        "lm.write": (1, 4),
        "lm.probe": (1, int(probed.counts["rows_at_once"])),
    }
    # A run that finds both in the store, and looks at no more than the later one, says the same.
    again = {probed.key: Outcome("cached")}
    assert list(memory_shortages(plan, shop.store, again)) == found
    assert shortage_of_memory([each for each in found if each.kind == "lm.write"]) == (
        "memory ran out in 1 stage; they went on with less at once: lm.write (1 stage, 4 rows)"
    )


def test_shortages_are_told_by_kind_with_the_least() -> None:
    """A student may be short of memory as it learns, and as it is watched."""
    found = [
        MemoryShortage(kind="lm.write", stages=2, rows=16),
        MemoryShortage(kind="lm.distil", stages=1, rows=8, tokens=512),
    ]
    assert shortage_of_memory(found) == (
        "memory ran out in 3 stages; they went on with less at once: lm.write (2 stages, 16 rows) "
        "and lm.distil (1 stage, 8 rows and 512 tokens)"
    )
    assert not shortage_of_memory([])


def test_probing_goes_on_with_halves() -> None:
    rows = [row.tolist() for row in ROWS]
    roomy, tight = Small(10**6), Small(60)
    expected = known_next(roomy, rows)
    found = known_next(tight, rows)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    starts = [1] * len(rows)
    torch.testing.assert_close(
        TorchEngine(tight).log_likelihoods(rows, starts),
        TorchEngine(roomy).log_likelihoods(rows, starts),
    )
    assert tight.refused > 0


def test_answers_behind_one_prompt_go_on_in_halves() -> None:
    prompts = [row.tolist() for row in ROWS[6:9]]
    rows = [[*prompt, 5 + place, *range(3)] for prompt in prompts for place in range(8)]
    starts = [len(prompt) for prompt in prompts for _ in range(8)]
    # Three prompts of up to 11 tokens fit; not what stands behind them, 3 tokens of 24 rows.
    roomy, tight = Small(10**6), Small(40)
    engine = TorchEngine(tight)
    torch.testing.assert_close(
        engine.log_likelihoods(rows, starts), TorchEngine(roomy).log_likelihoods(rows, starts)
    )
    assert tight.refused == 1
    assert engine.counts == {"rows_at_once": 12}


@pytest.mark.parametrize(
    "work",
    [
        trained,
        lambda model: list(PretrainedSampler(model).sample([Request(ROWS[0], 0)], Sampling(3))),
        lambda model: known_next(model, [ROWS[0].tolist()]),
    ],
    ids=["training", "sampling", "probing"],
)
def test_what_never_fits_fails_in_one_line(work: Callable[[Pretrained], object]) -> None:
    with pytest.raises(StageError, match=r"the device runs out of memory with .* at once; take a"):
        work(Small(1))


def test_half_is_tried_down_to_the_least() -> None:
    limit = MemoryLimit(10, least=4, of="rows")
    limit.halve()
    assert limit.most == 5
    limit.halve()
    assert limit.most == 4
    with pytest.raises(StageError, match="with 4 rows at once"):
        limit.halve()


def test_a_small_model_of_ours_is_halved_too() -> None:
    decoder, rows = tiny_decoder(), [row.tolist() for row in ROWS]
    expected = known_next(decoder, rows)
    plain, calls = decoder.packed, []

    def packed(tokens: torch.Tensor, *rest: object, **named: object) -> torch.Tensor:
        calls.append(len(tokens))
        if len(tokens) > 60:
            raise torch.OutOfMemoryError("simulated")
        return plain(tokens, *rest, **named)  # type: ignore[arg-type]

    decoder.packed = packed  # type: ignore[method-assign]
    torch.testing.assert_close(known_next(decoder, rows), expected)
    assert max(calls) > 60


def test_halves_hold_all_rows_in_order() -> None:
    [batch] = batches_of([[1], [2, 3], [4, 5, 6], [7, 8, 9]])
    first, last = batch.halves()
    assert torch.cat([first.tokens, last.tokens]).tolist() == batch.tokens.tolist()
    assert torch.cat([first.rows, last.rows]).tolist() == batch.rows.tolist()
    assert first.layout.tokens == pack(first.lengths.tolist()).tokens == 3


def test_losses_are_written_by_step(tmp_path: Path) -> None:
    write_losses(tmp_path, TrainingLog(np.array([2.5, 1.25], np.float32), 30, 4096))
    lines = (tmp_path / LOSSES).read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"step": 1, "loss": 2.5},
        {"step": 2, "loss": 1.25},
    ]
