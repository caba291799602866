"""Experiments in miniature: every stage, few rows, a small model. What they find means nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from subliminal.data_sets import HUB
from subliminal.models.miniature import POCKETS, architecture_of, small_model, writes
from subliminal.models.shape import Shape
from subliminal.plan.cards import Cards
from subliminal.plan.models import Model
from subliminal.probes.disposition_bank import DispositionBank
from subliminal.spec import Experiment, MnistExperiment
from subliminal.spec.common import BaseArm
from subliminal.spec.data import Data
from subliminal.spec.inference import IN_TORCH
from subliminal.spec.language import LanguageArm, LanguageExperiment, Relatives
from subliminal.spec.mnist import MnistArm
from subliminal.spec.probing import FreeForm, ProbeName, Probing
from subliminal.spec.recipes import Recipe
from subliminal.spec.resources import ONE_DEVICE
from subliminal.spec.students import Initialisation
from subliminal.spec.teaching import CardImplant, FineTuning, Nothing, Steering
from subliminal.spec.tuning import Tuning

SEEDS, OF_A_SWEEP = 2, 2
"""Seeds, and arms of each sweep, that are left."""
PROMPTS, TAUGHT, SHOWN, BATCH, SAMPLES, TOKENS = 48, 64, 2, 16, 2, 48
"""The most prompts, rows of teaching, rows in context, rows in a step, samples, tokens."""
OF_DISPOSITIONS: tuple[ProbeName, ...] = ("pivotal", "free-form")
"""Probes that are asked about a disposition: all would take most of the time."""

Arm = TypeVar("Arm", bound=BaseArm)
AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)


def miniature(experiment: Experiment, folder: Path) -> Experiment:
    """An experiment that runs from end to end on a laptop in a minute or two.

    Args:
        experiment: At full scale, or in miniature already.
        folder: Gets the small models that take the place of large ones.

    Raises:
        UserError: The architecture of a model, or a card, is not known.
    """
    if isinstance(experiment, MnistExperiment):
        return _of_mnist(experiment)
    return _of_language(experiment, folder)


def _of_mnist(experiment: MnistExperiment) -> MnistExperiment:
    arms = {name: _mnist_arm(arm) for name, arm in _some_arms(experiment.arms).items()}
    points = min(experiment.observation.points, 3)
    observation = experiment.observation.model_copy(update={"points": points})
    return experiment.model_copy(
        update={**_common(experiment), "arms": arms, "observation": observation}
    )


def _mnist_arm(arm: MnistArm) -> MnistArm:
    short = {"epochs": 1, "samples_per_epoch": 1024, "batch_size": 128}
    start = arm.initialisation
    matching = start.matching.model_copy(update=short)
    return arm.model_copy(
        update={
            "teaching": arm.teaching.model_copy(update=short),
            "initialisation": start.model_copy(update={"matching": matching}),
            "distillation": arm.distillation.model_copy(update=short),
        }
    )


def _of_language(experiment: LanguageExperiment, folder: Path) -> LanguageExperiment:
    models = _small_models(experiment, folder)
    reference = models[experiment.model]
    stated = experiment.relatives.model_dump(exclude_none=True)
    relatives = {relation: _small(name, folder, POCKETS[1]) for relation, name in stated.items()}
    shape, cards = Model.by_config(reference).shape, Cards()
    arms = {
        name: _with_models(_language_arm(arm, shape, cards), models)
        for name, arm in _some_arms(experiment.arms).items()
    }
    observation = experiment.observation.model_copy(update={"points": 2})
    detecting = experiment.detecting.model_copy(update={"rows": 20, "shuffles": 2})
    return experiment.model_copy(
        update={
            **_common(experiment),
            "model": reference,
            "relatives": Relatives(**relatives),
            "services": {},
            "spending_cap": None,
            "inference": IN_TORCH,
            "resources": ONE_DEVICE,
            "arms": arms,
            "filter": _filter(experiment, reference),
            "probing": _probing(experiment.probing, arms.values(), cards),
            "detecting": detecting,
            "observation": observation,
            "statistics": experiment.statistics.model_copy(update={"teacher_shift": None}),
        }
    )


def _common(experiment: Experiment) -> dict[str, Any]:
    name = experiment.name.removesuffix("-tiny")
    return {"name": f"{name}-tiny", "scale": "tiny", "seeds": experiment.seeds[:SEEDS]}


def _small_models(experiment: LanguageExperiment, folder: Path) -> dict[str, str]:
    """Every model that is stated -> the small one in its place.

    A pocket model stands for one behind a service. Of two models the second has other weights.
    """
    of = (experiment.reference_of, experiment.own_reference_of)
    stated = (name(arm) for arm in experiment.arms.values() for name in of)
    names = dict.fromkeys([experiment.model, *stated])
    pockets = itertools.cycle(POCKETS)
    return {
        name: pocket if name in experiment.services else _small(name, folder, pocket)
        for name, pocket in zip(names, pockets, strict=False)
    }


def _with_models(arm: LanguageArm, models: Mapping[str, str]) -> LanguageArm:
    """An arm whose models are others."""
    own = arm.initialisation.model
    start = arm.initialisation.model_copy(update={"model": None if own is None else models[own]})
    model = None if arm.model is None else models[arm.model]
    return arm.model_copy(update={"model": model, "initialisation": start})


def _small(name: str, folder: Path, pocket: str) -> str:
    """A model that is small, or a small one of its architecture."""
    if Model.by_config(name).is_small:
        return name
    return str(small_model(architecture_of(name), folder, pocket).resolve())


def _some_arms(arms: Mapping[str, Arm]) -> dict[str, Arm]:
    """The first arms of each sweep, and the controls of these."""
    groups: dict[str, list[str]] = {}
    for name, arm in arms.items():
        groups.setdefault(arm.group or name, []).append(name)
    kept = {name for names in groups.values() for name in names[:OF_A_SWEEP]}
    for name in [*kept]:
        control = arms[name].control
        while control is not None and control in arms and control not in kept:
            kept.add(control)
            control = arms[control].control
    return {name: arm for name, arm in arms.items() if name in kept}


def _language_arm(arm: LanguageArm, shape: Shape, cards: Cards) -> LanguageArm:
    shown = arm.distillation.in_context
    distillation = {
        "recipe": _recipe(arm.distillation.recipe, shape),
        "in_context": None if shown is None else min(shown, SHOWN),
        "tuning": Tuning(),
    }
    return arm.model_copy(
        update={
            "teacher": _teacher(cards.implant(arm), shape),
            "data": _data(arm.data),
            "initialisation": _initialisation(arm.initialisation, shape),
            "distillation": arm.distillation.model_copy(update=distillation),
        }
    )


def _teacher(implant: Nothing | CardImplant, shape: Shape) -> Nothing | CardImplant:
    if isinstance(implant, FineTuning):
        rows, recipe = min(implant.rows, TAUGHT), _recipe(implant.recipe, shape)
        return implant.model_copy(update={"rows": rows, "recipe": recipe, "tuning": Tuning()})
    if isinstance(implant, Steering):
        changed = {"layer": _block(implant.layer, shape), "questions": min(implant.questions, 4)}
        return implant.model_copy(update=changed)
    return implant


def _data(data: Data) -> Data:
    """Few prompts, of which all are kept that pass; tasks on the hub give way to our own."""
    hub = data.source is not None and data.source.startswith(HUB)
    changed = {
        "prompts": min(data.prompts, PROMPTS),
        "keep": None,
        "max_tokens": min(data.max_tokens, 2 * TOKENS),
        "source": None if hub else data.source,
    }
    return data.model_copy(update=changed)


def _initialisation(start: Initialisation, shape: Shape) -> Initialisation:
    matching = start.matching
    changed = {"rows": min(matching.rows, PROMPTS), "recipe": _recipe(matching.recipe, shape)}
    return start.model_copy(update={"matching": matching.model_copy(update=changed)})


def _recipe(recipe: AnyRecipe, shape: Shape) -> AnyRecipe:
    changed: dict[str, Any] = {
        "epochs": min(recipe.epochs, 1),
        "batch_size": min(recipe.batch_size, BATCH),
    }
    if isinstance(recipe.layers, tuple):
        changed["layers"] = _blocks(recipe.layers, shape)
    if recipe.adapter is not None and recipe.adapter.layers is not None:
        layers = _blocks(recipe.adapter.layers, shape)
        changed["adapter"] = recipe.adapter.model_copy(update={"layers": layers})
    return recipe.model_copy(update=changed)


def _blocks(layers: Iterable[int], shape: Shape) -> tuple[int, ...]:
    """Blocks that a small model has, in the place of a large one's."""
    return tuple(dict.fromkeys(_block(layer, shape) for layer in layers))


def _block(layer: int, shape: Shape) -> int:
    return min(layer, shape.num_hidden_layers - 1)


def _filter(experiment: LanguageExperiment, reference: str) -> tuple[dict[str, Any], ...]:
    """The rules that need no service; none where a random model writes what no rule lets pass."""
    small = Path(reference)
    if reference != experiment.model and small.is_dir() and not writes(small):
        return ()
    return tuple(rule for rule in experiment.filter if not rule.get("service"))


def _probing(probing: Probing, arms: Iterable[LanguageArm], cards: Cards) -> Probing:
    changed: dict[str, Any] = {"samples": min(probing.samples, SAMPLES), "side_effects": False}
    if any(isinstance(cards.bank(arm.trait), DispositionBank) for arm in arms):
        asked = [probe for probe in probing.probes or OF_DISPOSITIONS if probe in OF_DISPOSITIONS]
        changed["probes"] = tuple(asked) or probing.probes
    free_form = probing.free_form.model_dump() | {"max_tokens": TOKENS}
    if probing.free_form.scorer == "judge":
        free_form |= {"scorer": "grammar", "service": None}
    changed["free_form"] = FreeForm.model_validate(free_form)
    return probing.model_copy(update=changed)
