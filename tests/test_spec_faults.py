"""Experiment files: each fault is told by its line, its field and its mend."""

from __future__ import annotations

import pytest

from subliminal.spec_file.faults import MAX_REPORTED
from tests.experiment_files import VALID, Write, arms_file, faults_in


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("epochs: -1", "must be at least 0, not -1"),
        ("epochs: 10001", "must be at most 10000, not 10001"),
        ("epochs: true", "must be a whole number, not true"),
        ("epochs: 2.5", "must be a whole number, not 2.5"),
        ("epochs: '3'", "must be a whole number, not '3'"),
        ("epochs:", "must be a whole number, not empty"),
        ("epochs: [1]", "must be a whole number, not [1]"),
        ("epochs: .inf", "numbers must be finite, not .inf"),
        ("learning_rate: 0", "must be above 0, not 0"),
        ("learning_rate: 1000", "must be below 1000, not 1000"),
        ("learning_rate: .nan", "numbers must be finite, not .nan"),
        ("learning_rate: 1e999", "numbers must be finite, not 1e999"),
        ("learning_rate: '3e-4'", "must be a number, not '3e-4'"),
        ("learning_rate: true", "must be a number, not true"),
        ("freeze_head: no", "must be true or false, not 'no'"),
        ("freeze_head: 1", "must be true or false, not 1"),
        ("liminal: 3", "must be a mapping of fields, not 3"),
        ("logits: 3", "must be one of auxiliary, all, classes (or a list), not 3"),
        ("logits: al", "must be one of auxiliary, all, classes (or a list), not 'al'; "
         "did you mean 'all'?"),
        ("inputs: unifrom", "must be one of uniform, fresh-uniform, gaussian, structured, images, "
         "fashion-mnist, not 'unifrom'; did you mean 'uniform'?"),
        ("epoch: 3", "unknown field; did you mean 'epochs'?"),
        ("hidden: [3]", "unknown field; did you mean 'arms.a.network.hidden' or "
         "'arms.a.student_network.hidden'?"),
    ],
)  # fmt: skip
def test_a_fault_names_line_field_value_and_mend(write: Write, text: str, fault: str) -> None:
    path = write(arms_file(f"a:\n  control: none\n  distillation:\n    {text}"))
    field = text.split(":")[0]
    assert faults_in(path) == [f"x.yaml:6: arms.a.distillation.{field}: {fault}"]


@pytest.mark.parametrize(
    ("top", "fault"),
    [
        ("seeds: 0", "seeds: must be between 1 and 10,000 seeds, not 0"),
        ("seeds: []", "seeds: must be between 1 and 10,000 seeds, not 0"),
        ("seeds: [3, 3]", "seeds: seed 3 is listed twice; each seed counts once"),
        ("seeds: [1, -1]", "seeds.1: must be at least 0, not -1"),
        ("seeds: [1, '2']", "seeds.1: must be a whole number, not '2'"),
        ("seeds: true", "seeds: must be a number of seeds or a list of seeds, not true"),
        ("seeds: '3'", 'seeds: must be a number of seeds or a list of seeds, not "3"'),
        ("seeds: 1000000000", "seeds: must be between 1 and 10,000 seeds, not 1000000000"),
        ("data_folder: 3", "data_folder: must be text, not 3"),
        ("statistics: {confidence: 95}", "statistics.confidence: must be below 1, not 95"),
        ("statistic: {}", "statistic: unknown field; did you mean 'statistics'?"),
        ("sweeps: {}", "sweeps: unknown field; did you mean 'sweep'?"),
        ("network: {}", "network: unknown field; did you mean 'defaults.network'?"),
        ("include: 3", "include: must be a name or a list of names, not 3"),
        ("preset: mnist-publishd",
         "preset: there is no preset 'mnist-publishd'; did you mean 'mnist-published'?"),
    ],
)  # fmt: skip
def test_a_fault_at_the_top_is_placed(write: Write, top: str, fault: str) -> None:
    assert faults_in(write(arms_file("t: {role: teacher}", f"{top}\n"))) == [f"x.yaml:2: {fault}"]


def test_an_unfit_name_is_told_in_words(write: Write) -> None:
    (fault,) = faults_in(write(VALID.replace("name: aux", "name: My run")))
    assert fault.startswith("x.yaml:1: name: must be lower-case letters")
    assert fault.endswith("not 'My run'")


def test_unknown_trait(write: Write) -> None:
    (fault,) = faults_in(write(arms_file("t: {role: teacher, traits: [digits, prim]}")))
    assert fault.startswith("x.yaml:3: arms.t.traits.1: must be one of digits, parity")
    assert fault.endswith("not 'prim'; did you mean 'prime'?")


def test_all_faults_are_told_in_line_order(write: Write) -> None:
    text = arms_file("s: {control: none, trait: [digits]}\nt: {role: teachr}\nu: {}", "sead: 1\n")
    assert [fault.split(": ")[:2] for fault in faults_in(write(text))] == [
        ["x.yaml:2", "sead"],
        ["x.yaml:4", "arms.s.trait"],
        ["x.yaml:5", "arms.t.role"],
        ["x.yaml:6", "arms.u"],
    ]


def test_a_fault_in_defaults_is_told_once_where_it_is_written(write: Write) -> None:
    text = VALID.replace("auxiliary: 3", "auxilary: 3")
    assert faults_in(write(text)) == [
        "x.yaml:5: defaults.network.auxilary: unknown field; did you mean 'auxiliary'?"
    ]


def test_a_fault_in_an_included_file_is_told_with_that_file(write: Write) -> None:
    write("seeds: 2\ndefaults:\n  network: {auxiliary: 0}\n", "base.yaml")
    text = arms_file("t: {role: teacher}", "include: base.yaml\n")
    assert faults_in(write(text)) == [
        "base.yaml:3: defaults.network.auxiliary: must be at least 1, not 0"
    ]


def test_faults_of_models_name_the_arm(write: Write) -> None:
    (fault,) = faults_in(write(arms_file("a: {distillation: {epochs: 1}}")))
    assert fault.startswith("x.yaml:3: arms.a: a student needs a control")
    (fault,) = faults_in(write(VALID), "arms.different-aux.initialisation.relation=same",
                         "arms.different-aux.student_network.activation=gelu")  # fmt: skip
    assert "arms.different-aux: a student with the `same` initialisation" in fault


def test_missing_fields_are_named(write: Write) -> None:
    assert faults_in(write("seeds: 3\n")) == [
        "x.yaml:1: name: is missing; add it",
        "x.yaml:1: arms: is missing; add it",
    ]
    assert faults_in(write("name: x\narms: {}\n")) == ["x.yaml:2: arms: needs at least 1, has 0"]


def test_very_many_faults_are_cut(write: Write) -> None:
    arms = "\n".join(f"a{i}: {{control: b{i}}}" for i in range(MAX_REPORTED + 7))
    faults = faults_in(write(arms_file(arms)))
    assert len(faults) == MAX_REPORTED + 1
    assert faults[-1] == "... and 7 more like these"


def test_a_line_of_a_message_is_a_line(write: Write) -> None:
    assert faults_in(write('name: x\n"a\\nb\\e[31m": 1\narms: {t: {role: teacher}}\n'))[
        0
    ].startswith(r"x.yaml:2: a\nb\x1b[31m: unknown field")


@pytest.mark.parametrize("name", ["none", "a b", "a=b", "a[x]", "''", "x" * 81, '"a\\nb"'])
def test_arm_names_that_would_mislead_are_refused(write: Write, name: str) -> None:
    (fault,) = faults_in(write(arms_file(f"{name}: {{role: teacher}}")))
    assert fault.startswith("x.yaml:3: arms.")
    assert fault.endswith("rename it")
