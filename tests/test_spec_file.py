"""Experiment files: what they may say, how layers and sweeps work, and how faults are told."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from subliminal.errors import UserError
from subliminal.spec import Arm, Experiment
from subliminal.spec_file import dump_experiment, json_schema, load_experiment
from subliminal.spec_file.faults import MAX_REPORTED, Place
from subliminal.spec_file.layers import preset_names
from subliminal.spec_file.yaml_tree import MAX_BYTES, List, Map, Node, Scalar, merge, plain

EXPERIMENTS = Path(__file__).parent.parent / "experiments"

VALID = """\
name: aux
description: three arms
seeds: 2
defaults:
  network: {hidden: [8], auxiliary: 3}
  distillation: {epochs: 1}
arms:
  teacher: {role: teacher}
  same-aux:
    control: different-aux
  different-aux:
    control: none
    initialisation: {relation: different}
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(text: str | bytes, name: str = "x.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_file


def faults_in(path: Path, *overrides: str) -> list[str]:
    """The lines that refuse a file, less its folder."""
    with pytest.raises(UserError) as caught:
        load_experiment(path, overrides)
    return str(caught.value).replace(f"{path.parent}/", "").split("\n")


def arms_file(arms: str, top: str = "") -> str:
    indented = "".join(f"  {line}\n" for line in arms.splitlines())
    return f"name: x\n{top}arms:\n{indented}"


# ------------------------------------------------------------------------------ reading


def test_a_file_becomes_an_experiment(write: Write) -> None:
    experiment = load_experiment(write(VALID))
    assert type(experiment) is Experiment
    assert experiment.name == "aux"
    assert experiment.seeds == (0, 1)
    assert list(experiment.arms) == ["teacher", "same-aux", "different-aux"]


def test_defaults_go_under_every_arm(write: Write) -> None:
    text = VALID.replace("  same-aux:\n", "  same-aux:\n    network: {auxiliary: 7}\n")
    arms = load_experiment(write(text)).arms
    assert arms["teacher"].network.hidden == (8,)
    assert (arms["same-aux"].network.hidden, arms["same-aux"].network.auxiliary) == ((8,), 7)


def test_an_arm_with_nothing_in_it_has_the_defaults(write: Write) -> None:
    arms = load_experiment(write(arms_file("t:", "defaults: {role: teacher}\n"))).arms
    assert arms["t"] == Arm(role="teacher", group="t")


def test_seeds_are_listed_as_they_are(write: Write) -> None:
    assert load_experiment(write(VALID), ["seeds=[7, 3]"]).seeds == (7, 3)
    assert load_experiment(write(VALID.replace("seeds: 2\n", ""))).seeds == (0, 1, 2, 3, 4)


def test_numbers_are_those_of_yaml_1_2(write: Write) -> None:
    text = VALID.replace("epochs: 1", "epochs: 1, learning_rate: 3e-4, samples_per_epoch: 60_000")
    distillation = load_experiment(write(text)).arms["same-aux"].distillation
    assert distillation.learning_rate == 0.0003
    assert distillation.samples_per_epoch == 60_000


@pytest.mark.parametrize("text", ["no", "on", "2020-01-01", "1:30", "="])
def test_words_stay_words(write: Write, text: str) -> None:
    assert load_experiment(write(VALID.replace("three arms", text))).description == text


def test_anchors_aliases_and_merge_keys(write: Write) -> None:
    arms = "a: &a {control: none, network: &n {auxiliary: 9}}\nb: {<<: *a, control: a}\n"
    experiment = load_experiment(write(arms_file(arms + "c: {control: a, network: *n}")))
    assert [arm.network.auxiliary for arm in experiment.arms.values()] == [9, 9, 9]
    assert experiment.arms["b"].control == "a"


def test_a_byte_order_mark_is_no_part_of_the_text(write: Write) -> None:
    assert load_experiment(write(b"\xef\xbb\xbf" + VALID.encode())).name == "aux"


# ------------------------------------------------------------------- faults: place and words


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


# ------------------------------------------------------------------------------ YAML faults


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "x.yaml:1: must hold a mapping (`field: value` lines), not nothing"),
        ("# only a comment\n", "x.yaml:1: must hold a mapping (`field: value` lines), not nothing"),
        ("- a\n- b\n", "x.yaml:1: must hold a mapping (`field: value` lines), not ['a', 'b']"),
        ("abc", "x.yaml:1: must hold a mapping (`field: value` lines), not 'abc'"),
        ("name: x\narms: [\n", "x.yaml:3: not valid YAML at column 1: "
         "expected the node content, but found '<stream end>'"),
        ("name: x\n\tarms: 3\n", "x.yaml:2: not valid YAML at column 1: "
         "a tab stands where YAML wants spaces"),
        ("name: x\n---\nname: y\n", "x.yaml:2: not valid YAML at column 1: "
         "a second document starts here (`---`); a file holds one"),
        ("name: x\nname: y\n", "x.yaml:2: name: the field is written twice; keep one of them"),
        ("name: x\n3: y\n", "x.yaml:2: the key 3 is not text; put it in quotes"),
        ("name: x\ntrue: y\n", "x.yaml:2: the key true is not text; put it in quotes"),
        ("name: x\n? [a]\n: y\n", "x.yaml:2: a key must be text, not a list or a mapping"),
        ("name: *a\n", "x.yaml:1: not valid YAML at column 7: found undefined alias 'a'"),
        ("name: &a [*a]\n", "x.yaml:1: nested more than 50 levels deep"),
        ("name: !!python/object:os.system x\n",
         "x.yaml:1: name: the tag tag:yaml.org,2002:python/object:os.system is not used here;"
         " remove it"),
        ("name: !x {}\n", "x.yaml:1: name: the tag !x is not used here; remove it"),
        ("name: !!int x\n", "x.yaml:1: name: 'x' is not a usable int"),
        ("name: 0x_\n", "x.yaml:1: name: '0x_' is not a usable int"),
        ("name: x\n<<: 3\n", "x.yaml:2: `<<` needs a mapping, for example `<<: *anchor`"),
        ('name: "\\ud800"\n',
         "x.yaml:1: name: half of a character pair cannot be text; remove the escape"),
        ("name: x\na: \x07\n", "x.yaml:2: holds the control character #x0007; remove it"),
        (b"name: x\n\xff\xfe", "x.yaml: not UTF-8 text (byte 8); save it as UTF-8"),
        ("%YAML 1.1\n---\nname: x\n", "x.yaml:1: experiments are YAML 1.2; remove the %YAML line"),
        ("a: [" * 400, "x.yaml:1: nested more than 50 levels deep"),
        ("# " + "x" * MAX_BYTES, "x.yaml: larger than 1 MB; split it by `include:`"),
    ],
    ids=lambda value: repr(value)[:25],
)  # fmt: skip
def test_yaml_faults(write: Write, text: str | bytes, fault: str) -> None:
    assert faults_in(write(text)) == [fault]


@pytest.mark.parametrize("text", ['a: "\\U00110000"\n', "%YAML 1.9\n---\na: 1\n"])
def test_errors_that_the_parser_does_not_call_its_own(write: Write, text: str) -> None:
    (fault,) = faults_in(write(text))
    assert fault.startswith("x.yaml:1: not valid YAML: ")


def test_an_alias_bomb_is_refused(write: Write) -> None:
    # Ten levels of ten aliases: 10^10 values in 300 bytes.
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert faults_in(write("\n".join(lines))) == [
        "x.yaml:1: holds more than 200,000 values once aliases are written out"
    ]


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert faults_in(tmp_path / "y.yaml") == ["y.yaml: no such file; check the path"]
    assert faults_in(tmp_path)[0].endswith(": a folder; name a YAML file in it")
    assert "cannot be read" in faults_in(tmp_path / "a\0b.yaml")[0]


def test_a_file_without_permission(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = write(VALID)
    monkeypatch.setattr(Path, "open", refuse)
    assert faults_in(path) == ["x.yaml: cannot be read (permission denied); check the file's mode"]


# ------------------------------------------------------------------------------ layers


def test_layers_go_preset_include_file_override(write: Write) -> None:
    write("defaults: {teaching: {epochs: 6, batch_size: 6, learning_rate: 6}}", "include.yaml")
    top = "preset: mnist-published\ninclude: include.yaml\n"
    top += "defaults: {teaching: {epochs: 7, batch_size: 7}}\n"
    path = write(arms_file("t: {role: teacher}", top))
    teaching = load_experiment(path, ["defaults.teaching.epochs=8"]).arms["t"].teaching
    assert (teaching.epochs, teaching.batch_size, teaching.learning_rate) == (8, 7, 6)
    assert teaching.samples_per_epoch == 60_000


def test_later_includes_go_over_earlier_ones_and_lists_replace(write: Write) -> None:
    write("seeds: [1, 2, 3]\ndescription: a\n", "a.yaml")
    write("seeds: [4]\n", "b.yaml")
    experiment = load_experiment(
        write(arms_file("t: {role: teacher}", "include: [a.yaml, b.yaml]\n"))
    )
    assert (experiment.seeds, experiment.description) == ((4,), "a")


def test_includes_are_relative_to_the_file_that_names_them(write: Write) -> None:
    write("seeds: [9]\n", "parts/deep.yaml")
    write("include: deep.yaml\n", "parts/base.yaml")
    path = write(arms_file("t: {role: teacher}", "include: parts/base.yaml\n"))
    assert load_experiment(path).seeds == (9,)


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
    assert load_experiment(path).seeds == (5,)


def test_includes_end_at_some_depth(write: Write) -> None:
    for i in range(30):
        write(f"include: f{i + 1}.yaml\n", f"f{i}.yaml")
    (fault,) = faults_in(write("include: f0.yaml\n"))
    assert fault.endswith("includes are nested more than 20 deep")


def test_the_published_preset_is_the_published_setting(write: Write) -> None:
    assert "mnist-published" in preset_names()
    path = write(arms_file("a: {control: none}", "preset: [mnist-published]\n"))
    arm = load_experiment(path).arms["a"]
    assert (arm.network.hidden, arm.network.activation, arm.network.auxiliary) == (
        (256, 256), "relu", 3)  # fmt: skip
    for training in (arm.teaching, arm.distillation):
        assert (training.epochs, training.samples_per_epoch, training.batch_size) == (
            5, 60_000, 1024)  # fmt: skip
        assert (training.optimiser, training.learning_rate) == ("adam", 3e-4)
    assert arm.distillation.inputs == "uniform"


# ------------------------------------------------------------------------------ overrides


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
    experiment = load_experiment(write(VALID), overrides)
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
    arms = load_experiment(path, ["arms.v1.5.teaching.epochs=2"]).arms
    assert (arms["v1"].teaching.epochs, arms["v1.5"].teaching.epochs) == (5, 2)


def test_an_overriding_sweep_replaces_the_file_s(write: Write) -> None:
    path = write("sweep: {network.auxiliary: [1, 2, 3]}\n" + VALID)
    arms = load_experiment(path, ["sweep={teaching.epochs: [1, 2]}"]).arms
    assert [arm.point for arm in arms.values() if arm.group == "same-aux"] == [
        {"teaching.epochs": 1},
        {"teaching.epochs": 2},
    ]


# ------------------------------------------------------------------------------ sweeps


def test_a_list_sweep_names_groups_and_points(write: Write) -> None:
    arms = load_experiment(write("sweep: {network.auxiliary: [3, 10]}\n" + VALID)).arms
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
    arm = load_experiment(write(VALID)).arms["same-aux"]
    assert (arm.group, arm.point) == ("same-aux", {})


def test_paths_of_an_entry_advance_together_and_entries_multiply(write: Write) -> None:
    sweep = """sweep:
- {teaching.epochs: [1, 2], distillation.epochs: [3, 4]}
- network.hidden: [[8], [256, 256]]
"""
    arms = load_experiment(write(arms_file("a: {control: none}", sweep))).arms
    assert list(arms) == [
        "a[teaching.epochs=1,distillation.epochs=3,network.hidden=8]",
        "a[teaching.epochs=1,distillation.epochs=3,network.hidden=256x256]",
        "a[teaching.epochs=2,distillation.epochs=4,network.hidden=8]",
        "a[teaching.epochs=2,distillation.epochs=4,network.hidden=256x256]",
    ]


def test_the_file_s_sweep_and_an_arm_s_multiply(write: Write) -> None:
    text = "a: {control: none, sweep: {distillation.generations: [1, 2, 3]}}\nb: {control: none}"
    arms = load_experiment(write(arms_file(text, "sweep: {network.auxiliary: [1, 2]}\n"))).arms
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
    arms = load_experiment(write(arms_file(text, f"sweep: {{{path}}}\n"))).arms
    groups = [arm.group for arm in arms.values()]
    assert [groups.count(group) for group in "rts"] == [reference, teacher, 2]
    assert ("r" in arms) == (reference == 1)


def test_a_sweep_of_its_own_is_obeyed_by_a_teacher(write: Write) -> None:
    text = "t: {role: teacher, sweep: {distillation.epochs: [1, 2]}}"
    assert len(load_experiment(write(arms_file(text))).arms) == 2


def test_points_that_differ_only_in_what_a_teacher_lacks_are_one(write: Write) -> None:
    sweep = "sweep: {network.auxiliary: [1, 1, 2], distillation.epochs: [1, 2, 1]}\n"
    text = arms_file("t: {role: teacher}\ns: {control: none}", sweep)
    groups = [arm.group for arm in load_experiment(write(text)).arms.values()]
    assert (groups.count("t"), groups.count("s")) == (2, 3)


def test_sections_and_nothing_can_be_swept(write: Write) -> None:
    text = "a: {control: none, sweep: {distillation.liminal: [null, {weight: 2}]}}"
    arms = load_experiment(write(arms_file(text))).arms
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


FILES = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FILES
@given(sweep=sweeps())
def test_a_grid_has_as_many_arms_as_the_product_of_its_lengths(
    write: Write, sweep: dict[str, list[Any]]
) -> None:
    entries = [{path: values} for path, values in sweep.items()]
    data = {"name": "x", "arms": {"a": {"control": "none"}}, "sweep": entries}
    arms = load_experiment(write(json.dumps(data))).arms
    assert len(arms) == math.prod(len(values) for values in sweep.values())
    assert len({json.dumps(arm.point, sort_keys=True) for arm in arms.values()}) == len(arms)


# ------------------------------------------------------------------------------ controls


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


# ------------------------------------------------------------------------------ writing


def test_a_spread_arm_is_taken_as_it_is(write: Write) -> None:
    text = "sweep: {network.auxiliary: [3, 10]}\n" + VALID
    experiment = load_experiment(write(text))
    path = write(dump_experiment(experiment), "resolved.yaml")
    assert load_experiment(path) == experiment
    changed = load_experiment(path, ["arms.same-aux[auxiliary=10].teaching.epochs=9"])
    assert changed.arms["same-aux[auxiliary=10]"].teaching.epochs == 9
    assert changed.arms["same-aux[auxiliary=3]"] == experiment.arms["same-aux[auxiliary=3]"]


def test_what_spread_arms_cannot_take_is_not_dropped_in_silence(write: Write) -> None:
    path = write(dump_experiment(load_experiment(write(VALID))), "resolved.yaml")
    for override in ("defaults.network.auxiliary=2", "sweep={network.auxiliary: [1, 2]}"):
        (fault,) = faults_in(path, override)
        assert "no arm takes this" in fault
    (fault,) = faults_in(path, "arms.same-aux.sweep={network.auxiliary: [1, 2]}")
    assert "was spread already" in fault


@pytest.mark.parametrize("field", ["point: {network.auxiliary: 3}", "group: g"])
def test_what_spreading_fills_in_is_not_for_defaults(write: Write, field: str) -> None:
    (fault,) = faults_in(write(VALID.replace("defaults:\n", f"defaults:\n  {field}\n")))
    assert fault.endswith("is filled in when sweeps are spread; remove it")


def test_the_dump_is_plain_yaml_in_the_order_of_the_models(write: Write) -> None:
    text = dump_experiment(load_experiment(write(VALID)))
    data = YAML(typ="safe", pure=True).load(text)
    assert list(data) == list(Experiment.model_fields)
    assert list(data["arms"]["same-aux"]) == list(Arm.model_fields)
    assert "&" not in text


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False,
    allow_infinity=False) | TEXT  # fmt: skip


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    logits: list[Any] = ["all", [], [1, 0]]

    def arm(group: str) -> dict[str, Any]:
        return {
            "group": group,
            "control": "none",
            "point": draw(st.dictionaries(TEXT, PLAIN | st.lists(PLAIN, max_size=3), max_size=2)),
            "network": {"hidden": draw(st.lists(st.integers(1, 99), min_size=1, max_size=3))},
            "teaching": {"learning_rate": draw(st.floats(1e-300, 999.0))},
            "distillation": {
                "logits": draw(st.sampled_from(logits)),
                "liminal": draw(st.none() | st.fixed_dictionaries({"anneal": st.just(0.25)})),
            },
        }

    names = draw(st.lists(TEXT.filter(lambda name: name != "none"), min_size=1, max_size=3,
                          unique=True))  # fmt: skip
    return Experiment(
        name="x",
        description=draw(TEXT),
        data_folder=draw(st.none() | TEXT.map(Path)),
        seeds=tuple(draw(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=3, unique=True))),
        arms={name: Arm(**arm(group=name or "g")) for name in names},
    )


@FILES
@given(experiment=experiments())
def test_what_is_written_reads_back_equal(write: Write, experiment: Experiment) -> None:
    assert load_experiment(write(dump_experiment(experiment))) == experiment


# ------------------------------------------------------------------------------ the schema


VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def test_the_schema_is_a_schema_and_the_caller_s_own() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    json_schema()["properties"].clear()
    assert "arms" in json_schema()["properties"]


def shipped() -> list[Path]:
    files = sorted(EXPERIMENTS.rglob("*.yaml"))
    return [path for path in files if re.search("^(arms|defaults):", path.read_text(), re.M)]


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.stem)
def test_every_shipped_experiment_fits_the_schema(path: Path) -> None:
    data = YAML(typ="safe", pure=True).load(path)
    VALIDATOR.validate(data)
    if "name" in data:
        assert load_experiment(path).arms


@pytest.mark.parametrize(
    "text",
    [
        VALID,
        "preset: mnist-published\ninclude: [a.yaml]\narms:\n  a:\n",
        "arms: {a: {sweep: [{network.auxiliary: [1], distillation.liminal: [null]}]}}",
        "sweep: {network.hidden: [[1], [2, 3]]}",
        "arms: {a: {role: student}}",
    ],
)
def test_the_schema_takes_what_a_file_may_say(text: str) -> None:
    VALIDATOR.validate(YAML(typ="safe", pure=True).load(text))


@pytest.mark.parametrize(
    "text",
    [
        "sead: 3",
        "arms: {a: {distilation: {}}}",
        "arms: {a: {distillation: {epoch: 3}}}",
        "defaults: {network: {auxilary: 3}}",
        "sweep: {network.auxilary: [1]}",
        "sweep: [{network.auxiliary: 1}]",
        "arms: {a: {teaching: {epochs: true}}}",
        "arms: {a: {teaching: {epochs: '3'}}}",
    ],
)
def test_the_schema_refuses_what_is_misspelt(text: str) -> None:
    assert not VALIDATOR.is_valid(YAML(typ="safe", pure=True).load(text))


def test_the_schema_keeps_descriptions() -> None:
    arm = json_schema()["$defs"]["Arm"]["properties"]
    assert arm["traits"]["description"] == Arm.model_fields["traits"].description
    assert json_schema()["properties"]["include"]["description"]


# ------------------------------------------------------------------------------ merging

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


# ------------------------------------------------------------------------------ no tracebacks


def only_user_errors(path: Path, *overrides: str) -> None:
    """Load; a file at fault is fine, and any other exception fails the test that calls this."""
    with contextlib.suppress(UserError):
        load_experiment(path, overrides)


PIECES = """name arms sweep defaults include preset network hidden seeds control group point
network.auxiliary x.yaml << 3 -1 1e9 ~ - [ ] { } , ? &a *a !!int !x | > ' " # --- \\u é"""
SPACES = ["\n", "\n  ", "\n    ", ": ", ":\n", " ", "\t", "\n%YAML 1.1\n---\n"]
YAMLISH = st.lists(st.sampled_from(PIECES.split()) | st.sampled_from(SPACES), max_size=40).map(
    "".join
)


@FILES
@given(text=st.text(max_size=60) | YAMLISH)
def test_no_text_makes_a_traceback(write: Write, text: str) -> None:
    only_user_errors(write(text.encode("utf-8", "surrogatepass")))


@FILES
@given(data=st.binary(max_size=60))
def test_no_bytes_make_a_traceback(write: Write, data: bytes) -> None:
    only_user_errors(write(data))


SWEPT = "sweep:\n- teaching.epochs: [1, 2]\n  network.auxiliary: [3, 4]\n" + VALID


@FILES
@given(at=st.integers(0, len(SWEPT)), length=st.integers(0, 12), new=st.text(max_size=4) | YAMLISH)
def test_no_edit_of_a_valid_file_makes_a_traceback(
    write: Write, at: int, length: int, new: str
) -> None:
    edited = SWEPT[:at] + new + SWEPT[at + length :]
    only_user_errors(write(edited.encode("utf-8", "surrogatepass")))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["none", "3", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["network.auxiliary", "control", "x"]), inner, max_size=2)
    ),
)
SPOTS = ["name", "seeds", "defaults", "sweep", "arms", "statistics", "arms.teacher", "data_folder"]
SPOTS += [f"arms.same-aux.{name}" for name in [*Arm.model_fields, "sweep"]]
SPOTS += ["defaults.sweep", "defaults.network", "arms.same-aux.network.hidden", "observation"]
SPOTS += ["arms.same-aux.distillation.logits", "arms.same-aux.distillation.liminal", "description"]


@settings(FILES, max_examples=200)
@given(spot=st.sampled_from(SPOTS), value=JSON)
def test_no_value_anywhere_makes_a_traceback(write: Write, spot: str, value: Any) -> None:
    data = YAML(typ="safe", pure=True).load(SWEPT)
    *sections, last = spot.split(".")
    reduce(lambda section, name: section.setdefault(name, {}), sections, data)[last] = value
    only_user_errors(write(json.dumps(data)))
    only_user_errors(write(SWEPT), f"{spot}={json.dumps(value)}")


@FILES
@given(override=st.text(max_size=30) | st.builds("{}={}".format, st.sampled_from(SPOTS), YAMLISH))
def test_no_override_makes_a_traceback(write: Write, override: str) -> None:
    only_user_errors(write(SWEPT), override)
