"""Experiment files: presets and includes go under the file, and how two layers merge."""

from __future__ import annotations

from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from subliminal.spec_file.faults import Place
from subliminal.spec_file.layers import preset_names
from subliminal.spec_file.yaml_tree import List, Map, Node, Scalar, merge, plain
from tests.experiment_files import Write, arms_file, faults_in, load_mnist


def test_layers_go_preset_include_file_override(write: Write) -> None:
    write("defaults: {teaching: {epochs: 6, batch_size: 6, learning_rate: 6}}", "include.yaml")
    top = "preset: mnist-published\ninclude: include.yaml\n"
    top += "defaults: {teaching: {epochs: 7, batch_size: 7}}\n"
    path = write(arms_file("t: {role: teacher}", top))
    teaching = load_mnist(path, ["defaults.teaching.epochs=8"]).arms["t"].teaching
    assert (teaching.epochs, teaching.batch_size, teaching.learning_rate) == (8, 7, 6)
    assert teaching.samples_per_epoch == 60_000


def test_later_includes_go_over_earlier_ones_and_lists_replace(write: Write) -> None:
    write("seeds: [1, 2, 3]\ndescription: a\n", "a.yaml")
    write("seeds: [4]\n", "b.yaml")
    experiment = load_mnist(write(arms_file("t: {role: teacher}", "include: [a.yaml, b.yaml]\n")))
    assert (experiment.seeds, experiment.description) == ((4,), "a")


def test_includes_are_relative_to_the_file_that_names_them(write: Write) -> None:
    write("seeds: [9]\n", "parts/deep.yaml")
    write("include: deep.yaml\n", "parts/base.yaml")
    path = write(arms_file("t: {role: teacher}", "include: parts/base.yaml\n"))
    assert load_mnist(path).seeds == (9,)


def test_a_cycle_of_includes_is_told(write: Write) -> None:
    write("name: b\ninclude: x.yaml\n", "b.yaml")
    assert faults_in(write("name: x\ninclude: b.yaml\n")) == [
        "b.yaml:2: include: files include each other: x.yaml -> b.yaml -> x.yaml; "
        "remove one include"
    ]
    assert "x.yaml -> x.yaml" in faults_in(write("include: [x.yaml]\n"))[0]


def test_an_include_that_is_missing_is_told_where_it_is_asked_for(write: Write) -> None:
    (fault,) = faults_in(write("name: x\ninclude:\n- none.yaml\n"))
    assert fault == "x.yaml:3: include.0: none.yaml: no such file; check the path"


def test_many_paths_to_one_include_cost_one_reading(write: Write) -> None:
    # Read anew by each, the last file would be read 2^18 times.
    write("seeds: [5]\n", "f18.yaml")
    for i in range(18):
        write(f"include: [f{i + 1}.yaml, f{i + 1}.yaml]\n", f"f{i}.yaml")
    path = write(arms_file("t: {role: teacher}", "include: f0.yaml\n"))
    assert load_mnist(path).seeds == (5,)


def test_includes_end_at_some_depth(write: Write) -> None:
    for i in range(30):
        write(f"include: f{i + 1}.yaml\n", f"f{i}.yaml")
    (fault,) = faults_in(write("include: f0.yaml\n"))
    assert fault.endswith("includes are nested more than 20 deep")


def test_the_published_preset_is_the_published_setting(write: Write) -> None:
    assert "mnist-published" in preset_names()
    path = write(arms_file("a: {control: none}", "preset: [mnist-published]\n"))
    arm = load_mnist(path).arms["a"]
    assert (arm.network.hidden, arm.network.activation, arm.network.auxiliary) == (
        (256, 256), "relu", 3)  # fmt: skip
    for training in (arm.teaching, arm.distillation):
        assert (training.epochs, training.samples_per_epoch, training.batch_size) == (
            5, 60_000, 1024)  # fmt: skip
        assert (training.optimiser, training.learning_rate) == ("adam", 3e-4)
    assert arm.distillation.inputs == "uniform"


HERE = Place("x.yaml", 1)


def node_of(data: Any) -> Node:
    if isinstance(data, dict):
        return Map({key: node_of(value) for key, value in data.items()}, HERE)
    if isinstance(data, list):
        return List(tuple(node_of(item) for item in data), HERE)
    return Scalar(data, HERE)


ANY_TREES = st.recursive(
    st.integers() | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
)
# Where a name is a section in one layer, it is one in all; then layers may be grouped at will.
LEAVES = st.dictionaries(st.sampled_from(["x", "y"]), st.integers())
SECTIONS = reduce(
    lambda inner, _: st.builds(
        lambda leaves, sections: leaves | sections,
        LEAVES,
        st.dictionaries(st.sampled_from(["p", "q"]), inner, max_size=2),
    ),
    range(2),
    LEAVES,
)


@given(a=SECTIONS, b=SECTIONS, c=SECTIONS)
def test_layers_can_be_merged_in_any_grouping(a: Any, b: Any, c: Any) -> None:
    first, second, third = node_of(a), node_of(b), node_of(c)
    assert merge(merge(first, second), third) == merge(first, merge(second, third))


@given(tree=ANY_TREES)
def test_merging_a_tree_with_itself_or_nothing_changes_nothing(tree: Any) -> None:
    assert merge(node_of(tree), node_of(tree)) == node_of(tree)
    if isinstance(tree, dict):
        assert plain(merge(node_of({}), node_of(tree))) == tree
        assert plain(merge(node_of(tree), node_of({}))) == tree


@given(base=ANY_TREES, over=ANY_TREES)
def test_the_upper_layer_wins_and_the_lower_shows_through(base: Any, over: Any) -> None:
    merged = plain(merge(node_of(base), node_of(over)))
    if not (isinstance(base, dict) and isinstance(over, dict)):
        assert merged == over
        return
    assert set(merged) == set(base) | set(over)
    for key in merged:
        if key not in over:
            assert merged[key] == base[key]
        elif not isinstance(over[key], dict):
            assert merged[key] == over[key]
