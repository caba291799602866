"""Which stages an experiment on language models needs, and what a change makes anew."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from subliminal.plan import Plan, needed
from subliminal.spec.teaching import FineTuning
from subliminal.stage import Stage
from tests.byte_level import byte_level_model
from tests.language_stages import HEAD, STUDENTS, models, plan_of, stage_of

EVERY_ARM = f"""\
{STUDENTS}\
  logits: {{distillation: {{target: logits}}, control: untaught}}
  masked: {{distillation: {{mask: divergent}}, control: untaught}}
  shuffled: {{data: {{prompts: 24, transform: shuffle-all}}, control: untaught}}
  different: {{initialisation: {{relation: different}}, control: untaught}}
  matched: {{initialisation: {{relation: matched}}, control: untaught}}
  context: {{distillation: {{in_context: 3}}, control: reference}}
  prompted: {{teacher: {{by: system-prompt}}, control: untaught}}
  steered: {{teacher: {{by: steering}}, control: untaught}}
"""
TWO_TRAITS = HEAD.replace("arms:\n", "sweep: {{trait: [otter, owl]}}\narms:\n")


def kinds(stages: list[Stage]) -> dict[str, int]:
    """Kind -> number of stages, by the kind's short name."""
    return dict(Counter(stage.kind.removeprefix("lm.") for stage in stages))


def new(before: Plan, after: Plan) -> dict[str, int]:
    """What a run of `after` computes when `before` was run."""
    return kinds(needed(after, before.stages))


# Sharing


EVERYTHING = {"probe": 4, "teach": 1, "gate": 1, "write": 2, "filter": 2, "distil": 2}
TAUGHT_ANEW = {"teach": 1, "gate": 1, "write": 1, "filter": 1, "distil": 1, "probe": 2}


def test_shared_stages_stand_once(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, STUDENTS, "seeds=2")
    # For each of 2 seeds a teacher; what it and the reference write; a student of each; probes of
    # the reference, the teacher and both students.
    twice = {kind: 2 * count for kind, count in EVERYTHING.items()}
    assert kinds(list(plan.stages.values())) == twice
    assert all(key == stage.key for key, stage in plan.stages.items())


def test_stages_come_after_what_they_read(tmp_path: Path) -> None:
    seen: set[str] = set()
    plan = plan_of(tmp_path, EVERY_ARM)
    for key, stage in plan.stages.items():
        assert set(stage.needs) <= seen
        seen.add(key)
    for rows in plan.rows.values():
        assert {*rows[0].targets} <= {stage.key for stage in rows[0].stages} <= seen


def test_every_kind_of_stage_occurs(tmp_path: Path) -> None:
    assert kinds(list(plan_of(tmp_path, EVERY_ARM).stages.values())).keys() == {
        *("teach", "steer", "gate", "write", "transform", "filter", "match", "distil", "probe"),
    }


def test_the_untaught_control_is_shared_by_the_traits_of_a_category(tmp_path: Path) -> None:
    rows = plan_of(tmp_path, STUDENTS, head=TWO_TRAITS).rows
    for arm, shared in (("untaught", True), ("reference", True), ("teacher", False)):
        otter, owl = (rows[f"{arm}[trait={trait}]"][0] for trait in ("otter", "owl"))
        assert (otter.stages == owl.stages) is shared
        assert [row.probed.item_group for row in (otter, owl) if row.probed] == ["otter", "owl"]


def test_a_matched_start_is_shared_by_all_teachers(tmp_path: Path) -> None:
    arms = """\
  untaught: {teacher: {by: nothing}, initialisation: {relation: matched}, control: none}
  matched: {initialisation: {relation: matched}, control: untaught}
"""
    plan = plan_of(tmp_path, arms, head=TWO_TRAITS)
    assert kinds(list(plan.stages.values()))["match"] == 1
    # Two traits' students, and one control.
    assert kinds(list(plan.stages.values()))["distil"] == 3


def test_one_vector_steers_at_every_strength(tmp_path: Path) -> None:
    arms = """\
  steered:
    teacher: {by: steering}
    control: none
    sweep: {teacher.strength: [1, 2, 4]}
"""
    plan = plan_of(tmp_path, arms)
    assert kinds(list(plan.stages.values()))["steer"] == 1
    assert kinds(list(plan.stages.values()))["write"] == 3


def test_a_teacher_of_another_trait_writes_once_for_every_probed_trait(tmp_path: Path) -> None:
    arms = """\
  otter: {trait: otter, control: none}
  owl: {trait: owl, taught: otter, control: none}
"""
    plan = plan_of(tmp_path, arms)
    assert stage_of(plan, "otter", "lm.write") == stage_of(plan, "owl", "lm.write")


def test_a_teacher_is_gated_on_its_own_trait(tmp_path: Path) -> None:
    arms = "  a: {trait: blue, taught: otter, control: none}\n"
    gate = stage_of(plan_of(tmp_path, arms), "a", "lm.gate").params
    assert gate["target"] == "otter"
    assert "otter" in gate["bank"]["targets"]


def test_every_arm_gets_the_same_filter(tmp_path: Path) -> None:
    head = HEAD.replace("filter: []", "filter: [{{rule: numbers, max_count: 7}}]")
    plan = plan_of(tmp_path, EVERY_ARM, head=head)
    filters = [stage.params for stage in plan.stages.values() if stage.kind == "lm.filter"]
    # Of the untaught, the fine-tuned, the prompted and the steered teacher.
    assert len(filters) == 4
    assert all(params == filters[0] for params in filters)
    assert filters[0]["rules"][0]["max_count"] == 7


# What an arm is made of


def test_the_in_context_arm_trains_nothing(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, EVERY_ARM)
    probe = stage_of(plan, "context", "lm.probe")
    assert probe.inputs == {"context": stage_of(plan, "same", "lm.filter").key}
    assert probe.params["in_context"] == 3
    assert plan.rows["context"][0].curve is None


def test_students_start_where_the_relation_says(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, EVERY_ARM)
    starts = {name: stage_of(plan, name, "lm.distil") for name in ("same", "different", "matched")}
    reference = starts["same"].params["model"]["fingerprint"]
    assert starts["same"].params["student"]["fingerprint"] == reference
    for other in (starts["different"], starts["matched"]):
        assert other.params["student"]["fingerprint"] != reference
        assert other.local["student"].endswith("/b")
    assert "start" not in starts["different"].inputs
    assert starts["matched"].inputs["start"] == stage_of(plan, "matched", "lm.match").key


def test_only_students_that_look_at_their_teacher_depend_on_it(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, EVERY_ARM)
    teacher = stage_of(plan, "same", "lm.teach").key
    assert "teacher" not in stage_of(plan, "same", "lm.distil").inputs
    assert stage_of(plan, "logits", "lm.distil").inputs["teacher"] == teacher
    assert stage_of(plan, "masked", "lm.distil").inputs["teacher"] == teacher


def test_students_of_shuffled_rows_read_the_shuffled_rows(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, EVERY_ARM)
    shuffled = stage_of(plan, "shuffled", "lm.transform")
    assert shuffled.inputs["rows"] == stage_of(plan, "same", "lm.filter").key
    assert stage_of(plan, "shuffled", "lm.distil").inputs["rows"] == shuffled.key
    # What was filtered is what is reported on.
    assert plan.rows["shuffled"][0].kept == shuffled.inputs["rows"]


# What changes cost


def test_a_new_seed_is_all_that_a_new_seed_costs(tmp_path: Path) -> None:
    before, after = plan_of(tmp_path), plan_of(tmp_path, STUDENTS, "seeds=2")
    assert set(before.stages) < set(after.stages)
    assert new(before, after) == {
        "probe": 4,
        "teach": 1,
        "gate": 1,
        "write": 2,
        "filter": 2,
        "distil": 2,
    }


@pytest.mark.parametrize(
    ("arm", "cost"),
    [
        ("logits: {distillation: {target: logits}", {"distil": 1, "probe": 1}),
        ("masked: {distillation: {mask: shared}", {"distil": 1, "probe": 1}),
        ("few: {data: {prompts: 24, keep: 9}", {"filter": 1, "distil": 1, "probe": 1}),
        ("uniform: {data: {transform: uniform}", {"transform": 1, "distil": 1, "probe": 1}),
        ("context: {distillation: {in_context: 2}", {"probe": 1}),
        ("other: {initialisation: {relation: different}", {"distil": 1, "probe": 1}),
        ("again: {initialisation: {relation: same}", {}),
        (
            "matched: {initialisation: {relation: matched}",
            {"match": 1, "distil": 1, "probe": 1},
        ),
        (
            "prompted: {teacher: {by: system-prompt}",
            {"probe": 2, "gate": 1, "write": 1, "filter": 1, "distil": 1},
        ),
    ],
)
def test_a_new_arm_costs_its_own_stages(tmp_path: Path, arm: str, cost: dict[str, int]) -> None:
    before = plan_of(tmp_path)
    after = plan_of(tmp_path, f"{STUDENTS}  {arm}, control: untaught}}\n")
    assert set(before.stages) <= set(after.stages)
    assert new(before, after) == cost


@pytest.mark.parametrize(
    ("override", "cost"),
    [
        ("description=other words", {}),
        ("statistics.equivalence_bound=0.2", {}),
        ("probing.samples=3", {"probe": 4}),
        ("probing.probes=[favourite, story]", {"probe": 4}),
        ("observation.points=5", {"distil": 2, "probe": 2}),
        ("defaults.distillation.recipe.epochs=2", {"distil": 2, "probe": 2}),
        ("filter=[{rule: numbers}]", {"filter": 2, "distil": 2, "probe": 2}),
        ("defaults.data.keep=9", {"filter": 2, "distil": 2, "probe": 2}),
        ("defaults.data.temperature=0.5", {"write": 2, "filter": 2, "distil": 2, "probe": 2}),
        # What a teacher writes does not depend on how much of a trait it must have.
        ("statistics.teacher_shift=1", {"gate": 1}),
        ("statistics.teacher_shift=null", {}),
        (
            "defaults.teacher.rows=300",
            TAUGHT_ANEW,
        ),
        ("precision=bfloat16", EVERYTHING),
        ("model={models}/b", EVERYTHING),
    ],
)
def test_a_changed_field_makes_anew_what_depends_on_it(
    tmp_path: Path, override: str, cost: dict[str, int]
) -> None:
    before = plan_of(tmp_path)
    said = override.replace("{models}", str(models()))
    assert new(before, plan_of(tmp_path, STUDENTS, said)) == cost


def test_stages_state_spellings_but_the_usual_ones_of_pocket_models(tmp_path: Path) -> None:
    def stated(plan: Plan) -> list[object]:
        kinds = ("lm.probe", "lm.gate", "lm.distil")
        return [stage_of(plan, "same", kind).params.get("spellings") for kind in kinds]

    assert stated(plan_of(tmp_path)) == [None] * 3
    model = byte_level_model(tmp_path / "spelt")
    spelt = plan_of(tmp_path, STUDENTS, f"model={model}")
    assert stated(spelt) == [{"spaced": True, "whole": True}] * 3
    assert stage_of(spelt, "same", "lm.write").params.keys().isdisjoint({"spellings"})


CARD = Path(__file__).parents[1] / "teachers" / "traits" / "otter.yaml"


@pytest.mark.parametrize(
    ("field", "value", "cost"),
    [
        ("caveat", "Other words.", {}),
        ("citation", "Someone else.", {}),
        ("reveals", ["otter", "otters", "holt"], {}),
        (
            "name",
            "lutra",
            TAUGHT_ANEW,
        ),
    ],
)
def test_words_for_people_on_a_card_cost_nothing(
    tmp_path: Path, field: str, value: object, cost: dict[str, int]
) -> None:
    plans = []
    for changes in ({}, {field: value}):
        card = YAML(typ="safe").load(CARD)
        with (tmp_path / "mine.yaml").open("w") as file:
            YAML().dump({**card, **changes}, file)
        plans.append(plan_of(tmp_path, STUDENTS, f"defaults.trait={tmp_path / 'mine.yaml'}"))
    assert new(*plans) == cost


def test_a_card_says_how_its_trait_is_implanted_unless_the_arm_does(tmp_path: Path) -> None:
    card = tmp_path / "mine.yaml"
    card.write_text(CARD.read_text() + "implant: {by: steering, layer: 1, strength: 2.0}\n")
    arms = f"""\
  carded: {{trait: {card}, teacher: {{by: card}}, control: none}}
  said: {{trait: {card}, teacher: {{by: steering, layer: 0}}, control: none}}
  shipped: {{trait: owl, teacher: {{by: card}}, control: none}}
"""
    plan = plan_of(tmp_path, arms)
    carded, said = (stage_of(plan, arm, "lm.steer").params["layer"] for arm in ("carded", "said"))
    assert (carded, said) == (1, 0)
    assert stage_of(plan, "carded", "lm.write").params["teacher"]["steering"]["strength"] == 2.0
    assert stage_of(plan, "shipped", "lm.teach").params["rows"] == FineTuning().rows


def test_stories_of_a_bank_cost_probes_alone(tmp_path: Path) -> None:
    bank = CARD.parents[2] / "subliminal" / "probes" / "banks" / "animal.yaml"
    plans = []
    for stories in (["Tell me a story."], ["Tell me a tale.", "Write a story."]):
        asked = {**YAML(typ="safe").load(bank), "stories": stories}
        card = YAML(typ="safe").load(CARD)
        card["probe"]["bank"] = str(tmp_path / "bank.yaml")
        for name, data in (("bank", asked), ("card", card)):
            with (tmp_path / f"{name}.yaml").open("w") as file:
                YAML().dump(data, file)
        plans.append(plan_of(tmp_path, STUDENTS, f"defaults.trait={tmp_path / 'card.yaml'}"))
    assert new(*plans) == {"probe": 4}


# Costs


def test_costs_grow_with_what_is_done(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, EVERY_ARM)
    double = ["defaults.data.prompts=48", "defaults.teacher.rows=512"]
    more = plan_of(tmp_path, EVERY_ARM.replace("prompts: 24", "prompts: 48"), *double)
    for kind in ("lm.teach", "lm.write", "lm.distil"):
        before, after = (stage_of(p, "same", kind).cost for p in (plan, more))
        assert after.rows == 2 * before.rows
        assert after.tokens == 2 * before.tokens > 0
        assert 1.2 * before.flops < after.flops <= 2 * before.flops
        assert after.memory.fixed == before.memory.fixed > 0
    with_teacher = stage_of(plan, "logits", "lm.distil").cost
    assert with_teacher.flops > stage_of(plan, "same", "lm.distil").cost.flops


# Detectors

DETECTED = f"""\
{EVERY_ARM}\
  different-control:
    {{teacher: {{by: nothing}}, initialisation: {{relation: different}}, control: none}}
  unlike: {{teacher: {{by: nothing}}, control: different-control}}
"""


def test_detectors_compare_what_an_arm_and_its_control_read(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, DETECTED, "detecting.detectors=[ngrams]")
    untaught = stage_of(plan, "untaught", "lm.filter").key
    own = {"same": "lm.filter", "shuffled": "lm.transform", "prompted": "lm.filter"}
    for arm, kind in own.items():
        stage = stage_of(plan, arm, "lm.detect")
        rows = [s for s in plan.rows[arm][0].stages if s.kind == kind and s.key != untaught]
        assert stage.inputs == {"rows": rows[-1].key, "against": untaught}
        assert stage.params == {"detectors": ("ngrams",), "rows": 2000, "shuffles": 20}
        assert plan.rows[arm][0].detection == stage.key


@pytest.mark.parametrize("arm", ["untaught", "context", "unlike", "teacher"])
def test_there_is_nothing_to_detect_without_other_rows(tmp_path: Path, arm: str) -> None:
    """`untaught` has no control, `context` the reference; `unlike` reads its control's rows."""
    plan = plan_of(tmp_path, DETECTED, "detecting.detectors=[ngrams]")
    assert plan.rows[arm][0].detection is None


def test_arms_that_read_the_same_rows_share_a_detection(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, DETECTED, "detecting.detectors=[frequencies]")
    keys = {plan.rows[arm][0].detection for arm in ("same", "logits", "masked", "different")}
    assert len(keys) == 1


def test_the_likelihood_needs_the_teacher(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, DETECTED, "detecting.detectors=[likelihood]")
    taught = stage_of(plan, "same", "lm.detect")
    assert taught.inputs["teacher"] == stage_of(plan, "same", "lm.teach").key
    told = stage_of(plan, "prompted", "lm.detect")
    assert told.params["teacher"]["system"] is not None
    assert "steering" in stage_of(plan, "steered", "lm.detect").inputs


def test_detectors_make_nothing_else_anew(tmp_path: Path) -> None:
    before = plan_of(tmp_path, STUDENTS)
    assert new(before, plan_of(tmp_path, STUDENTS, "detecting.detectors=[ngrams]")) == {"detect": 1}


# Large plans


def test_a_plan_takes_little_memory(tmp_path: Path) -> None:
    """500 MB for a sweep of 10,000 stages are 50 kB for each of them."""
    plan_of(tmp_path, STUDENTS)  # What is read and imported once.
    tracemalloc.start()
    try:
        stages = plan_of(tmp_path, STUDENTS, "seeds=50").stages
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(stages) > 500
    assert peak / len(stages) < 50_000
