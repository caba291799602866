"""What stages took, beside what they were expected to take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from subliminal.cost import Cost
from subliminal.plan import Plan
from subliminal.stage import Stage, digest
from subliminal.store import MANIFEST, ArtifactManifest

_OF_MODELS = ("model", "student", "spellings")
"""Parameters that come from models' files, and are not known where the models are not."""


@dataclass(frozen=True)
class Measured:
    """A stage as it was expected, and as it was."""

    cost: Cost
    seconds: float
    """That a worker took."""
    tokens: float | None
    """Trained on, where the stage counts them."""


def measured(plan: Plan, store: Path) -> dict[str, list[Measured]]:
    """The stages of a plan that are in the folder of a store, by kind.

    Stages are told by what they do, so that those of another version of the code are found too.
    """
    found: dict[str, list[Measured]] = {stage.kind: [] for stage in plan.stages.values()}
    costs = {_name(stage): stage.cost for stage in plan.stages.values()}
    for manifest in _manifests(store):
        cost = costs.get(_name(manifest))
        if cost is not None:
            tokens = manifest.counts.get("tokens")
            found[manifest.kind].append(Measured(cost, manifest.wall_seconds, tokens))
    return {kind: stages for kind, stages in found.items() if stages}


def _manifests(store: Path) -> Iterator[ArtifactManifest]:
    for path in sorted((store / "artifacts").glob(f"*/{MANIFEST}")):
        yield ArtifactManifest.model_validate_json(path.read_bytes())


def _name(stage: Stage | ArtifactManifest) -> tuple[str, int, str]:
    """What a stage does, whichever version of the code does it."""
    params = {name: value for name, value in stage.params.items() if name not in _OF_MODELS}
    return stage.kind, stage.seed, digest(params)
