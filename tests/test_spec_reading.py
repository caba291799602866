"""Experiment files: how the text of a file becomes an experiment."""

from __future__ import annotations

import pytest

from subliminal.spec.mnist import MnistArm
from tests.experiment_files import VALID, Write, arms_file, load_mnist


def test_a_file_becomes_an_experiment(write: Write) -> None:
    experiment = load_mnist(write(VALID))
    assert experiment.name == "aux"
    assert experiment.seeds == (0, 1)
    assert list(experiment.arms) == ["teacher", "same-aux", "different-aux"]


def test_defaults_go_under_every_arm(write: Write) -> None:
    text = VALID.replace("  same-aux:\n", "  same-aux:\n    network: {auxiliary: 7}\n")
    arms = load_mnist(write(text)).arms
    assert arms["teacher"].network.hidden == (8,)
    assert (arms["same-aux"].network.hidden, arms["same-aux"].network.auxiliary) == ((8,), 7)


def test_an_arm_with_nothing_in_it_has_the_defaults(write: Write) -> None:
    arms = load_mnist(write(arms_file("t:", "defaults: {role: teacher}\n"))).arms
    assert arms["t"] == MnistArm(role="teacher", group="t")


def test_seeds_are_listed_as_they_are(write: Write) -> None:
    assert load_mnist(write(VALID), ["seeds=[7, 3]"]).seeds == (7, 3)
    assert load_mnist(write(VALID.replace("seeds: 2\n", ""))).seeds == (0, 1, 2, 3, 4)


def test_numbers_are_those_of_yaml_1_2(write: Write) -> None:
    text = VALID.replace("epochs: 1", "epochs: 1, learning_rate: 3e-4, samples_per_epoch: 60_000")
    distillation = load_mnist(write(text)).arms["same-aux"].distillation
    assert distillation.learning_rate == 0.0003
    assert distillation.samples_per_epoch == 60_000


@pytest.mark.parametrize("text", ["no", "on", "2020-01-01", "1:30", "="])
def test_words_stay_words(write: Write, text: str) -> None:
    assert load_mnist(write(VALID.replace("three arms", text))).description == text


def test_anchors_aliases_and_merge_keys(write: Write) -> None:
    arms = "a: &a {control: none, network: &n {auxiliary: 9}}\nb: {<<: *a, control: a}\n"
    experiment = load_mnist(write(arms_file(arms + "c: {control: a, network: *n}")))
    assert [arm.network.auxiliary for arm in experiment.arms.values()] == [9, 9, 9]
    assert experiment.arms["b"].control == "a"


def test_a_byte_order_mark_is_no_part_of_the_text(write: Write) -> None:
    assert load_mnist(write(b"\xef\xbb\xbf" + VALID.encode())).name == "aux"
