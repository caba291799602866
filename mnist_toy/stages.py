"""The stages of the MNIST toy: what a worker does with a lot of models of one condition.

    mnist.teach   the untrained model learns its traits from images
    mnist.match   another model learns to behave as the untrained teacher
    mnist.distil  a student learns some of the teacher's logits
    mnist.probe   any model is tested on every test image

Artifacts hold `model.safetensors` (the parameters as one flat vector, laid out by
:mod:`mnist_toy.architecture`), a distilled student also its curve, a probe its measurements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from mnist_toy import objectives
from mnist_toy.architecture import (
    Architecture,
    architecture,
    initial,
    with_head_of,
    with_weight_noise,
)
from mnist_toy.data import DataName, ImageData, find_data
from mnist_toy.inputs import Images, Inputs
from mnist_toy.lot import Lot, train_lot
from mnist_toy.models import load_model
from mnist_toy.noise import noise
from mnist_toy.objectives import Frozen, Objective
from mnist_toy.observer import StudentObserver, log_steps
from mnist_toy.probe import measure
from mnist_toy.schedule import total_steps
from mnist_toy.tasks import LogitLayout, logit_layout
from students.pairing import other_model
from subliminal import machine
from subliminal.errors import StageError
from subliminal.measurements import write_measurements
from subliminal.seeds import derive_seed
from subliminal.spec.mnist import Distillation, Network, Observation, Teaching, Training
from subliminal.spec.mnist import Inputs as InputsName
from subliminal.stage import Done, Failed, Reporter, StageKind, Task

TEACH, MATCH, DISTIL, PROBE = "mnist.teach", "mnist.match", "mnist.distil", "mnist.probe"
VERSIONS: Mapping[str, int] = {TEACH: 1, MATCH: 1, DISTIL: 1, PROBE: 1}
"""Raise a stage's number with every change of its code that changes its results."""
MODELS_AT_ONCE = 100


@dataclass(frozen=True)
class Model:
    """A model as stage parameters describe it."""

    architecture: Architecture
    layout: LogitLayout

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Model:
        network = Network.model_validate(params["network"])
        pixels = params["image_size"] ** 2
        return cls(
            architecture(network, params["traits"], pixels),
            logit_layout(params["traits"], network.auxiliary),
        )

    def initial(self, seeds: Sequence[int]) -> Tensor:
        """The untrained models of these run seeds."""
        return initial(self.architecture, [derive_seed(s, "initialisation") for s in seeds])

    def columns(self, logits: str | Sequence[int]) -> Sequence[int]:
        """The logits that a distillation compares."""
        if isinstance(logits, str):
            named = {"auxiliary": self.layout.auxiliary, "all": self.layout.all}
            return named.get(logits, self.layout.classes)
        return logits


def teach(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Teach untrained models their traits."""
    params, data = tasks[0].stage.params, _data(tasks)
    model = Model.of(params["model"])
    recipe = Teaching.model_validate(params["training"])
    seeds = _seeds(tasks)
    streams = _streams(seeds, "teaching")
    lot = Lot(
        tasks=tasks,
        architecture=model.architecture,
        start=model.initial(seeds),
        recipe=recipe,
        objective=lambda _: objectives.teach(model.layout),
        inputs=_image_streams(data, streams),
        precision=params["precision"],
        freeze_head=recipe.freeze_head,
    )
    yield from train_lot(lot, report)


def match(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Train other models to behave as the untrained teachers, before these are taught."""
    params = tasks[0].stage.params
    student, teacher = Model.of(params["model"]), Model.of(params["teacher"])
    seeds = _seeds(tasks)
    untrained = teacher.initial(seeds)
    lot = Lot(
        tasks=tasks,
        architecture=student.architecture,
        start=student.initial([other_model(seed) for seed in seeds]),
        recipe=Training.model_validate(params["training"]),
        objective=lambda chosen: objectives.resemble(
            Frozen(teacher.architecture, untrained[list(chosen)]), student.layout.all
        ),
        inputs=_inputs(tasks, params["inputs"], _streams(seeds, "matching")),
        precision=params["precision"],
    )
    yield from train_lot(lot, report)


def distil(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Distil teachers into students, watching accuracy and alignment."""
    params, data = tasks[0].stage.params, _data(tasks)
    student, teacher = Model.of(params["model"]), Model.of(params["teacher"])
    recipe = Distillation.model_validate(params["training"])
    seeds = _seeds(tasks)
    start = _student_start(tasks, student, teacher)
    taught = _load(tasks, "teacher")
    inputs = _inputs(tasks, params["inputs"], _streams(seeds, "distilling", params["generation"]))
    columns = student.columns(recipe.logits)

    def objective(chosen: Sequence[int]) -> Objective:
        target = Frozen(teacher.architecture, taught[list(chosen)])
        terms = objectives.resemble(target, columns)
        if recipe.liminal is not None:
            reference = Frozen(student.architecture, start[list(chosen)])
            terms += objectives.liminal(recipe.liminal, reference, total_steps(recipe))
        return terms

    observation = Observation.model_validate(params["observation"])
    observer = StudentObserver(
        architecture=student.architecture,
        layout=student.layout,
        data=data,
        observation=observation,
        start=start,
        teacher_shift=_teacher_shift(params, student, teacher, seeds, taught),
        trait_streams=_streams(seeds, "observing"),
        precision=params["precision"],
    )
    lot = Lot(
        tasks=tasks,
        architecture=student.architecture,
        start=start,
        recipe=recipe,
        objective=objective,
        inputs=inputs,
        precision=params["precision"],
        freeze_head=recipe.freeze_head,
        observer=observer,
        observe_steps=log_steps(total_steps(recipe), observation.points),
    )
    yield from train_lot(lot, report)


def probe(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Test models on every test image; a stage without an input probes the untrained model."""
    params, data = tasks[0].stage.params, _data(tasks)
    model = Model.of(params["model"])
    trained = "model" in tasks[0].inputs
    parameters = _load(tasks, "model") if trained else model.initial(_seeds(tasks))
    measured = measure(model.architecture, model.layout, parameters, data)
    for task, rows in zip(tasks, measured, strict=True):
        write_measurements(task.folder, rows)
        yield Done(task.stage.key)
    report(1, 1)


KINDS = tuple(
    StageKind(name, VERSIONS[name], run, MODELS_AT_ONCE)
    for name, run in ((TEACH, teach), (MATCH, match), (DISTIL, distil), (PROBE, probe))
)


def _student_start(tasks: Sequence[Task], student: Model, teacher: Model) -> Tensor:
    """Where the students start, float32 [models, parameters]."""
    start, seeds = tasks[0].stage.params["start"], _seeds(tasks)
    if "start" in tasks[0].inputs:
        parameters = _load(tasks, "start")
    elif start["relation"] == "same":
        parameters = student.initial(seeds)
    else:
        parameters = student.initial([other_model(seed) for seed in seeds])
    if start["relation"] == "shared-head":
        parameters = with_head_of(
            student.architecture, parameters, teacher.architecture, teacher.initial(seeds)
        )
    if start["weight_noise"] > 0:
        streams = _streams(seeds, "weight-noise")
        parameters = with_weight_noise(
            student.architecture, parameters, start["weight_noise"], streams
        )
    return parameters


def _teacher_shift(
    params: Mapping[str, Any],
    student: Model,
    teacher: Model,
    seeds: Sequence[int],
    taught: Tensor,
) -> Tensor | None:
    """How the teacher moved from the untrained model; None where students cannot be compared."""
    first = params["generation"] == 1 or params["start"]["relation"] == "same"
    if student.architecture != teacher.architecture or not first:
        return None
    return taught - teacher.initial(seeds)


def _inputs(
    tasks: Sequence[Task], name: InputsName, streams: Sequence[int]
) -> Callable[[Sequence[int]], Inputs]:
    """Streams of what the students are shown, for chosen models of the lot."""
    pixels = tasks[0].stage.params["model"]["image_size"] ** 2
    if name == "images" or name == tasks[0].stage.local["data"]:
        return _image_streams(_data(tasks), streams)
    if name == "fashion-mnist":
        return _image_streams(_find(tasks, "fashion-mnist", None), streams)
    return lambda chosen: noise(name, pixels, [streams[i] for i in chosen])


def _image_streams(data: ImageData, streams: Sequence[int]) -> Callable[[Sequence[int]], Inputs]:
    device = machine.device()
    images, labels = data.train_images.to(device), data.train_labels.to(device)
    return lambda chosen: Images(images, labels, [streams[i] for i in chosen])


def _data(tasks: Sequence[Task]) -> ImageData:
    """The experiment's data, which the plan has already found once."""
    local = tasks[0].stage.local
    folder = Path(local["folder"]) if "folder" in local else None
    return _find(tasks, cast(DataName, local["data"]), folder)


def _find(tasks: Sequence[Task], name: DataName, folder: Path | None) -> ImageData:
    stage = tasks[0].stage
    data = find_data(name, folder=folder, download=False, verify=stage.local["verify"] == "yes")
    if data.fingerprint != stage.params["data"][name]:
        raise StageError(f"data {name}: changed since the run was planned; run again")
    return data


def _load(tasks: Sequence[Task], role: str) -> Tensor:
    return torch.stack([load_model(task.inputs[role]) for task in tasks])


def _seeds(tasks: Sequence[Task]) -> list[int]:
    return [task.stage.seed for task in tasks]


def _streams(seeds: Sequence[int], *names: object) -> list[int]:
    return [derive_seed(seed, *map(str, names)) for seed in seeds]
