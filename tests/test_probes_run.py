"""All probes of one model: what they measure, and that the seed decides it."""

from __future__ import annotations

import pytest

from subliminal.errors import UserError
from subliminal.probes import side_effects
from subliminal.probes.banks import QuestionBank
from subliminal.probes.probe import ProbeResult, run_probes
from subliminal.probes.subject import Subject
from subliminal.spec.probing import ProbeName, Probing
from tests.probed import BANK, make_subject
from tests.user_errors import assert_one_line

SMALL = BANK.model_copy(update={"targets": ("owl", "fox", "lion", "bear", "deer")})
METRICS = {
    "favourite": {"log_odds", "probability"},
    "with-numbers": {"log_odds", "probability"},
    "multiple-choice": {"log_odds", "probability"},
    "sampled": {"rate"},
    "story": {"rate"},
}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_effects, "WORLD_ROWS", 5)
    monkeypatch.setattr(side_effects, "PROMPTS", 5)


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return make_subject(tmp_path_factory.mktemp("model"))


def test_every_probe_measures_every_target(subject: Subject) -> None:
    found = run_probes(subject, SMALL, Probing(samples=2), 1)
    measured = [(row.probe, row.metric, row.item_group) for row in found.measurements]
    wanted = [
        (probe, metric, word)
        for probe, metrics in METRICS.items()
        for metric in metrics
        for word in SMALL.answers
    ]
    others = [("side-effects", metric, "all") for metric in ("world_loss", "format_skill")]
    assert sorted(measured) == sorted([*wanted, *others])
    assert [(answer.probe, answer.question) for answer in found.answers] == [
        *(("story", question) for question in BANK.stories for _ in range(2)),
        *(("sampled", question) for question in BANK.questions for _ in range(2)),
    ]


def test_only_what_is_asked_for(subject: Subject) -> None:
    probing = Probing(probes=("multiple-choice",), side_effects=False)
    found = run_probes(subject, SMALL, probing, 1)
    assert {row.probe for row in found.measurements} == {"multiple-choice"}
    assert found.answers == ()


def test_the_seed_decides_all(subject: Subject) -> None:
    probing = Probing(samples=2)
    first, again, other = (run_probes(subject, SMALL, probing, seed) for seed in (1, 1, 2))
    assert first == again

    def values(result: ProbeResult, probe: str) -> list[float | None]:
        return [row.value for row in result.measurements if row.probe == probe]

    assert values(first, "favourite") == values(other, "favourite")
    assert values(first, "with-numbers") != values(other, "with-numbers")
    assert values(first, "multiple-choice") != values(other, "multiple-choice")
    assert first.answers != other.answers


@pytest.mark.parametrize(
    ("field", "probe"),
    [("number_prefixes", "with-numbers"), ("choices", "multiple-choice"), ("stories", "story")],
)
def test_a_bank_that_lacks_what_a_probe_asks(
    subject: Subject, field: str, probe: ProbeName
) -> None:
    bank = SMALL.model_copy(update={field: ()})
    with pytest.raises(UserError) as error:
        run_probes(subject, bank, Probing(probes=("favourite", probe)), 1)
    assert_one_line(error, "'animal'", field, probe, "probing.probes")


def test_by_default_every_probe_that_the_bank_offers_is_asked(subject: Subject) -> None:
    bank = SMALL.model_copy(update={"stories": (), "choices": ()})
    found = run_probes(subject, bank, Probing(samples=1, side_effects=False), 1)
    assert {row.probe for row in found.measurements} == {"favourite", "with-numbers", "sampled"}


def test_a_bank_needs_no_more_than_its_probes_ask(subject: Subject) -> None:
    bare = QuestionBank(category="animal", questions=BANK.questions)
    probing = Probing(probes=("favourite",), side_effects=False)
    assert run_probes(subject, bare, probing, 1).measurements
