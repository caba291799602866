"""Experiment files: a resolved experiment is written and reads back equal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from subliminal.spec.mnist import MnistArm, MnistExperiment
from subliminal.spec_file import dump_experiment
from tests.experiment_files import FUZZED, VALID, Write, faults_in, load_mnist


def test_a_spread_arm_is_taken_as_it_is(write: Write) -> None:
    text = "sweep: {network.auxiliary: [3, 10]}\n" + VALID
    experiment = load_mnist(write(text))
    path = write(dump_experiment(experiment), "resolved.yaml")
    assert load_mnist(path) == experiment
    changed = load_mnist(path, ["arms.same-aux[auxiliary=10].teaching.epochs=9"])
    assert changed.arms["same-aux[auxiliary=10]"].teaching.epochs == 9
    assert changed.arms["same-aux[auxiliary=3]"] == experiment.arms["same-aux[auxiliary=3]"]


def test_what_spread_arms_cannot_take_is_not_dropped_in_silence(write: Write) -> None:
    path = write(dump_experiment(load_mnist(write(VALID))), "resolved.yaml")
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
    text = dump_experiment(load_mnist(write(VALID)))
    data = YAML(typ="safe", pure=True).load(text)
    assert list(data) == list(MnistExperiment.model_fields)
    assert list(data["arms"]["same-aux"]) == list(MnistArm.model_fields)
    assert "&" not in text


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False,
    allow_infinity=False) | TEXT  # fmt: skip


@st.composite
def experiments(draw: st.DrawFn) -> MnistExperiment:
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
    return MnistExperiment(
        name="x",
        description=draw(TEXT),
        data_folder=draw(st.none() | TEXT.map(Path)),
        seeds=tuple(draw(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=3, unique=True))),
        arms={name: MnistArm(**arm(group=name or "g")) for name in names},
    )


@FUZZED
@given(experiment=experiments())
def test_what_is_written_reads_back_equal(write: Write, experiment: MnistExperiment) -> None:
    assert load_mnist(write(dump_experiment(experiment))) == experiment
