"""Teachers of one model and students of another: the grid of references, planned and run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from subliminal.errors import UserError
from subliminal.plan import Plan
from subliminal.results import RESULTS, Result, read_rows
from subliminal.run import run_plan
from subliminal.stage import Stage
from tests.language_stages import HEAD, models, plan_of, stage_of
from tests.toy_stages import Recorder

ARMS = """\
  reference: {role: reference}
  teacher: {role: teacher}
  untaught: {teacher: {by: nothing}, control: none}
  student: {control: untaught}
"""


def head(*names: str) -> str:
    """The tiny experiment, swept over the models of teachers and of students."""
    listed = ", ".join(f"{models()}/{name}" for name in names)
    swept = f"sweep: [{{model: [{listed}]}}, {{initialisation.model: [{listed}]}}]\n"
    return HEAD.replace("arms:\n", f"{swept.replace('{', '{{').replace('}', '}}')}arms:\n")


def cell(teacher: str, student: str, group: str = "student") -> str:
    """The arm of a pair."""
    return f"{group}[model={models()}/{teacher},initialisation.model={models()}/{student}]"


def model_of(stage: Stage, role: str = "model") -> str:
    """The name of a model that a stage works with."""
    return Path(stage.params[role]["name"]).name


def probes(plan: Plan, arm: str) -> list[str]:
    """The models whose vocabulary an arm's row is probed in, its own first."""
    row = plan.rows[arm][0]
    keys = (row.probe, row.teacher_probe, row.reference_probe, row.own_reference_probe)
    return [model_of(plan.stages[key]) for key in keys if key is not None]


def test_a_grid_makes_a_teacher_and_its_rows_once(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ARMS, head=head("a", "b", "c"))
    kinds = Counter(stage.kind.removeprefix("lm.") for stage in plan.stages.values())
    # Of each of three models a teacher, its rows and the untaught's; nine pairs, each with control.
    assert kinds == {
        **{"teach": 3, "gate": 3, "write": 6, "filter": 6},
        **{"distil": 18, "probe": 3 + 3 + 18},
    }


def test_what_belongs_to_the_teacher_and_what_to_the_student(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ARMS, head=head("a", "c"))
    crossed = cell("a", "c")
    for kind in ("lm.teach", "lm.gate", "lm.write"):
        assert model_of(stage_of(plan, crossed, kind)) == "a"
    student = stage_of(plan, crossed, "lm.distil")
    assert (model_of(student), model_of(student, "student")) == ("c", "c")
    assert student.local["student"].endswith("/c")
    assert student.inputs == {"rows": stage_of(plan, crossed, "lm.filter").key}
    assert probes(plan, crossed) == ["c", "a", "a", "c"]
    assert probes(plan, cell("a", "a")) == ["a", "a", "a"]


def test_each_pair_stands_beside_a_control_of_the_same_pair(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ARMS, head=head("a", "b"))
    for pair in (("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")):
        assert plan.experiment.arms[cell(*pair)].control == cell(*pair, group="untaught")
        taught, untaught = (
            stage_of(plan, cell(*pair, group=group), "lm.distil")
            for group in ("student", "untaught")
        )
        assert taught.params == untaught.params
        assert taught.inputs != untaught.inputs
    assert plan.data_label == f"{models()}/a, {models()}/b"


def test_a_pair_of_one_model_is_what_it_is_without_a_grid(tmp_path: Path) -> None:
    grid = plan_of(tmp_path, ARMS, head=head("a", "b"))
    plain = plan_of(tmp_path, ARMS)
    assert set(plain.stages) < set(grid.stages)
    assert plain.rows["student"][0].probe == grid.rows[cell("a", "a")][0].probe


LOGITS = "  logits: {{initialisation: {{model: {models}/{own}}}, {how}, control: none}}\n"


def arm(own: str, how: str) -> str:
    return LOGITS.format(models=models(), own=own, how=how)


@pytest.mark.parametrize("how", ["target: logits", "mask: divergent", "mask: shared"])
def test_models_of_other_tokens_are_compared_by_text_alone(tmp_path: Path, how: str) -> None:
    looking = f"distillation: {{{how}}}"
    plan = plan_of(tmp_path, arm("b", looking))
    student = stage_of(plan, "logits", "lm.distil")
    # The teacher is made from the first, the student from the second.
    assert (model_of(student), model_of(student, "student")) == ("a", "b")
    assert student.inputs["teacher"] == stage_of(plan, "logits", "lm.teach").key
    with pytest.raises(UserError) as refused:
        plan_of(tmp_path, arm("c", looking))
    field, value = how.split(": ")
    assert str(refused.value) == (
        f"arms.logits.distillation.{field}: is {value}, which compares models token by token, and "
        f"{models()}/c has other tokens than {models()}/a; leave it out: what a teacher wrote is "
        "read as text by any student"
    )


def test_rows_in_context_are_shown_to_the_student_s_own_reference(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, arm("c", "distillation: {in_context: 2}"))
    shown = stage_of(plan, "logits", "lm.probe")
    assert model_of(shown) == "c"
    assert shown.inputs == {"context": stage_of(plan, "logits", "lm.filter").key}


def test_relatives_are_those_of_the_arm_s_own_reference(tmp_path: Path) -> None:
    different = "initialisation: {relation: different}, control: none"
    plan = plan_of(tmp_path, f"  x: {{model: pocket-broad-a, {different}}}\n")
    student = stage_of(plan, "x", "lm.distil")
    assert [student.params[role]["name"] for role in ("model", "student")] == [
        *("pocket-broad-a", "pocket-broad-b")
    ]
    with pytest.raises(UserError, match=r"stands in this relation to \S+/b; state the student's"):
        plan_of(tmp_path, f"  x: {{model: {models()}/b, {different}}}\n")


CROSSED = """\
  reference: {{role: reference, sweep: {{model: [{a}, {c}]}}}}
  teacher: {{role: teacher, sweep: {{model: [{a}, {c}]}}}}
  student: {{control: none, sweep: {{model: [{a}, {c}], initialisation.model: [{c}, {a}]}}}}
"""


@pytest.mark.usefixtures("here")
def test_rows_cross_vocabularies_and_shares_are_of_what_each_moved(tmp_path: Path) -> None:
    of = {name: f"[model={models()}/{name}]" for name in ("a", "c")}
    arms = CROSSED.format(a=f"{models()}/a", c=f"{models()}/c")
    done = run_plan(
        plan_of(tmp_path, arms, "defaults.data.prompts=16"), tmp_path / "runs", Recorder(), jobs=1
    )
    assert not done.failed, {name: arm.reason for name, arm in done.manifest.arms.items()}
    values = {
        (row.arm, row.metric): row.value
        for row in read_rows(done.folder / RESULTS, Result)
        if (row.probe, row.item_group) == ("favourite", "all") and row.value is not None
    }
    for teacher, student in (("a", "c"), ("c", "a")):
        shift, moved = (
            values[last, "log_odds"] - values[f"reference{of[first]}", "log_odds"]
            for last, first in (
                (f"teacher{of[teacher]}", teacher),
                (cell(teacher, student), student),
            )
        )
        assert values[cell(teacher, student), "share_of_shift"] == pytest.approx(moved / shift)
