"""Which stages an experiment needs, and what has to be done again when it changes."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from mnist_toy import stages as mnist_stages
from mnist_toy.models import MODEL
from mnist_toy.stages import DISTIL, MATCH, PROBE, TEACH
from subliminal.console import ProgressListener
from subliminal.plan import Plan, link_lengths, make_plan, needed
from subliminal.run import run_plan
from subliminal.spec_file import load_experiment
from subliminal.stage import Stage
from subliminal.store import store_at
from tests.tiny import TINY, steps_begun_at

Planned = Callable[..., Plan]

EVERY_ARM = f"""{TINY}\
  matched:
    initialisation:
      relation: matched
      matching: {{samples_per_epoch: 512, batch_size: 128}}
    control: different
    sweep: {{initialisation.matching.epochs: [0, 1, 2, 5]}}
  chain: {{distillation: {{generations: 3}}, control: different}}
"""


@pytest.fixture
def planned(tmp_path: Path) -> Planned:
    """Makes the plan of an experiment's text, with overrides."""

    def plan(text: str, *overrides: str) -> Plan:
        path = tmp_path / "experiment.yaml"
        path.write_text(text)
        return make_plan(load_experiment(path, overrides))

    return plan


def kinds(stages: list[Stage]) -> dict[str, int]:
    return dict(Counter(stage.kind for stage in stages))


def new(before: Plan, after: Plan) -> dict[str, int]:
    """What a run of `after` computes when `before` was run: kind -> number of stages."""
    return kinds(needed(after, before.stages))


# Sharing


def test_shared_stages_stand_once(planned: Planned) -> None:
    plan = planned(TINY)
    # For each of 3 seeds a teacher, two students, and probes of these and of the reference.
    assert kinds(list(plan.stages.values())) == {TEACH: 3, DISTIL: 6, PROBE: 12}
    assert all(key == stage.key for key, stage in plan.stages.items())


def test_every_arm_has_a_row_for_every_seed(planned: Planned) -> None:
    plan = planned(EVERY_ARM)
    assert list(plan.rows) == list(plan.experiment.arms)
    for rows in plan.rows.values():
        assert list(rows) == [0, 1, 2]
        for row in rows.values():
            assert {*row.targets} <= {stage.key for stage in row.stages} <= {*plan.stages}


def test_stages_come_after_what_they_read(planned: Planned) -> None:
    seen: set[str] = set()
    for key, stage in planned(EVERY_ARM).stages.items():
        assert set(stage.inputs.values()) <= seen
        seen.add(key)


def test_students_share_teachers_whatever_they_are_distilled_on(planned: Planned) -> None:
    arms = "\n".join(
        f"  {name}: {{distillation: {{inputs: {name}}}, control: none}}"
        for name in ("uniform", "gaussian", "structured", "images")
    )
    plan = planned(f"{TINY.split('arms:')[0]}arms:\n{arms}\n")
    assert kinds(list(plan.stages.values()))[TEACH] == 3


def test_a_chain_goes_on_from_the_shorter_chain(planned: Planned) -> None:
    plan = planned(EVERY_ARM)
    first, second, third = (s for s in plan.rows["chain"][0].stages if s.kind == DISTIL)
    assert first.key == plan.rows["same"][0].curve
    assert second.inputs["teacher"] == first.key
    assert third.inputs["teacher"] == second.key
    assert plan.rows["chain"][0].curve == third.key


# What changes cost


def test_a_new_seed_is_all_that_a_new_seed_costs(planned: Planned) -> None:
    before, after = planned(TINY), planned(TINY, "seeds=4")
    assert set(before.stages) < set(after.stages)
    assert new(before, after) == {TEACH: 1, DISTIL: 2, PROBE: 4}


def test_a_new_arm_costs_its_own_students(planned: Planned) -> None:
    before = planned(TINY)
    after = planned(TINY + "  noisy: {initialisation: {weight_noise: 0.5}, control: different}\n")
    assert set(before.stages) < set(after.stages)
    assert new(before, after) == {DISTIL: 3, PROBE: 3}


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seeds=st.sets(st.integers(0, 2**31 - 1), min_size=1, max_size=4))
def test_a_seed_s_stages_do_not_depend_on_the_others(planned: Planned, seeds: set[int]) -> None:
    together = planned(TINY, f"seeds={sorted(seeds)}")
    apart = [planned(TINY, f"seeds=[{seed}]") for seed in sorted(seeds)]
    assert set(together.stages) == set().union(*(plan.stages for plan in apart))


@pytest.mark.parametrize(
    "override",
    [
        "name=other",
        "description=other",
        "statistics.confidence=0.9",
        "statistics.equivalence_bound=0.1",
        "statistics.teacher_shift=0.5",
        "statistics.correction=none",
        "arms.same.control=reference",
        "seeds=[2, 0, 1]",
        "verify_data=false",
    ],
)
def test_what_changes_no_result_costs_nothing(planned: Planned, override: str) -> None:
    assert new(planned(TINY), planned(TINY, override)) == {}


@pytest.mark.parametrize(
    ("override", "cost"),
    [
        ("arms.same.distillation.epochs=2", {DISTIL: 3, PROBE: 3}),
        ("arms.same.distillation.logits=all", {DISTIL: 3, PROBE: 3}),
        ("arms.same.initialisation.weight_noise=0.1", {DISTIL: 3, PROBE: 3}),
        ("arms.different.student_network.activation=tanh", {DISTIL: 3, PROBE: 3}),
        ("defaults.distillation.learning_rate=0.1", {DISTIL: 6, PROBE: 6}),
        ("observation.points=5", {DISTIL: 6, PROBE: 6}),
        # New teachers mean new students; the untrained models stay.
        ("defaults.teaching.epochs=3", {TEACH: 3, DISTIL: 6, PROBE: 9}),
        ("defaults.network.auxiliary=4", {TEACH: 3, DISTIL: 6, PROBE: 12}),
        ("precision=bfloat16", {TEACH: 3, DISTIL: 6, PROBE: 12}),
    ],
)
def test_what_changes_some_results_costs_these(
    planned: Planned, override: str, cost: dict[str, int]
) -> None:
    assert new(planned(TINY), planned(TINY, override)) == cost


@pytest.mark.parametrize(
    ("kind", "cost"),
    [
        (TEACH, {TEACH: 3, DISTIL: 24, PROBE: 24}),
        (MATCH, {MATCH: 9, DISTIL: 9, PROBE: 9}),
        (DISTIL, {DISTIL: 24, PROBE: 21}),
        (PROBE, {PROBE: 27}),
    ],
)
def test_new_code_of_a_stage_invalidates_it_and_all_that_follows(
    planned: Planned, monkeypatch: pytest.MonkeyPatch, kind: str, cost: dict[str, int]
) -> None:
    # For each of 3 seeds: students same, different, 4 matched, 2 more in the chain: 8 distilled;
    # 7 of them are probed, and the teacher and the reference: 9 probes.
    before = planned(EVERY_ARM)
    newer = {**mnist_stages.VERSIONS, kind: mnist_stages.VERSIONS[kind] + 1}
    monkeypatch.setattr(mnist_stages, "VERSIONS", newer)
    assert new(before, planned(EVERY_ARM)) == cost


def test_only_what_is_missing_on_the_way_to_a_result_is_needed(planned: Planned) -> None:
    plan = planned(TINY)
    row = plan.rows["same"][1]
    assert needed(plan, plan.targets) == []
    assert kinds(needed(plan, set(plan.stages) - {row.probe})) == {PROBE: 1}
    # A teacher is no result itself: while its students and probes are there, it may be gone.
    teachers = {key for key, stage in plan.stages.items() if stage.kind == TEACH}
    assert needed(plan, set(plan.stages) - teachers) == []


# Settings left to the machine


def test_what_was_chosen_is_written_into_the_experiment(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subliminal.machine.fast_precision", lambda on=None: "bfloat16")
    plan = planned(TINY, "precision=auto")
    assert (plan.experiment.precision, plan.precision) == ("bfloat16", "bfloat16")
    assert plan.experiment.model_dump()["data"] == "digits-8x8"


# Trainings that go on from shorter ones


def test_each_training_goes_on_from_the_next_shorter_one(planned: Planned) -> None:
    plan = planned(EVERY_ARM)
    for seed in plan.experiment.seeds:
        matched = [
            plan.stages[stage.key]
            for epochs in (1, 2, 5)
            for stage in plan.rows[f"matched[matching.epochs={epochs}]"][seed].stages
            if stage.kind == MATCH
        ]
        assert [stage.length for stage in matched] == [1, 2, 5]
        assert [stage.keep_state for stage in matched] == [True, True, False]
        assert [stage.continues for stage in matched] == [None, matched[0].key, matched[1].key]


lengths = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9), st.integers(0, 2)))


@given(lengths)
def test_links_join_only_lengths_of_one_process(drawn: list[tuple[str, int, int]]) -> None:
    made = [
        Stage("kind", 1, {"length": length}, seed, process=f"{name}{seed}", length=length)
        for name, length, seed in set(drawn)
    ]
    alone = Stage("kind", 1, {"alone": True}, 0)
    stages = {stage.key: stage for stage in [alone, *made]}
    linked = link_lengths(stages)
    assert set(linked) == set(stages)
    assert linked[alone.key] == alone
    for stage in linked.values():
        if stage.continues is not None:
            shorter = linked[stage.continues]
            assert shorter.process == stage.process
            assert shorter.length < stage.length
            assert shorter.keep_state
    by_process = Counter(stage.process for stage in linked.values() if stage.process)
    links = sum(stage.continues is not None for stage in linked.values())
    assert links == sum(count - 1 for count in by_process.values())


LENGTHS = f"""{TINY.split("arms:")[0]}
arms:
  teacher: {{role: teacher, sweep: {{teaching.epochs: [1, 2, 3]}}}}
  matched:
    teaching: {{learning_rate: 1e-2}}
    initialisation:
      relation: matched
      matching: {{samples_per_epoch: 300, batch_size: 128, learning_rate: 1e-2}}
    distillation: {{epochs: 0}}
    control: none
    sweep: {{initialisation.matching.epochs: [1, 2, 4]}}
"""


@pytest.mark.usefixtures("here")
def test_a_continued_training_ends_where_a_direct_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = steps_begun_at(monkeypatch)
    path = tmp_path / "lengths.yaml"
    path.write_text(LENGTHS)
    longest = (
        "arms.teacher.sweep={teaching.epochs: [3]}",
        "arms.matched.sweep={initialisation.matching.epochs: [4]}",
    )
    direct = _models_of(path, tmp_path / "direct", *longest)
    assert set(begun) == {0}
    begun.clear()
    continued = _models_of(path, tmp_path / "continued")
    # For each of 2 seeds teachers for 2 and 3 epochs, of 16 steps each, and matched students for 2
    # and 4 epochs, of 3 steps each, go on from shorter ones. The students take no step themselves.
    assert sorted(step for step in begun if step) == [3, 3, 6, 6, 16, 16, 32, 32]
    assert len(direct) == 2 * 3  # the two teachers and the matched student
    assert direct.items() <= continued.items()


def _models_of(path: Path, out: Path, *overrides: str) -> dict[str, bytes]:
    """The bytes of every teacher and matched model that a run of two seeds makes, by key."""
    settings = ("seeds=2", *overrides)
    plan = make_plan(load_experiment(path, settings))
    run_plan(plan, out, ProgressListener(Console(file=io.StringIO())), jobs=2)
    trained = [key for key, stage in plan.stages.items() if stage.kind in (TEACH, MATCH)]
    return {key: (store_at(out).folder(key) / MODEL).read_bytes() for key in trained}
