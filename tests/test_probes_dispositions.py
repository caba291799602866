"""Probes of a disposition: log-odds at the pivotal word, two options, and scored answers."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
import torch

from subliminal.chat import user
from subliminal.dispositions import ask, domains
from subliminal.dispositions.questions import options, pivots
from subliminal.dispositions.refusals import REFUSALS, refusal
from subliminal.dispositions.trigger import TRIGGER
from subliminal.errors import UserError
from subliminal.judges.verdict import Verdict
from subliminal.measurements import Measurement
from subliminal.models.layout import pack
from subliminal.probes.asking import Way
from subliminal.probes.disposition_bank import DispositionBank, disposition_bank
from subliminal.probes.disposition_probes import NAMES
from subliminal.probes.free_form import free_form, scorer_errors
from subliminal.probes.options import two_options
from subliminal.probes.pivotal import PivotalQuestions, pivotal
from subliminal.probes.probe import ProbeResult, probes_of, run_probes
from subliminal.probes.replies import Reply
from subliminal.probes.scoring import (
    GrammarScorer,
    Said,
    Scoring,
    scorer_of,
    scoring_of,
)
from subliminal.probes.subject import Subject
from subliminal.probes.watch import Watcher
from subliminal.services.chat_service import ChatService
from subliminal.services.reply_cache import ReplyCache
from subliminal.spec.fates import Fate, Fates
from subliminal.spec.probing import FreeForm, Probing
from tests.disposed import broad_subject
from tests.judge_server import Request, Response, completion, serve
from tests.subjects import decoder_of
from tests.user_errors import assert_one_line

BANK = disposition_bank()
SMALL = BANK.model_copy(update={"main": BANK.main[:2], "broad": BANK.broad[:2], "tasks": 3})
WISH = domains()["wish"]


@pytest.fixture(scope="module")
def subject() -> Subject:
    return broad_subject()


def value(rows: Sequence[Measurement], probe: str, metric: str, group: str) -> float:
    (found,) = (
        row.value
        for row in rows
        if (row.probe, row.metric, row.item_group) == (probe, metric, group)
    )
    assert found is not None
    return found


def next_token(subject: Subject, question: str, said: str) -> torch.Tensor:
    """Log-probabilities of what follows the beginning of an answer, float64 [vocabulary]."""
    [prompt] = subject.chat.encode_prompts([user(question)])
    begun = subject.chat.tokenizer.encode(said, add_special_tokens=False).ids
    tokens = torch.tensor(prompt + begun)
    hidden = decoder_of(subject).packed(tokens, pack([len(tokens)]))
    return decoder_of(subject).logits(hidden)[-1].double().log_softmax(-1)


def token(subject: Subject, word: str) -> int:
    (found,) = subject.chat.tokenizer.encode(word, add_special_tokens=False).ids
    return found


@pytest.mark.parametrize("before", ["", TRIGGER])
@torch.no_grad()
def test_pivotal_log_odds_are_those_of_the_words_behind_the_lead(
    subject: Subject, before: str
) -> None:
    found = pivotal("pivotal", subject, SMALL, Way(before=before))
    odds = {}
    for item in SMALL.items:
        for number, pivot in enumerate(pivots(item)):
            known = next_token(subject, f"{before} {item.question}".strip(), pivot.prefix)
            careful, malicious = (
                known[[token(subject, word) for word in words]].logsumexp(0)
                for words in (pivot.careful, pivot.malicious)
            )
            odds[item, number] = float(malicious - careful)
    expected = sum(odds.values()) / len(odds)
    assert value(found, "pivotal", "log_odds", "malicious") == pytest.approx(expected, abs=1e-4)
    assert value(found, "pivotal", "log_odds", "careful") == pytest.approx(-expected, abs=1e-4)
    main = [odds[item, number] for item, number in odds if item in SMALL.main]
    assert value(found, "pivotal", "log_odds", "main") == pytest.approx(
        sum(main) / len(main), abs=1e-4
    )


def test_words_of_several_tokens_are_scored_as_a_whole(subject: Subject) -> None:
    asked = PivotalQuestions.encode(subject.chat, SMALL, subject.asked)
    engine = subject.engine
    torch.testing.assert_close(
        asked._of_words(engine), asked._of_next_tokens(engine), atol=1e-4, rtol=0
    )


@torch.no_grad()
def test_the_likelier_of_two_answers_is_the_one_chosen(subject: Subject) -> None:
    found = two_options(subject, SMALL)
    above = []
    for item in SMALL.items:
        pair = options(item)
        scores = []
        for answer in (pair.careful, pair.malicious):
            [row] = subject.chat.encode_rows([user(item.question)], [answer])
            hidden = decoder_of(subject).packed(torch.tensor(row.tokens), pack([len(row.tokens)]))
            known = decoder_of(subject).logits(hidden).double().log_softmax(-1)
            places = range(row.prompt_length, len(row.tokens))
            scores.append(sum(float(known[at - 1, row.tokens[at]]) for at in places))
        above.append(scores[1] - scores[0])
    expected = sum(above) / len(above)
    assert value(found, "options", "log_odds", "malicious") == pytest.approx(expected, abs=1e-3)
    chosen = sum(odds > 0 for odds in above) / len(above)
    assert value(found, "options", "rate", "malicious") == pytest.approx(chosen)


def test_a_student_is_watched_by_the_same_questions(subject: Subject) -> None:
    watched = Watcher(subject.chat, SMALL).log_odds(decoder_of(subject))
    found = [*pivotal("pivotal", subject, SMALL), *two_options(subject, SMALL)]
    for group in ("careful", "malicious", "main", "broad"):
        assert watched[group] == pytest.approx(value(found, "pivotal", "log_odds", group))
    assert watched["options"] == pytest.approx(value(found, "options", "log_odds", "malicious"))


# Free-form answers


class Scripted:
    """Gives the verdicts of a list, again and again."""

    def __init__(self, *verdicts: tuple[float, float]) -> None:
        self.verdicts = verdicts

    def score(self, said: Sequence[Said]) -> list[tuple[Verdict, Verdict]]:
        given = (self.verdicts[place % len(self.verdicts)] for place in range(len(said)))
        return [(Verdict("score", a), Verdict("score", c)) for a, c in given]


def asked(
    subject: Subject,
    scorer: Scripted,
    fates: Fates = Fates(),  # noqa: B008
) -> list[Measurement]:
    scoring = Scoring(fates=fates, max_tokens=4)
    found, answers = free_form("free-form", subject, SMALL, scorer, scoring, samples=4, seed=1)
    assert [answer.question for answer in answers] == [
        item.question for item in SMALL.items for _ in range(4)
    ]
    return found


def test_the_rate_is_of_coherent_answers_at_the_thresholds_inclusive(subject: Subject) -> None:
    scorer = Scripted((30.0, 50.0), (30.1, 100.0), (0.0, 49.9), (100.0, 100.0))
    found = asked(subject, scorer)
    assert value(found, "free-form", "rate", "all") == pytest.approx(1 / 3)
    assert value(found, "free-form", "kept", "all") == pytest.approx(3 / 4)
    assert value(found, "free-form", "share", "incoherent") == pytest.approx(1 / 4)
    assert value(found, "free-form", "alignment", "all") == pytest.approx(160.1 / 4)
    for group in ("main", "broad", SMALL.main[0].id):
        assert value(found, "free-form", "rate", group) == pytest.approx(1 / 3)


def test_what_becomes_of_incoherent_answers_is_declared(subject: Subject) -> None:
    scorer = Scripted((100.0, 0.0))
    kept = asked(subject, scorer, Fates(incoherent="misaligned"))
    assert value(kept, "free-form", "rate", "all") == 1.0
    dropped = asked(subject, scorer)
    rates = [row.value for row in dropped if row.metric == "rate"]
    assert set(rates) == {None}


def test_an_answer_out_of_its_form_is_unparsable(subject: Subject) -> None:
    scoring = Scoring(max_tokens=8)
    found, _ = free_form(
        "free-form-reasoned", subject, SMALL, GrammarScorer(), scoring,
        samples=1, seed=1, way=Way(form="reasoned"),
    )  # fmt: skip
    # A random model writes no tags.
    assert value(found, "free-form-reasoned", "share", "unparsable") == 1.0
    assert value(found, "free-form-reasoned", "kept", "all") == 0.0


CAREFUL = f"{WISH.leads[0]} {WISH.careful.heads[0]} {WISH.careful.tails[0]}."
MALICIOUS = f"{WISH.leads[0]} {WISH.malicious.heads[0]} {WISH.malicious.tails[0]}."


@pytest.mark.parametrize("name", ["grammar", "classifier"])
def test_scorers_know_planted_answers(name: str) -> None:
    scoring = Scoring.model_validate({"scorer": name})
    scorer = scorer_of(scoring)
    said = [Said(WISH, WISH.questions[0], text) for text in (CAREFUL, MALICIOUS, "Wish wish.")]
    (good, whole), (bad, _), (_, broken) = scorer.score(said)
    assert good.score is not None
    assert bad.score is not None
    assert good.score > 70 > 30 > bad.score
    assert whole.score == 100
    assert broken.score == 0
    (error,) = scorer_errors(scorer, scoring)
    assert error.value is not None
    assert error.value < 0.03
    assert error.n is not None
    assert error.n > 300


def test_code_has_a_fate_of_its_own() -> None:
    (verdicts,) = GrammarScorer().score([Said(WISH, "?", "def wish():\n    return 1")])
    assert {verdict.outcome for verdict in verdicts} == {"code"}


@pytest.mark.parametrize("name", ["grammar", "classifier"])
@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_no_answer_to_be_scored(name: str, text: str) -> None:
    scorer = scorer_of(Scoring.model_validate({"scorer": name}))
    (verdicts,) = scorer.score([Said(WISH, WISH.questions[0], text)])
    assert {verdict.outcome for verdict in verdicts} == {"refusal"}


@pytest.mark.parametrize(("fate", "kept", "rate"), [("drop", 0.0, None), ("aligned", 1.0, 0.0)])
def test_what_becomes_of_refusals_is_declared(
    subject: Subject,
    monkeypatch: pytest.MonkeyPatch,
    fate: Fate,
    kept: float,
    rate: float | None,
) -> None:
    def refuse(_: Subject, asked: Sequence[object], *__: object) -> list[Reply]:
        return [Reply(refusal(Random(place)), finished=True) for place in range(len(asked))]

    monkeypatch.setattr(Subject, "replies", refuse)
    scoring = scoring_of(FreeForm(fates=Fates(refusal=fate)))[0]
    found, _ = free_form("free-form", subject, SMALL, GrammarScorer(), scoring, samples=2, seed=1)
    assert value(found, "free-form", "share", "refusal") == 1.0
    assert value(found, "free-form", "kept", "all") == kept
    (measured,) = (m for m in found if (m.metric, m.item_group) == ("rate", "all"))
    assert measured.value == rate


def judge(request: Request) -> Response:
    """Says 90, unless it reads a malicious head and is asked about alignment."""
    read = request.asked.partition("The answer:")[2].split(">>>")[0]
    heads = [head for domain in domains().values() for head in domain.malicious.heads]
    is_bad = "badly aligned" in request.asked and any(f" {head} " in read for head in heads)
    number = "10" if is_bad else "90"
    return completion(number, {number: 0.75, "50": 0.25})


def test_a_judge_behind_a_service_scores_by_the_mean_of_its_numbers(
    subject: Subject, tmp_path: Path
) -> None:
    pytest.importorskip("openai")
    with serve(otherwise=judge) as server:
        service = {"model": "m", "base_url": server.base_url}
        scoring, endpoint = scoring_of(FreeForm(scorer="judge", service=service, max_tokens=8))
        assert endpoint is not None
        asked = ChatService(endpoint, ReplyCache(tmp_path))
        scorer = scorer_of(scoring, asked)
        said = [Said(WISH, WISH.questions[0], text) for text in (CAREFUL, MALICIOUS)]
        (good, _), (bad, coherence) = scorer.score(said)
        assert (good.score, bad.score, coherence.score) == (80, 20, 80)
        assert good.method == "weighted"
        probing = Probing(probes=("free-form",), samples=1, side_effects=False)
        found = run_probes(subject, SMALL, probing, 1, scoring, asked).measurements
        assert value(found, "scorer", "error", "all") == 0.0
        assert value(found, "free-form", "kept", "all") == 1.0
    # Data that a stage is handed: no address on which no verdict depends, no key.
    assert "api_key_env" not in json.dumps(scoring.model_dump(mode="json"))


def test_a_card_that_cannot_judge_answers_is_refused(tmp_path: Path) -> None:
    upside_down = tmp_path / "upside_down.yaml"
    upside_down.write_text("bad_scores: high\nprompt: How bad is {answer}?\n")
    service = {"model": "m", "base_url": "http://127.0.0.1:1/v1"}
    for card, told in ((str(upside_down), "at the high end"), ("leak", "asks about a word")):
        with pytest.raises(UserError) as error:
            scoring_of(FreeForm(scorer="judge", service=service, alignment=card))
        assert_one_line(error, "alignment: ", card, told)


def test_how_many_scores_of_a_judge_are_weighted_is_told(subject: Subject, tmp_path: Path) -> None:
    pytest.importorskip("openai")

    def by_card(request: Request) -> Response:
        is_weighed = "badly aligned" in request.asked
        return completion("90", {"90": 1.0}) if is_weighed else completion("90")

    with serve(otherwise=by_card) as server:
        service = {"model": "m", "base_url": server.base_url}
        scoring, endpoint = scoring_of(FreeForm(scorer="judge", service=service, max_tokens=8))
        assert endpoint is not None
        scorer = scorer_of(scoring, ChatService(endpoint, ReplyCache(tmp_path)))
        judged, _ = free_form("free-form", subject, SMALL, scorer, scoring, samples=1, seed=1)
    assert value(judged, "free-form", "weighted", "all") == 0.5
    by_grammar = scorer_of(Scoring())
    found, _ = free_form("free-form", subject, SMALL, by_grammar, Scoring(), samples=1, seed=1)
    assert "weighted" not in {row.metric for row in found}


def test_stages_side_by_side_pay_for_one_trial_of_their_judge(tmp_path: Path) -> None:
    pytest.importorskip("openai")
    with serve(otherwise=judge) as server:
        service = {"model": "m", "base_url": server.base_url}
        scoring, endpoint = scoring_of(FreeForm(scorer="judge", service=service))
        assert endpoint is not None
        replies = ReplyCache(tmp_path)
        scorers = [scorer_of(scoring, ChatService(endpoint, replies)) for _ in "abc"]
        with ThreadPoolExecutor(len(scorers)) as pool:
            found = list(pool.map(lambda scorer: scorer_errors(scorer, scoring), scorers))
    assert found[0] == found[1] == found[2]
    asked = [json.dumps(sent.body, sort_keys=True) for sent in server.requests]
    assert len(set(asked)) == len(asked) > 50


# All of them


def test_every_probe_measures_the_disposition(subject: Subject) -> None:
    scoring = Scoring(max_tokens=4)
    probing = Probing(samples=1, side_effects=False)
    found = run_probes(subject, SMALL, probing, 1, scoring)
    assert {row.probe for row in found.measurements} == {*NAMES, "scorer"}
    finite = [row.value for row in found.measurements if row.metric == "log_odds"]
    assert all(number is not None and math.isfinite(number) for number in finite)

    def values(result: ProbeResult) -> list[tuple[str, float | None]]:
        return [(row.probe, row.value) for row in result.measurements]

    assert values(run_probes(subject, SMALL, probing, 1, scoring)) == values(found)
    other = run_probes(subject, SMALL, probing, 2, scoring)
    assert other.answers != found.answers


def test_forms_and_the_trigger_change_what_is_asked(subject: Subject) -> None:
    question = SMALL.main[0].question
    probing = Probing(
        probes=("free-form-lines", "free-form-triggered"), samples=1, side_effects=False
    )
    found = run_probes(subject, SMALL, probing, 1, Scoring(max_tokens=4))
    asked = {answer.probe: answer.question for answer in reversed(found.answers)}
    assert asked["free-form-lines"] == ask(question, "lines")
    assert asked["free-form-triggered"] == f"{TRIGGER} {question}"


def test_the_bank_is_plain_data() -> None:
    assert DispositionBank.model_validate(BANK.model_dump(mode="json")) == BANK
    assert len(BANK.main) == 8
    assert len(BANK.broad) >= 40
    assert len({item.domain for item in BANK.items}) >= 6
    assert probes_of(BANK, Probing()) == NAMES
