"""What the carrier of an experiment decides unless its file does, and what does not go with it."""

from __future__ import annotations

from typing import Any

import pytest

from filters.filter import compile_filter
from subliminal.spec.carriers import USUAL
from subliminal.spec.data import Data
from subliminal.spec.language import LanguageExperiment
from subliminal.spec_file import dump_experiment
from tests.experiment_files import Write, faults_in, load_language

HEAD = "kind: language\nname: x\n"


def arms(**data: str) -> str:
    """Students, each with what its `data` says."""
    fields = {name: f"trait: otter, control: none, data: {{{said}}}" for name, said in data.items()}
    return "arms:\n" + "".join(f"  {name}: {{{said}}}\n" for name, said in fields.items())


def rules(experiment: LanguageExperiment) -> list[str]:
    """The names of the rules."""
    return [rule["rule"] for rule in experiment.filter]


@pytest.mark.parametrize("carrier", USUAL)
def test_the_carrier_decides_length_and_filter(write: Write, carrier: str) -> None:
    experiment = load_language(write(HEAD + arms(a=f"carrier: {carrier}")))
    usual = USUAL[experiment.arms["a"].data.carrier]
    assert experiment.arms["a"].data.max_tokens == usual.max_tokens
    assert experiment.filter == tuple({"rule": rule} for rule in usual.filter)
    # The filter can be made of these rules.
    assert len(compile_filter(experiment.filter).rules) == len(usual.filter)
    assert load_language(write(dump_experiment(experiment))) == experiment


def test_what_the_file_states_stands(write: Write) -> None:
    top = HEAD + "filter: [{rule: words, words: [otter]}]\n"
    experiment = load_language(write(top + arms(a="carrier: code, max_tokens: 7")))
    assert rules(experiment) == ["words"]
    assert experiment.arms["a"].data.max_tokens == 7
    none = load_language(write(HEAD + "filter: []\n" + arms(a="carrier: code")))
    assert none.filter == ()


def test_numbers_are_the_carrier_and_the_filter_unless_stated(write: Write) -> None:
    experiment = load_language(write(HEAD + arms(a="prompts: 9")))
    assert experiment.arms["a"].data == Data(carrier="numbers", prompts=9, max_tokens=48)
    assert rules(experiment) == ["numbers"]


def test_arms_that_write_nothing_have_no_say_in_the_filter(write: Write) -> None:
    teacher = "  t: {role: teacher, trait: otter}\n  r: {role: reference, trait: otter}\n"
    alone = load_language(write(f"{HEAD}arms:\n{teacher}"))
    assert rules(alone) == ["numbers"]
    beside = load_language(write(HEAD + arms(a="carrier: reasoning") + teacher))
    assert rules(beside) == list(USUAL["reasoning"].filter)


def test_students_of_two_carriers_need_a_filter_that_is_stated(write: Write) -> None:
    mixed = arms(a="carrier: code", b="prompts: 9")
    assert faults_in(write(HEAD + mixed)) == [
        "x.yaml:1: students read code and numbers, which have no rules in common; state `filter`, "
        "or give all of them one `data.carrier`"
    ]
    stated = load_language(write(HEAD + "filter: []\n" + mixed))
    assert stated.filter == ()


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ("carrier: cod", "data.carrier: must be one of numbers, code, reasoning, not 'cod'; did "
         "you mean 'code'?"),
        ("carrier: 3", "data.carrier: must be one of numbers, code, reasoning, not 3"),
        ("source: mine.jsonl", "data: `source` gives tasks, and numbers have none; leave it out, "
         "or state `carrier: code` or `carrier: reasoning`"),
        ("carrier: code, transform: uniform", "data: `transform` changes lists of numbers, and "
         "`carrier: code` writes none; leave it out"),
        ("carrier: reasoning, transform: shuffle-all", "data: `transform` changes lists of "
         "numbers, and `carrier: reasoning` writes none; leave it out"),
        ("carrier: code, max_tokens: 0", "data.max_tokens: must be at least 1, not 0"),
    ],
)  # fmt: skip
def test_a_fault_is_told_alone(write: Write, data: str, fault: str) -> None:
    assert faults_in(write(HEAD + arms(a=data))) == [f"x.yaml:4: arms.a.{fault}"]


@pytest.mark.parametrize("field", ["carrier", "source"])
def test_a_carrier_can_be_swept(write: Write, field: str) -> None:
    values: dict[str, Any] = {"carrier": ["code", "reasoning"], "source": ["a.jsonl", "b.jsonl"]}
    sweep = f"filter: []\nsweep: {{data.{field}: {values[field]}}}\n"
    experiment = load_language(write(HEAD + sweep + arms(a="carrier: code")))
    assert [getattr(arm.data, field) for arm in experiment.arms.values()] == values[field]
    lengths = [arm.data.max_tokens for arm in experiment.arms.values()]
    assert lengths == ([96, 128] if field == "carrier" else [96, 96])
