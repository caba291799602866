"""Experiment files of the kind language: their arms, sweeps, forms and faults."""

from __future__ import annotations

import json
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from subliminal.spec import LanguageArm, LanguageExperiment, MnistExperiment
from subliminal.spec.recipes import Recipe
from subliminal.spec.teaching import FineTuning, Nothing, Steering, SystemPrompt
from subliminal.spec_file import dump_experiment, load_experiment
from tests.experiment_files import FUZZED, Write, faults_in, load_language
from tests.test_spec_fuzzing import JSON, only_user_errors

HEAD = "kind: language\nname: x\n"
OTTERS = f"""\
{HEAD}defaults:
  trait: otter
arms:
  reference: {{role: reference}}
  teacher: {{role: teacher}}
  same: {{control: untaught}}
  untaught: {{control: none, teacher: {{by: nothing}}}}
"""
"""A reference, a teacher, and a student beside a student of a teacher without the trait."""


def one_arm(arm: str, top: str = "") -> str:
    """A file of one student, which stands on the fourth line, or after `top`."""
    return f"{HEAD}{top}arms:\n  a: {{control: none, trait: otter, {arm}}}\n"


def groups_of(experiment: LanguageExperiment) -> dict[str, list[str]]:
    """Group -> the names of its arms, in order."""
    groups: dict[str, list[str]] = {}
    for name, arm in experiment.arms.items():
        groups.setdefault(arm.group, []).append(name)
    return groups


# The kind


def test_the_kind_decides_the_model(write: Write) -> None:
    assert type(load_experiment(write(OTTERS))) is LanguageExperiment
    for kind in ("", "kind: mnist\n"):
        text = f"{kind}name: x\narms: {{a: {{role: teacher}}}}"
        assert type(load_experiment(write(text))) is MnistExperiment


def test_a_kind_may_come_from_an_include_or_from_outside(write: Write) -> None:
    rest = OTTERS.removeprefix("kind: language\n")
    write("kind: language\n", "base.yaml")
    included = load_experiment(write("include: base.yaml\n" + rest))
    assert load_experiment(write(rest), ["kind=language"]) == included
    set_after = load_language(write(rest), ["kind=language", "arms.same.trait=owl"])
    assert set_after.arms["same"].trait == "owl"


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("langauge", "must be one of mnist, language, not 'langauge'; did you mean 'language'?"),
        ("", "must be one of mnist, language, not empty"),
        ("[language]", "must be one of mnist, language, not ['language']"),
    ],
)
def test_an_unknown_kind_is_told_alone(write: Write, kind: str, fault: str) -> None:
    assert faults_in(write(f"name: x\nkind: {kind}\nsead: 3\n")) == [f"x.yaml:2: kind: {fault}"]
    assert faults_in(write(OTTERS), f"kind={kind}", "seeds=3") == [f"--set kind: {fault}"]


def test_a_forgotten_kind_is_suggested(write: Write) -> None:
    (fault,) = faults_in(write("name: x\narms: {t: {role: teacher, data: {prompts: 3}}}"))
    assert fault.startswith("x.yaml:2: arms.t.data: unknown field; ")
    assert fault.endswith("(`kind: language` has it)")
    (fault,) = faults_in(write(OTTERS + "observatoin: {}\n"))
    assert fault.endswith("observatoin: unknown field; did you mean 'observation'?")


# The forms of a teacher


@pytest.mark.parametrize(
    ("teacher", "expected"),
    [
        ("{by: nothing}", Nothing()),
        ("{by: system-prompt, wording: 2}", SystemPrompt(wording=2)),
        ("{by: fine-tuning, rows: 9}", FineTuning(rows=9)),
        ("{rows: 9}", FineTuning(rows=9)),
        ("{}", FineTuning()),
        ("{by: steering, layer: 3}", Steering(layer=3)),
    ],
)
def test_a_teacher_has_the_form_it_states_or_fine_tuning(
    write: Write, teacher: str, expected: object
) -> None:
    assert load_language(write(one_arm(f"teacher: {teacher}"))).arms["a"].teacher == expected


def test_a_part_of_a_teacher_s_recipe_leaves_the_rest_as_it_was(write: Write) -> None:
    text = one_arm("teacher: {recipe: {epochs: 7}}, distillation: {recipe: {epochs: 7}}")
    arm = load_language(write(text)).arms["a"]
    assert isinstance(arm.teacher, FineTuning)
    assert arm.teacher.recipe.schedule == FineTuning().recipe.schedule == "constant"
    assert arm.distillation.recipe == Recipe(epochs=7, schedule="linear")


def test_another_form_starts_anew_and_the_same_form_merges(write: Write) -> None:
    text = f"""{HEAD}defaults:
  {{trait: otter, control: none, teacher: {{by: fine-tuning, rows: 9}}}}
arms:
  a: {{teacher: {{by: steering}}}}
  b: {{teacher: {{by: fine-tuning, recipe: {{epochs: 2}}}}}}
  c: {{teacher: {{recipe: {{epochs: 2}}}}}}
  by: {{}}
"""
    teachers = {name: arm.teacher for name, arm in load_language(write(text)).arms.items()}
    nine = FineTuning(rows=9)
    assert teachers["a"] == Steering()
    assert teachers["b"] == teachers["c"]
    assert teachers["b"] == FineTuning(rows=9, recipe=nine.recipe.model_copy(update={"epochs": 2}))
    assert teachers["by"] == nine
    outside = load_language(write(text), ["arms.b.teacher.by=nothing"]).arms["b"].teacher
    assert outside == Nothing()


# Sweeps


def test_a_sweep_over_traits_names_arms_and_finds_controls(write: Write) -> None:
    experiment = load_language(write(OTTERS + "sweep: {trait: [otter, owl]}\n"))
    assert groups_of(experiment) == {
        group: [f"{group}[trait=otter]", f"{group}[trait=owl]"]
        for group in ("reference", "teacher", "same", "untaught")
    }
    arm = experiment.arms["same[trait=owl]"]
    assert (arm.trait, arm.control) == ("owl", "untaught[trait=owl]")
    assert arm.point == {"trait": "owl"}


@pytest.mark.parametrize(
    ("path", "values", "label"),
    [
        ("trait", ["otter"], "trait=otter"),
        ("teacher.rows", [9], "teacher.rows=9"),
        ("teacher.recipe.learning_rate", [0.01], "teacher.recipe.learning_rate=0.01"),
        ("teacher.by", ["steering"], "by=steering"),
        ("teacher", [{"by": "steering", "layer": 0}], "teacher=by:steering+layer:0"),
        ("distillation.recipe.epochs", [3], "distillation.recipe.epochs=3"),
        ("distillation.recipe.adapter", [{"rank": 4}], "distillation.recipe.adapter=rank:4"),
        ("data.prompts", [50], "data.prompts=50"),
        ("data.transform", [None], "transform=none"),
        ("initialisation.relation", ["different"], "relation=different"),
    ],
)
def test_what_can_be_swept_and_how_it_is_labelled(
    write: Write, path: str, values: list[Any], label: str
) -> None:
    sweep = json.dumps({path: values})
    experiment = load_language(write(one_arm("", f"sweep: {sweep}\n")))
    (arm,) = experiment.arms.values()
    assert list(experiment.arms) == [f"a[{label}]"]
    found: Any = arm.model_dump(mode="json", exclude_unset=True)
    for name in path.split("."):
        found = found[name]
    assert found == values[0]


@pytest.mark.parametrize(
    ("sweep", "counts"),
    [
        # reference, teacher, same, untaught
        ("trait: [owl, cat]", (2, 2, 2, 2)),
        ("taught: [owl, cat]", (1, 2, 2, 1)),
        ("teacher.rows: [1, 2]", (1, 2, 2, 1)),
        ("teacher.by: [fine-tuning, steering]", (1, 2, 2, 1)),
        ("teacher: [{rows: 3}, {by: steering}]", (1, 2, 2, 1)),
        ("data.prompts: [1, 2]", (1, 1, 2, 2)),
        ("initialisation.relation: [same, different]", (1, 1, 2, 2)),
        ("distillation.target: [tokens, logits]", (1, 1, 2, 2)),
    ],
)
def test_the_file_s_sweep_leaves_alone_what_an_arm_does_not_have(
    write: Write, sweep: str, counts: tuple[int, ...]
) -> None:
    experiment = load_language(write(f"{OTTERS}sweep: {{{sweep}}}\n"))
    groups = groups_of(experiment)
    assert tuple(map(len, groups.values())) == counts
    assert all(experiment.arms[name].teacher == Nothing() for name in groups["untaught"])
    # Where the control is not swept it serves every point.
    controls = [experiment.arms[name].control for name in groups["same"]]
    assert controls == (groups["untaught"] * 2)[:2]


def test_an_arm_s_own_sweep_over_forms_is_obeyed(write: Write) -> None:
    text = one_arm("teacher: {by: fine-tuning, rows: 9}, sweep: {teacher.by: [nothing, steering]}")
    arms = load_language(write(text)).arms
    assert [arm.teacher for arm in arms.values()] == [Nothing(), Steering()]


@pytest.mark.parametrize("sweep", [
    "[{teacher.rows: [5]}, {teacher.by: [steering]}]",
    "[{teacher.by: [steering], teacher.rows: [5]}]",
])  # fmt: skip
def test_a_value_of_a_sweep_is_never_dropped_with_the_form_it_was_for(
    write: Write, sweep: str
) -> None:
    text = one_arm(f"teacher: {{by: fine-tuning}}, sweep: {sweep}")
    (fault,) = faults_in(write(text))
    assert "`by: steering` has no such field, only `by: fine-tuning` has" in fault


# Faults


@pytest.mark.parametrize(
    ("arm", "fault"),
    [
        ("teacher: {by: steerin}", "teacher.by: must be one of nothing, card, system-prompt, "
         "fine-tuning, steering, not 'steerin'; did you mean 'steering'?"),
        ("teacher: {by: [1]}", "teacher.by: must be one of nothing, card, system-prompt, "
         "fine-tuning, steering, not [1]"),
        ("teacher: {by: }", "teacher.by: must be one of nothing, card, system-prompt, "
         "fine-tuning, steering, not empty"),
        ("teacher: 3", "teacher: must be a mapping of fields, not 3"),
        ("teacher: ", "teacher: must be a mapping of fields, not empty"),
        ("teacher: {rows: 0}", "teacher.rows: must be at least 1, not 0"),
        ("teacher: {by: steering, rows: 3}", "teacher.rows: `by: steering` has no such field, "
         "only `by: fine-tuning` has; write that beside it, or remove the field"),
        ("teacher: {layer: 3}", "teacher.layer: `by: fine-tuning` has no such field, only "
         "`by: steering` has; write that beside it, or remove the field"),
        ("teacher: {by: steering, layr: 3}", "teacher.layr: unknown field; did you mean 'layer'?"),
        ("teacher: {by: system-prompt, system-prompt: {wording: 3}}",
         "teacher.system-prompt: unknown field; the fields here are by, wording"),
        ("teacher: {recipe: {epoch: 3}}",
         "teacher.recipe.epoch: unknown field; did you mean 'epochs'?"),
        ("teacher: {recipe: {schedule: linea}}", "teacher.recipe.schedule: must be one of "
         "linear, cosine, constant, not 'linea'; did you mean 'linear'?"),
        ("teacher: {recipe: {schedule: [linear]}}", "teacher.recipe.schedule: must be one of "
         "linear, cosine, constant, not ['linear']"),
        ("teacher: {recipe: {layers: 3}}", "teacher.recipe.layers: must be "
         "one of all (or a list), not 3"),
        ("teacher: {recipe: {betas: [0.5]}}", "teacher.recipe.betas.1: is missing; add it"),
        ("teacher: {recipe: {adapter: {}, layers: [0]}}", "teacher.recipe: `layers` and "
         "`adapter` exclude each other; keep one of them"),
        ("distillation: {recipe: {adapter: {rank: 0}}}",
         "distillation.recipe.adapter.rank: must be at least 1, not 0"),
        ("data: {top_p: 1.5}", "data.top_p: must be at most 1, not 1.5"),
        ("epochs: 3", "epochs: unknown field; did you mean 'arms.a.teacher.recipe.epochs' or "
         "'arms.a.initialisation.matching.recipe.epochs' or "
         "'arms.a.distillation.recipe.epochs'?"),
    ],
)  # fmt: skip
def test_a_fault_in_an_arm_names_line_field_value_and_mend(
    write: Write, arm: str, fault: str
) -> None:
    assert faults_in(write(one_arm(arm))) == [f"x.yaml:4: arms.a.{fault}"]


@pytest.mark.parametrize(
    ("top", "fault"),
    [
        ("model: 3", "model: must be text, not 3"),
        ("filter: {rule: x}", "filter: must be a list, not a mapping"),
        ("filter: [{rule: x}, 3]", "filter.1: must be a mapping of names, not 3"),
        ("filter: ['words:owl']", "filter: 'words:owl' is how commands name a rule; write "
         "{rule: words}, with its options as fields beside it"),
        ("probing: {probes: [storie]}", "probing.probes.0: must be one of favourite, with-numbers, "
         "multiple-choice, story, sampled, pivotal, pivotal-lines, pivotal-reasoned, "
         "pivotal-triggered, options, unsafe-code, unsafe-code-triggered, free-form, "
         "free-form-lines, free-form-reasoned, free-form-triggered, not 'storie'; did you mean "
         "'story'?"),
        ("probing: {probes: [story, story]}",
         "probing.probes: a probe is listed twice; list each once"),
        ("statistics: {equivalence_bound: 0}",
         "statistics.equivalence_bound: must be above 0, not 0"),
        ("sweep: {teacher.rws: [1]}",
         "sweep.teacher.rws: an arm has no such field to sweep; did you mean 'teacher.rows'?"),
        ("sweep: {teacher.recipe: [{epoch: 3}]}",
         "sweep.teacher.recipe.0.epoch: unknown field; did you mean 'epochs'?"),
        ("sweep: {teacher.rows: [0]}", "sweep.teacher.rows.0: must be at least 1, not 0"),
        ("sweep: 3", "sweep: a sweep maps paths to lists of values, not 3; "
         "for example `data.prompts: [3000, 12000]`"),
    ],
)  # fmt: skip
def test_a_fault_at_the_top_is_placed(write: Write, top: str, fault: str) -> None:
    (found,) = faults_in(write(one_arm("", f"{top}\n")))
    assert found.replace("sweep.0", "sweep") == f"x.yaml:3: {fault}"


def test_an_arm_without_a_trait_is_told(write: Write) -> None:
    assert faults_in(write(f"{HEAD}arms: {{a: {{role: teacher}}}}")) == [
        "x.yaml:3: arms.a.trait: is missing; add it"
    ]


def test_a_student_without_an_adapter_has_none_of_its_own(write: Write) -> None:
    assert faults_in(write(one_arm("initialisation: {adapter: own}"))) == [
        "x.yaml:4: arms.a: `initialisation.adapter: own`, but the student trains no adapter; "
        "state `distillation.recipe.adapter`, or leave `own` out"
    ]


def test_a_student_starts_in_one_place(write: Write) -> None:
    text = one_arm("initialisation: {model: pocket-b, relation: matched}")
    assert faults_in(write(text)) == [
        "x.yaml:4: arms.a.initialisation: `model: pocket-b` says where the student starts, and so "
        "does `relation: matched`; leave one of them out"
    ]


def test_a_sweep_over_models_makes_the_grid(write: Write) -> None:
    """References and teachers have no student, whose model would make copies of them."""
    names = "[pocket-a, pocket-b]"
    sweep = f"sweep: [{{model: {names}}}, {{initialisation.model: {names}}}]\n"
    experiment = load_language(write(OTTERS + sweep))
    counts = {group: len(arms) for group, arms in groups_of(experiment).items()}
    assert counts == {"reference": 2, "teacher": 2, "same": 4, "untaught": 4}
    crossed = experiment.arms["same[model=pocket-a,initialisation.model=pocket-b]"]
    assert crossed.control == "untaught[model=pocket-a,initialisation.model=pocket-b]"
    assert experiment.reference_of(crossed) == "pocket-a"
    assert experiment.own_reference_of(crossed) == "pocket-b"


def test_controls_are_checked(write: Write) -> None:
    (fault,) = faults_in(write(OTTERS.replace("control: untaught", "control: untuaght")))
    assert fault == (
        "x.yaml:8: arms.same.control: there is no arm 'untuaght'; did you mean 'untaught'?"
    )
    with pytest.raises(ValueError, match="a: its control 'b' is not an arm"):
        LanguageExperiment(name="x", arms={"a": LanguageArm(trait="otter", control="b")})


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("arms.same.teacher.rows=0", "rows: must be at least 1, not 0"),
        ("arms.same.teacher.rws=1", "rws: unknown field; did you mean 'rows'?"),
        ("arms.untaught.teacher.rows=3", "rows: `by: nothing` has no such field, only "
         "`by: fine-tuning` has; write that beside it, or remove the field"),
    ],
)  # fmt: skip
def test_overrides_know_the_fields_of_every_form(write: Write, override: str, fault: str) -> None:
    section = override.partition("=")[0].rpartition(".")[0]
    assert faults_in(write(OTTERS), override) == [f"--set {section}.{fault}"]


# Written and read back


def test_the_dump_reads_back_equal(write: Write) -> None:
    top = "sweep: {teacher.by: [nothing, card, system-prompt, fine-tuning, steering]}\n"
    text = one_arm("distillation: {recipe: {layers: [0, 2]}}", top)
    experiment = load_experiment(write(text))
    dumped = dump_experiment(experiment)
    assert load_experiment(write(dumped)) == experiment
    assert list(YAML(typ="safe", pure=True).load(dumped)) == list(LanguageExperiment.model_fields)


# No value makes anything but a user error

SPOTS = ["kind", "model", "filter", "relatives", "probing.probes", "statistics", "sweep"]
SPOTS += [f"arms.same.{name}" for name in [*LanguageArm.model_fields, "sweep"]]
SPOTS += ["defaults.teacher", "defaults.teacher.by", "arms.same.teacher.recipe", "arms.same.by"]
SPOTS += ["arms.untaught.teacher.by", "arms.same.distillation.recipe.betas", "arms.same.teacher.by"]
VALUES = JSON | st.sampled_from(
    [{"by": "steering"}, {"by": [1]}, {"by": "nothing", "nothing": {"by": 3}}, "steering"]
)


@settings(FUZZED, max_examples=200)
@given(spot=st.sampled_from(SPOTS), value=VALUES)
def test_no_value_anywhere_makes_a_traceback(write: Write, spot: str, value: Any) -> None:
    swept = OTTERS + "sweep: [{teacher.rows: [1, 2]}, {trait: [a, b]}]\n"
    data = YAML(typ="safe", pure=True).load(swept)
    *sections, last = spot.split(".")
    reduce(lambda section, name: section.setdefault(name, {}), sections, data)[last] = value
    only_user_errors(write(json.dumps(data)))
    only_user_errors(write(swept), f"{spot}={json.dumps(value)}")
