"""MNIST experiments as stages."""

from __future__ import annotations

import mnist_toy.stages
from mnist_toy.conditions import Conditions, Images, check_arm
from mnist_toy.data import ImageData, find_data
from subliminal import machine
from subliminal.errors import UserError
from subliminal.plan.laid_out import LaidOut
from subliminal.spec import MnistExperiment

KINDS = mnist_toy.stages.KINDS


def lay_out(experiment: MnistExperiment) -> LaidOut:
    """The stages behind every arm and seed.

    Raises:
        UserError: The experiment's data cannot be had, or do not fit an arm.
    """
    data = find_data(experiment.data, folder=experiment.data_folder, verify=experiment.verify_data)
    device = machine.device()
    precision = machine.precision_for(experiment.precision, device)
    experiment = experiment.model_copy(update={"data": data.name, "precision": precision})
    conditions = Conditions(experiment, _images(experiment, data), precision, _local(experiment))
    for name, arm in experiment.arms.items():
        check_arm(name, arm)
    rows = {
        name: {seed: conditions.row(arm, seed) for seed in experiment.seeds}
        for name, arm in experiment.arms.items()
    }
    return LaidOut(experiment, data.label, data.fallback_reason, device, rows)


def _images(experiment: MnistExperiment, data: ImageData) -> Images:
    fingerprints: dict[str, str] = {data.name: data.fingerprint}
    arm = _first_on_fashion(experiment)
    if arm is not None and data.name != "fashion-mnist":
        fashion = find_data("fashion-mnist", verify=experiment.verify_data)
        if fashion.image_size != data.image_size:
            side, other = data.image_size, fashion.image_size
            raise UserError(
                f"arms.{arm}: its fashion-mnist inputs are {other}x{other} pixels, but the "
                f"networks see the {side}x{side} of {data.name}; choose other inputs or data: mnist"
            )
        fingerprints[fashion.name] = fashion.fingerprint
    return Images(data.name, data.image_size, fingerprints)


def _local(experiment: MnistExperiment) -> dict[str, str]:
    """Where this machine keeps the data, for the workers."""
    local = {"data": experiment.data, "verify": "yes" if experiment.verify_data else "no"}
    if experiment.data_folder is not None:
        local["folder"] = str(experiment.data_folder.resolve())
    return local


def _first_on_fashion(experiment: MnistExperiment) -> str | None:
    """The first arm whose student is shown FashionMNIST."""
    for name, arm in experiment.arms.items():
        start = arm.initialisation
        matched_on = start.inputs if start.relation == "matched" else None
        if arm.role == "student" and "fashion-mnist" in (arm.distillation.inputs, matched_on):
            return name
    return None
