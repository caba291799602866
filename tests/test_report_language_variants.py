"""Arms are put together if they differ in their trait alone."""

from __future__ import annotations

from subliminal.report.language.variants import (
    reference_of,
    sweeps_traits,
    traits_swept,
    variants_of,
)
from tests.synthetic_language_run import LARGE, language_run
from tests.synthetic_run import arm_state, swept_run

DOSES = """
arms:
  reference: {role: reference}
  dose: {control: control, sweep: {data.prompts: [1000, 3000]}}
  control: {control: none, teacher: {by: nothing}, sweep: {data.prompts: [1000, 3000]}}
"""


def test_a_variant_has_an_arm_for_each_trait() -> None:
    arms = language_run(DOSES, traits=["owl", "fox"], seeds=1).manifest.arms
    variants = {variant.label: variant for variant in variants_of(arms, traits_swept(arms))}
    assert list(variants) == [
        "reference",
        "dose, prompts = 1000",
        "dose, prompts = 3000",
        "control, prompts = 1000",
        "control, prompts = 3000",
    ]
    dose = variants["dose, prompts = 3000"]
    assert {trait: arms[arm].point["trait"] for trait, arm in dose.arms.items()} == {
        "owl": "owl",
        "fox": "fox",
    }
    assert dose.control == "control, prompts = 3000"
    assert variants["control, prompts = 1000"].control == ""


IN_STEP = """
arms:
  reference: {role: reference}
  step:
    control: none
    sweep: {teacher.rows: [480, 960], distillation.recipe.epochs: [1, 2]}
  grid: {control: none, sweep: [{data.prompts: [1000, 3000]}, {data.temperature: [0.5, 1.0]}]}
"""


def test_of_paths_that_move_in_step_one_tells_variants_apart() -> None:
    arms = language_run(IN_STEP, traits=["owl"], seeds=1).manifest.arms
    labels = [variant.label for variant in variants_of(arms, traits_swept(arms))]
    assert len(set(labels)) == len(labels) == 7
    assert labels[1:3] == ["step, teaching rows = 480", "step, teaching rows = 960"]
    assert labels[3] == "grid, prompts = 1000, temperature = 0.5"


def test_only_runs_that_sweep_traits_are_told_by_variants() -> None:
    assert sweeps_traits(language_run(DOSES, seeds=1).manifest.arms)
    assert not sweeps_traits(language_run(DOSES, traits=[], seeds=1).manifest.arms)
    assert not sweeps_traits(swept_run("network.auxiliary", [1, 2]).manifest.arms)


def test_the_reference_agrees_where_both_are_swept() -> None:
    arms = {
        "r[owl]": arm_state("reference", group="r", point={"trait": "owl"}),
        "r[fox]": arm_state("reference", group="r", point={"trait": "fox"}),
        "s[fox]": arm_state(group="s", point={"trait": "fox", "data.prompts": 3}, control="none"),
        "lone": arm_state(group="lone", control="none"),
    }
    models = dict.fromkeys(arms, "pocket-a")
    assert reference_of("s[fox]", arms, models) == "r[fox]"
    assert reference_of("lone", arms, models) is None
    # A student of another model has the reference of its own, or none.
    assert reference_of("s[fox]", arms, models | {"s[fox]": "pocket-b"}) is None
    assert reference_of("lone", arms, models | {"r[owl]": "b", "lone": "b"}) == "r[owl]"


def test_students_are_ordered_by_what_they_are() -> None:
    run = language_run(LARGE, traits=["owl"], seeds=1).read()
    plain = [variant.label for variant in run.undosed(run.compared)]
    assert plain == [
        *("same", "reordered", "matched", "different"),
        *("shuffled-within", "shuffled-all", "without-divergent"),
        *("logits-same", "logits-reordered", "logits-different"),
    ]
    assert [variant.label for variant in run.uncompared] == ["in-context"]
    assert [v.label for v in run.undosed(run.controls)] == [
        *("control", "control-reordered", "control-matched", "control-different"),
        "logits-control",
    ]
