"""From finished, failed and missing stages to the rows of the table."""

from __future__ import annotations

import pytest

from subliminal.collect import arm_state, curve_rows, measured_table, result_rows
from subliminal.executors import Outcome
from subliminal.plan import Plan, make_plan
from subliminal.results import CURVES, RESULTS, CurvePoint, Result, read_rows
from subliminal.spec_file import load_experiment
from subliminal.store import Store, store_at
from tests.conftest import Finished


@pytest.fixture
def plan(finished: Finished) -> Plan:
    return make_plan(load_experiment(finished.experiment))


@pytest.fixture
def store(finished: Finished) -> Store:
    return store_at(finished.out)


def found(plan: Plan) -> dict[str, Outcome]:
    return dict.fromkeys(plan.targets, Outcome("cached"))


def test_what_is_found_is_what_the_run_wrote(plan: Plan, store: Store, finished: Finished) -> None:
    outcomes = found(plan)
    rows = list(result_rows(measured_table(plan, store, outcomes)))
    assert rows == read_rows(finished.folder / RESULTS, Result)
    curves = list(curve_rows(plan, store, outcomes))
    assert curves == read_rows(finished.folder / CURVES, CurvePoint)


@pytest.mark.parametrize("part", ["probe", "curve", "teacher_probe", "reference_probe"])
@pytest.mark.parametrize("state", ["failed", "blocked"])
def test_a_row_needs_all_that_it_is_read_from(
    plan: Plan, store: Store, part: str, state: str
) -> None:
    key = getattr(plan.rows["same"][1], part)
    outcomes = found(plan) | {key: Outcome(state, "it would not")}  # type: ignore[arg-type]
    assert sorted(measured_table(plan, store, outcomes)["same"]) == [0, 2]
    assert {row.seed for row in curve_rows(plan, store, outcomes) if row.arm == "same"} == {0, 2}
    same = arm_state(plan, "same", outcomes)
    assert (same.state, same.reason) == ("failed", "seed 1: it would not")


def test_an_arm_whose_stages_have_not_ended_is_incomplete(plan: Plan, store: Store) -> None:
    outcomes = found(plan)
    row = plan.rows["same"][2]
    del outcomes[row.probe]
    assert sorted(measured_table(plan, store, outcomes)["same"]) == [0, 1]
    assert arm_state(plan, "same", outcomes).state == "incomplete"
    assert arm_state(plan, "different", outcomes).state == "done"
    assert measured_table(plan, store, {}) == {}


def test_reasons_are_told_once(plan: Plan) -> None:
    outcomes = found(plan)
    for seed, row in plan.rows["same"].items():
        reason = "the disk is full" if seed < 2 else "NaN"
        outcomes[row.probe] = Outcome("failed", reason)
    assert arm_state(plan, "same", outcomes).reason == "seed 0, 1, 2: the disk is full; NaN"
