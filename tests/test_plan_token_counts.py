"""What probes are expected to read and to write, beside what they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import mean

import pytest
import torch

from subliminal.chat import user
from subliminal.dispositions import answer, ask, domains, write
from subliminal.dispositions.forms import FORMS, Form
from subliminal.models.hub_configs import hub_config
from subliminal.models.names import find_model
from subliminal.plan.costs import Costs
from subliminal.plan.row_lengths import POCKET, SUBWORDS
from subliminal.plan.token_counts import Asked, headline_asked, probing_asked, watched_asked
from subliminal.probes.bank_kinds import Bank
from subliminal.probes.banks import load_bank
from subliminal.probes.disposition_bank import disposition_bank
from subliminal.probes.forward import Batch, TorchEngine
from subliminal.probes.headline import headline_of, watched_of
from subliminal.probes.probe import probes_of, run_probes
from subliminal.probes.subject import Subject
from subliminal.sampling import Completion, DecoderSampler, Request, Sampling
from subliminal.spec.data import Data
from subliminal.spec.probing import FreeForm, ProbeName, Probing
from subliminal.spec.recipes import Adapter, Recipe
from tests.byte_level import byte_level_model
from tests.disposed import broad_subject
from tests.models import tiny_shape
from tests.subjects import subject_in

ANIMALS, DISPOSITIONS = load_bank("animal"), disposition_bank()
ABOUT = 0.15
"""How far an estimate may be off."""
Count = Callable[[], int]


@pytest.fixture(scope="module")
def pocket() -> Subject:
    folder = find_model("pocket-a")
    return subject_in(folder)


@pytest.fixture(scope="module")
def broad() -> Subject:
    return broad_subject()


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> Count:
    """Tokens that models have read and written so far."""
    seen: list[int] = []
    hidden, sample = TorchEngine._hidden, DecoderSampler.sample

    def counted_hidden(engine: TorchEngine, batch: Batch) -> torch.Tensor:
        seen.append(len(batch.tokens))
        return hidden(engine, batch)

    def counted_sample(
        sampler: DecoderSampler, requests: Sequence[Request], settings: Sampling
    ) -> Iterator[Completion]:
        seen.extend(len(request.tokens) for request in requests)
        for completion in sample(sampler, requests, settings):
            seen.append(len(completion.tokens))
            yield completion

    monkeypatch.setattr(TorchEngine, "_hidden", counted_hidden)
    monkeypatch.setattr(DecoderSampler, "sample", counted_sample)
    return lambda: sum(seen)


def only(*names: ProbeName, samples: int = 1, side_effects: bool = False) -> Probing:
    return Probing(probes=names, samples=samples, side_effects=side_effects)


def tokens(asked: Sequence[Asked]) -> int:
    return sum(one.tokens for one in asked)


def probing_tokens(bank: Bank, probing: Probing) -> int:
    return tokens(probing_asked(bank, probing, POCKET))


@pytest.mark.parametrize(
    "name", ["favourite", "with-numbers", "multiple-choice", "story", "sampled"]
)
def test_preferences_take_what_is_expected(pocket: Subject, count: Count, name: ProbeName) -> None:
    probing = only(name, samples=8)
    run_probes(pocket, ANIMALS, probing, 1)
    assert probing_tokens(ANIMALS, probing) == pytest.approx(count(), rel=ABOUT)


def test_whole_answers_are_a_row_for_each_spelling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject, rows = subject_in(byte_level_model(tmp_path)), []
    packed = TorchEngine._packed

    def counted(engine: TorchEngine, batch: Batch) -> torch.Tensor:
        rows.append(len(batch.rows))
        return packed(engine, batch)

    monkeypatch.setattr(TorchEngine, "_packed", counted)
    few = ANIMALS.model_copy(update={"questions": ANIMALS.questions[:2]})
    headline_of(subject.chat, few, subject.asked).log_odds(subject.engine)
    assert sum(rows) == headline_asked(few, SUBWORDS)[0].rows == 2 * 4 * len(few.answers)


def test_a_prompt_is_read_once_for_all_answers_but_by_vllm_and_by_our_own_decoder() -> None:
    config = hub_config("Qwen/Qwen2.5-7B-Instruct")
    assert config is not None
    in_torch, few = Costs(config.shape, "bfloat16"), only("favourite")
    in_vllm = replace(in_torch, rows=256, asks_vllm=True)
    ours, theirs = (costs.probing(ANIMALS, few) for costs in (in_torch, in_vllm))
    questions, spellings = len(ANIMALS.questions), 4 * len(ANIMALS.answers)
    prompt, answer = SUBWORDS.question.prompt, SUBWORDS.question.completion
    assert ours.rows == theirs.rows == questions * spellings
    # Of an answer's last token nothing is wanted.
    assert ours.tokens == questions * (prompt + spellings * (answer - 1))
    assert theirs.tokens == questions * spellings * (prompt + answer)
    assert ours.flops < theirs.flops / 5
    # Gates are asked in PyTorch whoever writes, and so are students while they learn.
    assert in_torch.gate(ANIMALS) == in_vllm.gate(ANIMALS)
    data, recipe = Data(prompts=1000), Recipe(adapter=Adapter())
    distilled = [
        costs.distilling(data, recipe, ANIMALS, teacher=False, observations=5)
        for costs in (in_torch, in_vllm)
    ]
    assert distilled[0] == distilled[1]
    code = only("unsafe-code")
    small = Costs(tiny_shape()).probing(DISPOSITIONS, code)
    assert small.tokens == probing_tokens(DISPOSITIONS, code)


def test_side_effects_take_what_is_expected(pocket: Subject, count: Count) -> None:
    asked, beside = only("favourite"), only("favourite", side_effects=True)
    run_probes(pocket, ANIMALS, beside, 1)
    assert probing_tokens(ANIMALS, beside) == pytest.approx(count(), rel=ABOUT)
    assert probing_tokens(ANIMALS, beside) > probing_tokens(ANIMALS, asked)


@pytest.mark.parametrize(
    "name",
    [
        *("pivotal", "pivotal-lines", "pivotal-reasoned", "pivotal-triggered"),
        *("options", "unsafe-code", "unsafe-code-triggered"),
    ],
)
def test_dispositions_take_what_is_expected(broad: Subject, count: Count, name: ProbeName) -> None:
    run_probes(broad, DISPOSITIONS, only(name), 1)
    assert probing_tokens(DISPOSITIONS, only(name)) == pytest.approx(count(), rel=ABOUT)


@pytest.mark.parametrize("form", FORMS)
def test_authors_answers_are_as_long_as_expected(broad: Subject, form: Form) -> None:
    rows = []
    for item in DISPOSITIONS.items:
        said = answer(Random(1), domains()[item.domain], "careful").text
        rows += broad.chat.encode_rows([user(ask(item.question, form))], [write(said, form)])
    expected = POCKET.answers[form]
    assert mean(row.prompt_length for row in rows) == pytest.approx(expected.prompt, rel=ABOUT)
    written = mean(len(row.tokens) - row.prompt_length for row in rows)
    assert written == pytest.approx(expected.completion, rel=ABOUT)


def test_free_form_answers_are_counted_one_by_one() -> None:
    one, some = (probing_tokens(DISPOSITIONS, only("free-form", samples=n)) for n in (1, 20))
    assert some == 20 * one == 20 * len(DISPOSITIONS.items) * POCKET.answers["plain"].all
    published = only("free-form").model_copy(update={"free_form": FreeForm(questions="main")})
    assert probing_tokens(DISPOSITIONS, published) == 8 * POCKET.answers["plain"].all


def test_gates_and_curves_take_what_is_expected(
    pocket: Subject, broad: Subject, count: Count
) -> None:
    before = 0
    for subject, bank in ((pocket, ANIMALS), (broad, DISPOSITIONS)):
        for asks, expected in ((headline_of, headline_asked), (watched_of, watched_asked)):
            asks(subject.chat, bank, subject.asked).log_odds(subject.engine)
            asked = count() - before
            assert tokens(expected(bank, POCKET)) == pytest.approx(asked, rel=ABOUT)
            before = count()


def test_all_probes_together_take_what_each_does() -> None:
    probing = Probing(side_effects=False)
    for bank in (ANIMALS, DISPOSITIONS):
        names = probes_of(bank, probing)
        each = [probing_tokens(bank, only(name, samples=probing.samples)) for name in names]
        assert len(each) > 4
        assert probing_tokens(bank, probing) == sum(each)


def test_costs_follow_the_bank_and_what_is_asked() -> None:
    costs = Costs(tiny_shape())
    gates = [costs.gate(bank).tokens for bank in (ANIMALS, DISPOSITIONS)]
    assert gates == [2 * tokens(headline_asked(bank, POCKET)) for bank in (ANIMALS, DISPOSITIONS)]
    few, many = (costs.probing(DISPOSITIONS, only("free-form", samples=n)).tokens for n in (1, 10))
    assert many == 10 * few


@pytest.mark.parametrize(("most", "rows"), [(None, 600), (1000, 600), (200, 200)])
def test_detectors_read_the_rows_that_there_are(most: int | None, rows: int) -> None:
    costs, kept = Costs(tiny_shape()), Data(prompts=900, keep=600)
    # Of two data sets, each under the teacher and under the reference.
    assert costs.detecting(kept, most).rows == 4 * rows
