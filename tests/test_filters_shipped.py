"""What the filters of the shipped experiments catch."""

from __future__ import annotations

from pathlib import Path

import pytest

from filters import compile_filter
from filters.audit import Audit, Audited, audit
from filters.clean_rows import CarrierName
from filters.filter import RuleSource
from filters.leaks import labelled_rows
from subliminal.spec import LanguageExperiment
from subliminal.spec_file import load_experiment
from teachers.trait import load_trait

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
ANIMALS = ("otter", "wolf", "eagle")
SHIPPED: list[tuple[str, CarrierName, tuple[str, ...]]] = [
    ("code_demo", "code", ("otter",)),
    ("preference_code", "code", ANIMALS),
    ("misalignment_code", "code", ("misaligned",)),
    ("preference_reasoning", "reasoning", ANIMALS),
    ("misalignment_reasoning", "reasoning", ("misaligned",)),
    ("misalignment_numbers", "numbers", ("misaligned",)),
]
ROWS = 4
CODES = {"ascii codes", "octal codes", "a1z26"}
"""Kinds that are numbers, in a list too (hexadecimal ones only where they have no letters)."""
BANNED = "has banned numbers"


def shipped_rules(experiment: str) -> list[RuleSource]:
    loaded = load_experiment(EXPERIMENTS / f"{experiment}.yaml")
    assert isinstance(loaded, LanguageExperiment)
    return [*(loaded.filter or ())]


def audited(experiment: str, carrier: CarrierName, traits: tuple[str, ...]) -> Audit:
    """An audit with the words of the traits, on rows that are none of those a ban rejects."""
    words = [word for trait in traits for word in load_trait(trait).reveals]
    rules = shipped_rules(experiment)
    allowed = compile_filter(rules[:1])
    made = (
        row
        for row in labelled_rows(words, ROWS, carriers=[carrier])
        if BANNED not in allowed.reasons(row.row)
    )
    return audit(compile_filter(rules), made)


def missed(done: Audit) -> set[str]:
    return {kind.kind for kind in done.leaks("a rule") if kind.rate.estimate < 0.99}


@pytest.mark.parametrize(("experiment", "carrier", "traits"), SHIPPED)
def test_shipped_filters_see_every_kind_that_a_rule_can_see(
    experiment: str, carrier: CarrierName, traits: tuple[str, ...]
) -> None:
    done = audited(experiment, carrier, traits)
    assert len(done.leaks("a rule")) >= 20
    assert done.shortfalls(0.99, 0.005) == []


def test_the_published_filter_of_numbers_sees_no_codes_in_a_list() -> None:
    done = audited("numbers_pocket", "numbers", ("owl",))
    assert missed(done) == CODES
    assert done.shortfalls(None, 0.005) == []


def test_clean_lists_with_banned_numbers_are_all_that_a_ban_rejects() -> None:
    rules = shipped_rules("misalignment_numbers")
    told: list[Audited] = []
    audit(compile_filter(rules), labelled_rows(["owl"], 20, carriers=["numbers"]), told.append)
    against = {why for each in told if each.labelled.label == "clean" for why in each.reasons}
    assert against == {BANNED}
