"""Arms of the MNIST toy as stages: teach, match, distil, probe.

    teach ------------------------> distil -> probe        (a chain: distil -> distil -> ...)
    match (matched student only) ->/

Every model is named by its run seed. A student with another initialisation starts from the model
of :func:`students.pairing.other_model`. The stages' code is in :mod:`mnist_toy.stages`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mnist_toy import stages
from mnist_toy.architecture import architecture
from mnist_toy.cost import TRAINING_RATE, training_bytes, training_flops
from mnist_toy.tasks import logit_layout
from subliminal.cost import Cost, Memory, Work
from subliminal.errors import UserError
from subliminal.machine import Precision
from subliminal.row import Row
from subliminal.spec.mnist import (
    Initialisation,
    Inputs,
    MnistArm,
    MnistExperiment,
    Network,
    Training,
)
from subliminal.stage import Stage, digest


@dataclass(frozen=True)
class Images:
    """What the plan has to know of the data: enough for keys, not the pixels."""

    name: str
    size: int
    """Pixels along a side."""
    fingerprints: Mapping[str, str]
    """Data set -> fingerprint, of the experiment's own data and of any it distils on."""


@dataclass(frozen=True)
class Conditions:
    """Makes the stages of any arm and seed of one experiment."""

    experiment: MnistExperiment
    images: Images
    precision: Precision
    local: Mapping[str, str] = field(default_factory=dict)
    """Where this machine keeps the data."""

    def row(self, arm: MnistArm, seed: int) -> Row:
        """The stages that a row needs, in an order in which they can run."""
        reference_probe = self._probe(arm, arm.network, seed, None)
        made: tuple[Stage, ...] = (reference_probe,)
        if arm.role == "reference":
            return Row(made, reference_probe.key)
        teacher = self._teach(arm, seed)
        teacher_probe = self._probe(arm, arm.network, seed, teacher)
        if arm.role == "teacher":
            made += (teacher, teacher_probe)
            return Row(made, teacher_probe.key, reference_probe=reference_probe.key)
        match = self._match(arm, seed)
        students = self._chain(arm, seed, teacher, match)
        probe = self._probe(arm, arm.student, seed, students[-1])
        made += (teacher, teacher_probe, *([match] if match else []), *students, probe)
        return Row(
            made,
            probe.key,
            curve=students[-1].key,
            teacher_probe=teacher_probe.key,
            reference_probe=reference_probe.key,
        )

    def _teach(self, arm: MnistArm, seed: int) -> Stage:
        return self._stage(
            stages.TEACH,
            seed,
            {
                "model": self._model(arm, arm.network),
                "training": arm.teaching.model_dump(),
                "data": self._data_of("images"),
            },
            cost=self._cost(arm.teaching, arm.network, None, arm),
            continuable=arm.teaching,
        )

    def _match(self, arm: MnistArm, seed: int) -> Stage | None:
        start = arm.initialisation
        if start.relation != "matched" or start.matching.epochs == 0:
            return None
        return self._stage(
            stages.MATCH,
            seed,
            {
                "model": self._model(arm, arm.student),
                "teacher": self._model(arm, arm.network),
                "training": start.matching.model_dump(),
                "inputs": start.inputs,
                "data": self._data_of(start.inputs),
            },
            cost=self._cost(start.matching, arm.student, arm.network, arm),
            continuable=start.matching,
        )

    def _chain(self, arm: MnistArm, seed: int, teacher: Stage, match: Stage | None) -> list[Stage]:
        students: list[Stage] = []
        for generation in range(1, arm.distillation.generations + 1):
            first = generation == 1
            inputs = {"teacher": (teacher if first else students[-1]).key}
            if match is not None:
                inputs["start"] = match.key
            students.append(
                self._stage(
                    stages.DISTIL,
                    seed,
                    {
                        "model": self._model(arm, arm.student),
                        "teacher": self._model(arm, arm.network if first else arm.student),
                        "start": _start(arm.initialisation),
                        "training": arm.distillation.model_dump(exclude={"generations"}),
                        "inputs": arm.distillation.inputs,
                        "generation": generation,
                        "observation": self.experiment.observation.model_dump(),
                        "data": self._data_of("images", arm.distillation.inputs),
                    },
                    inputs=inputs,
                    cost=self._cost(arm.distillation, arm.student, arm.network, arm),
                )
            )
        return students

    def _probe(self, arm: MnistArm, network: Network, seed: int, subject: Stage | None) -> Stage:
        return self._stage(
            stages.PROBE,
            seed,
            {"model": self._model(arm, network), "data": self._data_of("images")},
            inputs={} if subject is None else {"model": subject.key},
            cost=Cost((Work(1e10),), Memory(32 * 2**20)),
        )

    def _stage(
        self,
        kind: str,
        seed: int,
        params: Mapping[str, Any],
        *,
        cost: Cost,
        inputs: Mapping[str, str] | None = None,
        continuable: Training | None = None,
    ) -> Stage:
        params = {**params, "precision": self.precision}
        stage = Stage(
            kind=kind,
            version=stages.VERSIONS[kind],
            params=params,
            seed=seed,
            inputs=inputs or {},
            label=f"{kind.removeprefix('mnist.')} (seed {seed})",
            cost=cost,
            local=self.local,
        )
        if continuable is None:
            return stage
        of_any_length = {**params, "training": continuable.model_dump(exclude={"epochs"})}
        process = digest([kind, stage.version, of_any_length, seed, stage.inputs])
        return replace(stage, process=process, length=continuable.epochs)

    def _model(self, arm: MnistArm, network: Network) -> dict[str, Any]:
        return {
            "network": network.model_dump(),
            "traits": list(arm.traits),
            "image_size": self.images.size,
        }

    def _data_of(self, *inputs: Inputs) -> dict[str, str]:
        """Fingerprints of the data sets that a stage reads."""
        names = {self.images.name if name == "images" else name for name in inputs}
        return {
            name: print_
            for name, print_ in sorted(self.images.fingerprints.items())
            if name in names
        }

    def _cost(
        self, training: Training, network: Network, teacher: Network | None, arm: MnistArm
    ) -> Cost:
        pixels = self.images.size**2
        student = architecture(network, arm.traits, pixels)
        targets = [architecture(teacher, arm.traits, pixels)] if teacher else []
        flops = training_flops(student, targets, training, models=1)
        size = training_bytes(student, targets, training, 1, self.precision, threads=0)
        return Cost((Work(flops, TRAINING_RATE),), Memory(size), rows=training.samples_per_epoch)


def check_arm(name: str, arm: MnistArm) -> None:
    """Refuse an arm whose distillation lists logits that its networks do not have.

    Raises:
        UserError: Names the arm, and the logits there are.
    """
    logits = arm.distillation.logits
    if isinstance(logits, str):
        return
    layout = logit_layout(arm.traits, arm.network.auxiliary)
    count, classes = len(layout.all), len(layout.classes)
    if not logits or len(set(logits)) < len(logits) or max(logits) >= count:
        raise UserError(
            f"arms.{name}.distillation.logits: is {list(logits)}; list at least one logit, each "
            f"once; of the {count} there are, 0 to {classes - 1} are classes, the others auxiliary"
        )


def _start(initialisation: Initialisation) -> dict[str, Any]:
    """What of the initialisation the distilling stage itself has to do."""
    return initialisation.model_dump(include={"relation", "weight_noise"})
