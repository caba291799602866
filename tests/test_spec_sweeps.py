"""Experiment files: sweeps are spread into arms."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.experiment_files import FUZZED, VALID, Write, arms_file, faults_in, load_mnist


def test_a_list_sweep_names_groups_and_points(write: Write) -> None:
    arms = load_mnist(write("sweep: {network.auxiliary: [3, 10]}\n" + VALID)).arms
    assert list(arms) == [
        "teacher[auxiliary=3]",
        "teacher[auxiliary=10]",
        "same-aux[auxiliary=3]",
        "same-aux[auxiliary=10]",
        "different-aux[auxiliary=3]",
        "different-aux[auxiliary=10]",
    ]
    arm = arms["same-aux[auxiliary=10]"]
    assert (arm.group, arm.point) == ("same-aux", {"network.auxiliary": 10})
    assert arm.network.auxiliary == 10
    assert arm.network.hidden == (8,)


def test_an_unswept_arm_is_its_own_group(write: Write) -> None:
    arm = load_mnist(write(VALID)).arms["same-aux"]
    assert (arm.group, arm.point) == ("same-aux", {})


def test_paths_of_an_entry_advance_together_and_entries_multiply(write: Write) -> None:
    sweep = """sweep:
- {teaching.epochs: [1, 2], distillation.epochs: [3, 4]}
- network.hidden: [[8], [256, 256]]
"""
    arms = load_mnist(write(arms_file("a: {control: none}", sweep))).arms
    assert list(arms) == [
        "a[teaching.epochs=1,distillation.epochs=3,network.hidden=8]",
        "a[teaching.epochs=1,distillation.epochs=3,network.hidden=256x256]",
        "a[teaching.epochs=2,distillation.epochs=4,network.hidden=8]",
        "a[teaching.epochs=2,distillation.epochs=4,network.hidden=256x256]",
    ]


def test_the_file_s_sweep_and_an_arm_s_multiply(write: Write) -> None:
    text = "a: {control: none, sweep: {distillation.generations: [1, 2, 3]}}\nb: {control: none}"
    arms = load_mnist(write(arms_file(text, "sweep: {network.auxiliary: [1, 2]}\n"))).arms
    assert [arm.group for arm in arms.values()] == ["a"] * 6 + ["b"] * 2


@pytest.mark.parametrize(
    ("path", "reference", "teacher"),
    [
        ("network.auxiliary: [1, 2]", 2, 2),
        ("teaching.epochs: [1, 2]", 1, 2),
        ("distillation.epochs: [1, 2]", 1, 1),
        ("initialisation.weight_noise: [0, 1]", 1, 1),
        ("student_network.activation: [relu, gelu]", 1, 1),
    ],
)
def test_the_file_s_sweep_makes_no_needless_copies(
    write: Write, path: str, reference: int, teacher: int
) -> None:
    text = "r: {role: reference}\nt: {role: teacher}\n"
    text += "s: {control: none, initialisation: {relation: different}}"
    arms = load_mnist(write(arms_file(text, f"sweep: {{{path}}}\n"))).arms
    groups = [arm.group for arm in arms.values()]
    assert [groups.count(group) for group in "rts"] == [reference, teacher, 2]
    assert ("r" in arms) == (reference == 1)


def test_a_sweep_of_its_own_is_obeyed_by_a_teacher(write: Write) -> None:
    text = "t: {role: teacher, sweep: {distillation.epochs: [1, 2]}}"
    assert len(load_mnist(write(arms_file(text))).arms) == 2


def test_points_that_differ_only_in_what_a_teacher_lacks_are_one(write: Write) -> None:
    sweep = "sweep: {network.auxiliary: [1, 1, 2], distillation.epochs: [1, 2, 1]}\n"
    text = arms_file("t: {role: teacher}\ns: {control: none}", sweep)
    groups = [arm.group for arm in load_mnist(write(text)).arms.values()]
    assert (groups.count("t"), groups.count("s")) == (2, 3)


def test_sections_and_nothing_can_be_swept(write: Write) -> None:
    text = "a: {control: none, sweep: {distillation.liminal: [null, {weight: 2}]}}"
    arms = load_mnist(write(arms_file(text))).arms
    assert list(arms) == ["a[liminal=none]", "a[liminal=weight:2]"]
    assert arms["a[liminal=none]"].distillation.liminal is None


@pytest.mark.parametrize(
    ("sweep", "fault"),
    [
        ("{network.auxilary: [1, 2]}", ".network.auxilary: an arm has no such field to sweep; "
         "did you mean 'network.auxiliary'?"),
        ("{epochs: [1, 2]}", ".epochs: an arm has no such field to sweep; "
         "did you mean 'teaching.epochs'?"),
        ("{control: [a, b]}", ".control: control cannot be swept; write separate arms"),
        ("{network.auxiliary: [1, 2, 1]}",
         ".network.auxiliary.2: 1 is listed twice; each point counts once"),
        ("{network.auxiliary: 3}", ".network.auxiliary: needs a list of values, not 3"),
        ("{network.auxiliary: []}", ".network.auxiliary: needs a list of values, not []"),
        ("{network.auxiliary: [1], teaching.epochs: [1, 2]}", ": paths of one entry advance "
         "together and need as many values each: network.auxiliary has 1, teaching.epochs has 2"),
        ("3", ": a sweep maps paths to lists of values, not 3; "
         "for example `network.auxiliary: [1, 3]`"),
        ("{network.auxiliary: [0, 1]}", ".network.auxiliary.0: must be at least 1, not 0"),
    ],
)  # fmt: skip
def test_sweeps_at_fault(write: Write, sweep: str, fault: str) -> None:
    (found,) = faults_in(write(arms_file("a: {control: none}", f"sweep: [{sweep}]\n")))
    assert found == f"x.yaml:2: sweep.0{fault}"


def test_a_path_swept_twice_is_a_fault(write: Write) -> None:
    text = "a: {control: none, sweep: {network: [{auxiliary: 1}]}}"
    (fault,) = faults_in(write(arms_file(text, "sweep: {network.auxiliary: [1, 2]}\n")))
    assert fault.startswith("x.yaml:4: arms.a: network and network.auxiliary would be swept")


def test_too_many_arms_are_refused_before_they_are_made(write: Write) -> None:
    values = list(range(1, 190))
    sweep = f"sweep:\n- network.auxiliary: {values}\n- teaching.epochs: {values}\n"
    (fault,) = faults_in(write(arms_file("a: {control: none}", sweep)))
    assert "35,721 arms" in fault  # 189 * 189


AXES: dict[str, st.SearchStrategy[Any]] = {
    "network.auxiliary": st.lists(st.integers(1, 200), min_size=1, max_size=4, unique=True),
    "teaching.epochs": st.lists(st.integers(0, 50), min_size=1, max_size=4, unique=True),
    "distillation.learning_rate": st.lists(
        st.floats(1e-6, 1.0), min_size=1, max_size=4, unique=True
    ),
    "network.hidden": st.lists(
        st.lists(st.integers(1, 64), min_size=1, max_size=3), min_size=1, max_size=3, unique_by=str
    ),
}


@st.composite
def sweeps(draw: st.DrawFn) -> dict[str, list[Any]]:
    paths = draw(st.lists(st.sampled_from(sorted(AXES)), unique=True))
    return {path: draw(AXES[path]) for path in paths}


@FUZZED
@given(sweep=sweeps())
def test_a_grid_has_as_many_arms_as_the_product_of_its_lengths(
    write: Write, sweep: dict[str, list[Any]]
) -> None:
    entries = [{path: values} for path, values in sweep.items()]
    data = {"name": "x", "arms": {"a": {"control": "none"}}, "sweep": entries}
    arms = load_mnist(write(json.dumps(data))).arms
    assert len(arms) == math.prod(len(values) for values in sweep.values())
    assert len({json.dumps(arm.point, sort_keys=True) for arm in arms.values()}) == len(arms)
