"""From finished, failed and missing stages to the rows of the table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from subliminal.collect import arm_state, curve_rows, measured_table, result_rows
from subliminal.executors import Outcome
from subliminal.measurements import Measurement, write_measurements
from subliminal.plan import Plan, make_plan
from subliminal.results import CURVES, RESULTS, CurvePoint, Result, TraitName, read_rows
from subliminal.row import Row
from subliminal.spec import BaseArm, LanguageArm, LanguageExperiment, MnistArm, MnistExperiment
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


# Which items an arm is about


@dataclass(frozen=True)
class OneArm:
    """As much of a plan as the table is made from."""

    experiment: MnistExperiment | LanguageExperiment
    rows: dict[str, dict[int, Row]]


def whole_values(
    arm: BaseArm,
    group: str | None,
    *measurements: tuple[str, str, str, float],
    out: Path,
) -> dict[tuple[str, str], float | None]:
    """Probe and metric -> value of the item group `all`, for the arm's model and its teacher's."""
    store = store_at(out)
    for key in ("own", "teacher"):
        store.folder(key).mkdir(parents=True, exist_ok=True)
        rows = (
            Measurement(probe=probe, metric=metric, item_group=item, value=value)
            for probe, metric, item, value in measurements
        )
        write_measurements(store.folder(key), rows)
    named = None if group is None else TraitName(name="any", item_group=group)
    kind = LanguageExperiment if isinstance(arm, LanguageArm) else MnistExperiment
    plan = OneArm(
        kind.model_validate({"name": "x", "arms": {"a": arm}}),
        {"a": {0: Row((), "own", teacher_probe="teacher", probed=named)}},
    )
    outcomes = dict.fromkeys(["own", "teacher"], Outcome("cached"))
    measured = measured_table(plan, store, outcomes)["a"][0]  # type: ignore[arg-type]
    groups = [(row.probe, row.metric, row.item_group) for row in measured.own]
    assert len(set(groups)) == len(groups)
    assert {(p, m, g) for p, m, g, _ in measurements} <= set(groups)
    found = [
        {(row.probe, row.metric): row.value for row in rows if row.item_group == "all"}
        for rows in (measured.own, measured.teacher)
    ]
    assert found[0] == found[1]
    return found[0]


ANIMALS = (
    ("favourite", "log_odds", "otter", 1.0),
    ("favourite", "log_odds", "owl", 2.0),
    ("favourite", "rank", "otter", 3.0),
    ("story", "log_odds", "otter", 4.0),
    ("story", "log_odds", "all", 5.0),
    ("world", "loss", "all", 6.0),
)


def test_the_items_of_an_arm_s_trait_are_its_whole(tmp_path: Path) -> None:
    arm = LanguageArm(trait="cards/mine.yaml", taught="owl", control="none")
    assert whole_values(arm, "otter", *ANIMALS, out=tmp_path) == {
        ("favourite", "log_odds"): 1.0,
        ("favourite", "rank"): 3.0,
        ("story", "log_odds"): 5.0,  # measured as a whole, and left as it is
        ("world", "loss"): 6.0,
    }


def test_arms_of_the_toy_are_about_all_items(tmp_path: Path) -> None:
    arm = MnistArm(role="teacher")
    found = whole_values(arm, None, *ANIMALS, out=tmp_path)
    assert found == {("story", "log_odds"): 5.0, ("world", "loss"): 6.0}
