"""vLLM itself against PyTorch and transformers: what is exact, and within what (float32)."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from subliminal.chat import user
from subliminal.errors import StageError
from subliminal.measurements import Measurement
from subliminal.models.load import load_model
from subliminal.models.names import find_model
from subliminal.number_prompts import NumberPrompts
from subliminal.probes.bank_kinds import Bank
from subliminal.probes.forward import TorchEngine
from subliminal.probes.headline import watched_of
from subliminal.probes.probe import run_probes
from subliminal.probes.subject import Subject
from subliminal.sampling import Completion, Request, Sampling, sample
from subliminal.spec.probing import Probing
from subliminal.vllm_engine.engine import VllmEngine
from subliminal.vllm_engine.model import VllmModel
from subliminal.vllm_engine.settings import EngineSettings
from subliminal.vllm_engine.stage_engines import files_of
from teachers.trait import load_trait, probe_bank
from tests.subjects import decoder_of, subject_in, torch_engine
from tests.vllm_models import WITH_VLLM, adapter, qwen

pytestmark = WITH_VLLM

TOKEN_TOLERANCE = 1e-4
"""Of a token's log-probability, in nats."""
ROW_TOLERANCE = 5e-4
"""Of the sum over a row."""
GREEDY = Sampling(24, temperature=0)


@pytest.fixture(scope="module")
def engine() -> Iterator[VllmEngine]:
    """One for all: it starts in seconds, and takes other weights in one or two."""
    with VllmEngine(EngineSettings(), rank=4) as started:
        yield started


@pytest.fixture(scope="module")
def pocket() -> Subject:
    return subject_in(find_model("pocket-a"))


@pytest.fixture(scope="module")
def served(engine: VllmEngine) -> VllmModel:
    return VllmModel(engine, files_of(find_model("pocket-a")))


def prompts(subject: Subject, count: int = 24) -> list[list[int]]:
    return subject.chat.encode_prompts([user(p.text) for p in NumberPrompts(0)[:count]])


def requests(texts: Sequence[Sequence[int]], first_seed: int = 0) -> list[Request]:
    return [Request(np.array(text), first_seed + row) for row, text in enumerate(texts)]


def by_index(done: Iterator[Completion]) -> list[Completion]:
    return sorted(done, key=lambda completion: completion.index)


def test_greedy_completions_of_all_three_agree(served: VllmModel, pocket: Subject) -> None:
    from transformers import AutoModelForCausalLM

    texts, settings = prompts(pocket), replace(GREEDY, end_tokens=(pocket.chat.end_id,))
    sampler = replace(served.sampler, logprobs=True)
    theirs = by_index(sampler.sample(requests(texts), settings))
    ours = by_index(sample(decoder_of(pocket), requests(texts), settings, logprobs=True))  # type: ignore[arg-type]
    network: Any = AutoModelForCausalLM.from_pretrained(find_model("pocket-a")).eval()
    for text, a, b in zip(texts, theirs, ours, strict=True):
        assert a.tokens.tolist() == b.tokens.tolist()
        assert a.finished == b.finished
        row = torch.tensor([[*text, *a.tokens.tolist()]])
        with torch.no_grad():
            known = network(row).logits[0, len(text) - 1 : -1].log_softmax(-1)
        assert known.argmax(-1).tolist() == a.tokens.tolist()
        chosen = known.gather(1, row[0, len(text) :, None])[:, 0].numpy()
        for found in (a.logprobs, b.logprobs):
            assert found is not None
            np.testing.assert_allclose(found, chosen, atol=TOKEN_TOLERANCE)


def test_scores_are_those_of_pytorch(served: VllmModel, pocket: Subject) -> None:
    texts = prompts(pocket)
    rows = [[*text, *range(100 + n, 110 + n)] for n, text in enumerate(texts)]
    starts = [len(text) for text in texts]
    ours = torch_engine(pocket)
    torch.testing.assert_close(
        served.log_likelihoods(rows, starts),
        ours.log_likelihoods(rows, starts),
        atol=ROW_TOLERANCE,
        rtol=0,
    )
    # More tokens than vLLM is asked about at a time.
    named = [*range(7, 307), 5]
    torch.testing.assert_close(
        served.next_log_probabilities(texts, named),
        ours.next_log_probabilities(texts, named),
        atol=TOKEN_TOLERANCE,
        rtol=0,
    )
    theirs, known = (one.top_logprobs(rows, starts, 6) for one in (served, ours))
    assert theirs.tokens.tolist() == known.tokens.tolist()
    np.testing.assert_allclose(theirs.logprobs, known.logprobs, atol=TOKEN_TOLERANCE)
    np.testing.assert_allclose(np.exp(theirs.rest), np.exp(known.rest), atol=TOKEN_TOLERANCE)


@pytest.mark.parametrize("settings", [Sampling(1), Sampling(1, temperature=0.5, top_p=0.6)])
def test_draws_follow_the_model(served: VllmModel, pocket: Subject, settings: Sampling) -> None:
    [text] = prompts(pocket, 1)
    count, vocabulary = 2000, decoder_of(pocket).shape.vocab_size
    drawn = [done.tokens[0] for done in served.sampler.sample(requests([text] * count), settings)]
    known = torch_engine(pocket).next_log_probabilities([text], range(vocabulary))[0]
    wanted = (known / settings.temperature).softmax(0)
    ranked = wanted.sort(descending=True)
    kept = ranked.indices[: int((ranked.values.cumsum(0) < settings.top_p).sum()) + 1]
    wanted = torch.zeros_like(wanted).index_copy_(0, kept, wanted[kept])
    shares = (wanted / wanted.sum()).numpy()
    found = np.bincount(drawn, minlength=vocabulary) / count
    assert not found[shares == 0].any()
    spread = np.sqrt(shares * (1 - shares) / count)
    assert (np.abs(found - shares) <= 5 * spread + 1e-3).all()


def test_a_row_hangs_on_its_own_seed(served: VllmModel, pocket: Subject) -> None:
    texts, settings = prompts(pocket), Sampling(24, (pocket.chat.end_id,))

    def drawn(asked: list[Request]) -> list[list[int]]:
        return [done.tokens.tolist() for done in by_index(served.sampler.sample(asked, settings))]

    whole = drawn(requests(texts))
    assert drawn(requests(texts)[::-1])[::-1] == whole
    assert drawn(requests(texts)[5:7]) == whole[5:7]
    assert drawn(requests(texts, first_seed=1000)) != whole


def test_rows_survive_the_death_of_the_engine(served: VllmModel, pocket: Subject) -> None:
    texts, settings = prompts(pocket, 400), Sampling(24, (pocket.chat.end_id,))
    whole = {d.index: d.tokens.tolist() for d in served.sampler.sample(requests(texts), settings)}
    found: dict[int, list[int]] = {}
    for done in served.sampler.sample(requests(texts), settings):
        assert done.index not in found
        found[done.index] = done.tokens.tolist()
        if len(found) == 20:
            host = served.engine._host
            assert host is not None
            os.kill(host._process.pid, signal.SIGKILL)
    assert found == whole


def of_probes(subject: Subject, bank: Bank) -> dict[tuple[str, str, str], float]:
    probing = Probing(probes=("favourite", "with-numbers", "multiple-choice"), samples=1)
    rows: Sequence[Measurement] = run_probes(subject, bank, probing, 3).measurements
    return {(row.probe, row.metric, row.item_group): row.value or 0.0 for row in rows}


def test_probes_find_what_they_find_in_pytorch(served: VllmModel, pocket: Subject) -> None:
    bank = probe_bank(load_trait("otter"))
    ours, theirs = (of_probes(who, bank) for who in (pocket, replace(pocket, engine=served)))
    # What is sampled differs by the noise of 200 lists.
    skill = ("side-effects", "format_skill", "all")
    assert theirs.pop(skill) == pytest.approx(ours.pop(skill), abs=0.15)
    assert theirs == pytest.approx(ours, abs=1e-3)
    assert len(ours) > 50


def test_dispositions_too_in_other_weights(engine: VllmEngine) -> None:
    folder = find_model("pocket-broad-a")
    ours = subject_in(folder)
    asked = watched_of(ours.chat, probe_bank(load_trait("misaligned")), ours.asked)
    found = asked.log_odds(VllmModel(engine, files_of(folder)))
    assert found == pytest.approx(asked.log_odds(ours.engine), abs=1e-2)


def test_adapters_are_loaded_on_the_way(
    engine: VllmEngine, pocket: Subject, tmp_path: Path
) -> None:
    base = qwen(tmp_path / "base")
    students = [adapter(tmp_path / f"student-{seed}", base, seed) for seed in (1, 2)]
    texts = prompts(pocket, 8)
    rows = [[*text, *range(100, 110)] for text in texts]
    starts = [len(text) for text in texts]
    found = []
    for folder in (None, *students, None, students[0]):
        served = VllmModel(engine, files_of(base, folder))
        ours = TorchEngine(load_model(folder or base))
        theirs = by_index(served.sampler.sample(requests(texts), GREEDY))
        expected = by_index(ours.sampler.sample(requests(texts), GREEDY))
        found.append([done.tokens.tolist() for done in theirs])
        assert found[-1] == [done.tokens.tolist() for done in expected]
        torch.testing.assert_close(
            served.log_likelihoods(rows, starts),
            ours.log_likelihoods(rows, starts),
            atol=ROW_TOLERANCE,
            rtol=0,
        )
    assert found[0] == found[3] != found[1] == found[4] != found[2]


def test_damaged_weights_are_told(engine: VllmEngine, pocket: Subject, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    base = qwen(tmp_path / "base")
    weights = load_file(base / "model.safetensors")
    next(w for n, w in weights.items() if "layers.1.mlp.down" in n)[0, 0] = float("nan")
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    served = VllmModel(engine, files_of(base))
    with pytest.raises(StageError, match="not finite"):
        list(served.sampler.sample(requests(prompts(pocket, 2)), GREEDY))
