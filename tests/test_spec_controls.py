"""Experiment files: which arm is the control of which, also across sweeps."""

from __future__ import annotations

import pytest

from subliminal.spec_file import load_experiment
from tests.experiment_files import VALID, Write, arms_file, faults_in


def test_a_control_is_the_arm_of_its_group_at_the_same_point(write: Write) -> None:
    arms = load_experiment(write("sweep: {network.auxiliary: [3, 10]}\n" + VALID)).arms
    for m in (3, 10):
        assert arms[f"same-aux[auxiliary={m}]"].control == f"different-aux[auxiliary={m}]"
    assert arms["different-aux[auxiliary=3]"].control == "none"


def test_a_control_that_is_not_swept_serves_every_point(write: Write) -> None:
    text = "a: {control: b, sweep: {distillation.epochs: [1, 2]}}\nb: {control: none}"
    arms = load_experiment(write(arms_file(text))).arms
    assert [arm.control for arm in arms.values()] == ["b", "b", "none"]


def test_a_control_agrees_on_the_paths_swept_in_both(write: Write) -> None:
    text = "a: {control: b, sweep: {distillation.epochs: [1, 2]}}\nb: {control: none}"
    arms = load_experiment(write(arms_file(text, "sweep: {network.auxiliary: [1, 2]}\n"))).arms
    for m in (1, 2):
        for epochs in (1, 2):
            name = f"a[auxiliary={m},distillation.epochs={epochs}]"
            assert arms[name].control == f"b[auxiliary={m}]"


def test_a_swept_control_can_be_named_in_full(write: Write) -> None:
    text = "a: {control: 'b[auxiliary=2]'}\nb: {control: none, sweep: {network.auxiliary: [1, 2]}}"
    assert load_experiment(write(arms_file(text))).arms["a"].control == "b[auxiliary=2]"


@pytest.mark.parametrize(
    ("a", "b", "fault"),
    [
        ("control: bb", "control: none", "there is no arm 'bb'; did you mean 'b'?"),
        ("control: a", "control: none", "an arm cannot be its own control; name another arm, "
         "or none"),
        ("control: b", "control: none, sweep: {network.auxiliary: [1, 2]}", "'b' is swept where "
         "'a' is not; name one arm, such as 'b[auxiliary=1]' or 'b[auxiliary=2]'"),
        ("control: b, sweep: {network.auxiliary: [1]}",
         "control: none, sweep: {network.auxiliary: [2]}",
         "no arm of 'b' has the swept values of 'a[auxiliary=1]'; sweep both alike"),
    ],
)  # fmt: skip
def test_controls_at_fault(write: Write, a: str, b: str, fault: str) -> None:
    path = write(arms_file(f"a: {{{a}}}\nb: {{{b}}}"))
    assert faults_in(path) == [f"x.yaml:3: arms.a.control: {fault}"]


def test_a_sweep_at_fault_is_not_also_blamed_on_controls(write: Write) -> None:
    text = "a: {control: b, sweep: {network.auxilary: [1, 2]}}\n"
    text += "b: {control: none, sweep: {network.auxiliary: [1, 2]}}"
    (fault,) = faults_in(write(arms_file(text)))
    assert "arms.a.sweep" in fault
