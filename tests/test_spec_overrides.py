"""Experiment files: values set from outside go over the file."""

from __future__ import annotations

import pytest

from tests.experiment_files import VALID, Write, arms_file, faults_in, load_mnist


def test_overrides_are_read_as_yaml_in_their_order(write: Write) -> None:
    overrides = [
        "seeds=3",
        "arms.same-aux.distillation.epochs=7",
        "arms.same-aux.distillation.epochs=8",
        "arms.same-aux.network={hidden: [4, 4]}",
        "statistics.confidence=.9",
        "defaults.network.auxiliary=10",
        "description=a = b",
        "arms.same-aux.distillation.liminal.weight=2",
    ]
    experiment = load_mnist(write(VALID), overrides)
    arm = experiment.arms["same-aux"]
    assert experiment.seeds == (0, 1, 2)
    assert arm.distillation.epochs == 8
    assert (arm.network.hidden, arm.network.auxiliary) == ((4, 4), 10)
    assert experiment.statistics.confidence == 0.9
    assert experiment.description == "a = b"
    assert arm.distillation.liminal is not None
    assert arm.distillation.liminal.weight == 2


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("seeds", "--set seeds: needs a path, `=` and a value, for example `--set seeds=3`"),
        ("=3", "--set =3: needs a path, `=` and a value, for example `--set seeds=3`"),
        ("sead=3", "--set sead: unknown field; did you mean 'seeds'?"),
        ("arms.smae-aux.control=none",
         "--set arms.smae-aux: there is no such arm; did you mean 'same-aux'?"),
        ("arms.same-aux.distilation.epochs=1",
         "--set arms.same-aux.distilation: unknown field; did you mean 'distillation'?"),
        ("arms.same-aux.epochs.x=1", "--set arms.same-aux.epochs: unknown field; did you mean "
         "'arms.same-aux.teaching.epochs' or 'arms.same-aux.initialisation.matching.epochs' or "
         "'arms.same-aux.distillation.epochs'?"),
        ("seeds.0=1", "--set seeds.0: seeds has no fields inside; set it as a whole"),
        ("arms.same-aux.distillation.epochs=-1",
         "--set arms.same-aux.distillation.epochs: must be at least 0, not -1"),
        ("arms.same-aux.distillation.epochs=",
         "--set arms.same-aux.distillation.epochs: must be a whole number, not empty"),
        ("statistics={confidnce: .9}",
         "--set statistics.confidnce: unknown field; did you mean 'confidence'?"),
        ("seeds=[1", "--set seeds: not valid YAML at column 3: "
         "expected ',' or ']', but got '<stream end>'"),
        ("include=b.yaml", "--set include: cannot be set from outside; "
         "write a file with `include:` and start that"),
    ],
)  # fmt: skip
def test_overrides_at_fault(write: Write, override: str, fault: str) -> None:
    assert faults_in(write(VALID), override) == [fault]


def test_several_overrides_at_fault_are_all_told(write: Write) -> None:
    assert len(faults_in(write(VALID), "sead=3", "nmae=x", "seeds")) == 3


def test_an_arm_whose_name_holds_dots_can_be_set(write: Write) -> None:
    path = write(arms_file("v1: {role: teacher}\nv1.5: {role: teacher}"))
    arms = load_mnist(path, ["arms.v1.5.teaching.epochs=2"]).arms
    assert (arms["v1"].teaching.epochs, arms["v1.5"].teaching.epochs) == (5, 2)


def test_an_overriding_sweep_replaces_the_file_s(write: Write) -> None:
    path = write("sweep: {network.auxiliary: [1, 2, 3]}\n" + VALID)
    arms = load_mnist(path, ["sweep={teaching.epochs: [1, 2]}"]).arms
    assert [arm.point for arm in arms.values() if arm.group == "same-aux"] == [
        {"teaching.epochs": 1},
        {"teaching.epochs": 2},
    ]
