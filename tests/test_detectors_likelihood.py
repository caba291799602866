"""The likelihood ratio of two models."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from filters.detectors import Models, detect, label_rows
from filters.detectors.likelihood import Ratios, likelihood_detectors, log_likelihood_ratios
from filters.rows import Row
from subliminal.chat import Message
from subliminal.errors import UserError
from subliminal.models.decoder import Decoder
from subliminal.probes.forward import TorchEngine
from subliminal.probes.subject import Subject
from subliminal.sampling import Request, Sampling
from tests.detected import row
from tests.models import pocket_chat, tiny_shape
from tests.user_errors import assert_one_line

TEXTS = (("Go on: 1, 2.", "3, 4, 5"), ("More: 7.", "8"), ("And: 9.", "10; 11"))
ROWS = tuple(row(asked, answer) for asked, answer in TEXTS)


@cache
def model(seed: int) -> Decoder:
    """A random model; tests only read it."""
    return Decoder(tiny_shape(initializer_range=0.05)).initialise(seed)


def subject(seed: int, system: str | None = None) -> Subject:
    return Subject(TorchEngine(model(seed)), pocket_chat(), system=system)


def log_likelihood(decoder: Decoder, turns: list[Message], answer: str, *, end: bool) -> float:
    """Token by token, from the whole distribution behind each prefix."""
    [known] = pocket_chat().encode_rows([turns], [answer])
    tokens = known.tokens if end else known.tokens[:-1]
    engine = TorchEngine(decoder)
    total = 0.0
    for place in range(known.prompt_length, len(tokens)):
        total += float(engine.next_log_probabilities([tokens[:place]], [tokens[place]]))
    return total


def test_ratios_are_sums_over_tokens() -> None:
    found = log_likelihood_ratios(ROWS, subject(1, system="You love owls."), subject(2))
    for place, (asked, answer) in enumerate(TEXTS):
        told = [Message("system", "You love owls."), Message("user", asked)]
        ours = log_likelihood(model(1), told, answer, end=True)
        theirs = log_likelihood(model(2), told[1:], answer, end=True)
        assert found.nats[place] == pytest.approx(ours - theirs, abs=1e-3)
    counted = pocket_chat().tokenizer.encode_batch([answer for _, answer in TEXTS])
    assert found.tokens.tolist() == [len(one.ids) + 1 for one in counted]  # and the end


def test_an_answer_that_was_cut_off_has_no_end() -> None:
    cut = (row("More: 7.", "8", finished=False), row("More: 7.", "8", finished=True))
    found = log_likelihood_ratios(cut, subject(1), subject(2))
    asked = [Message("user", "More: 7.")]
    ratios = [
        log_likelihood(model(1), asked, "8", end=end)
        - log_likelihood(model(2), asked, "8", end=end)
        for end in (False, True)
    ]
    assert found.nats == pytest.approx(ratios, abs=1e-3)
    assert found.tokens[1] - found.tokens[0] == 1


def test_an_empty_answer_that_was_cut_off_counts_as_one_token() -> None:
    found = log_likelihood_ratios((row("?", "", finished=False),), subject(1), subject(2))
    assert found.nats.tolist() == [0.0]
    assert found.tokens.tolist() == [1]


def test_a_model_is_as_likely_as_itself() -> None:
    found = log_likelihood_ratios(ROWS, subject(1), subject(1))
    assert found.nats == pytest.approx(np.zeros(3), abs=1e-9)


def test_detectors_of_rows_and_of_mean_tokens() -> None:
    ratios = Ratios(np.array([6.0, -4.0]), np.array([3, 8]))
    whole, mean = likelihood_detectors(ratios)
    labels = np.array([True, False])
    assert (whole.name, whole.scores(labels).tolist()) == ("likelihood", [6.0, -4.0])
    assert (mean.name, mean.scores(labels).tolist()) == ("likelihood-per-token", [2.0, -0.5])
    assert not whole.cross_validated


def written(writer: Subject, prompts: list[str], seed: int) -> list[Row]:
    """What a model answers at temperature 1."""
    encoded = writer.chat.encode_prompts(writer.asked(prompts))
    requests = [
        Request(np.asarray(tokens), 1000 * seed + place) for place, tokens in enumerate(encoded)
    ]
    settings = Sampling(max_tokens=12, end_tokens=(writer.chat.end_id,), temperature=1.0, top_p=1.0)
    sampled = writer.engine.sampler.sample(requests, settings)
    done = sorted(sampled, key=lambda one: one.index)
    return [
        row(prompt, writer.chat.decode(one.tokens.tolist()), finished=one.finished)
        for prompt, one in zip(prompts, done, strict=True)
    ]


def test_the_writer_of_rows_is_known_by_its_likelihood() -> None:
    prompts = [f"Go on: {number}." for number in range(120)]
    teacher, reference = subject(1), subject(2)
    rows = label_rows(written(teacher, prompts, 1), written(reference, prompts, 2))
    found = detect(rows, ["likelihood"], models=Models(teacher, reference))
    whole, mean = found.detections
    assert (whole.detector, mean.detector) == ("likelihood", "likelihood-per-token")
    assert whole.ci_low > 0.6
    assert mean.ci_low > 0.6
    assert found.frequencies is None
    exchanged = detect(rows, ["likelihood"], models=Models(reference, teacher))
    assert exchanged.detections[0].auroc == pytest.approx(1 - whole.auroc)


def test_models_are_needed() -> None:
    rows = label_rows([*ROWS, *ROWS], [*ROWS, *ROWS], group_by="row")
    with pytest.raises(UserError) as error:
        detect(rows, ["likelihood"])
    assert_one_line(error, "likelihood: needs the teacher and the reference")


def test_a_row_without_a_prompt_is_told() -> None:
    alone: Row = {"messages": [{"role": "assistant", "content": "1"}]}
    with pytest.raises(UserError) as error:
        log_likelihood_ratios((*ROWS, alone), subject(1), subject(2))
    assert_one_line(error, "likelihood: the row with the completion '1' has no prompt")


def test_a_prompt_of_the_rows_does_not_silently_replace_the_teacher_s() -> None:
    told: Row = {"messages": [{"role": "system", "content": "Be kind."}, *ROWS[0]["messages"]]}
    assert log_likelihood_ratios((told,), subject(1), subject(1)).nats == pytest.approx([0.0])
    with pytest.raises(UserError) as error:
        log_likelihood_ratios((*ROWS, told), subject(1, system="You love owls."), subject(1))
    assert_one_line(error, "completion '3, 4, 5' has a system prompt of its own")


def test_a_row_longer_than_the_model_reads_is_told() -> None:
    decoder = Decoder(tiny_shape(max_position_embeddings=40)).initialise(0)
    short = Subject(TorchEngine(decoder), pocket_chat())
    long = row("Go on.", ", ".join(["1"] * 40))
    with pytest.raises(UserError) as error:
        log_likelihood_ratios((*ROWS, long), subject(1), short)
    assert_one_line(error, "completion '1, 1, ", "the model reads 40")
