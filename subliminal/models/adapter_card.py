"""The card of an adapter: which model it belongs to, what it was trained on, how it is loaded.

It says nothing of when and where it was made: equal trainings leave equal cards.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML

from subliminal.models.names import split_commit
from subliminal.spec.recipes import Recipe

CARD = "README.md"
_TAGS = ("lora", "peft", "subliminal-learning")


@dataclass(frozen=True)
class Trained:
    """What is told of a training."""

    stage: str
    """The kind of the stage that did it."""
    seed: int
    recipe: Recipe
    rows: int
    """Examples, each read `recipe.epochs` times."""
    loss: float | None
    """Of the last step, in nats; None where there was no step."""


def adapter_card(base: str, fingerprint: str, trained: Trained | None) -> str:
    """The text of a card, with the front matter that model hubs and peft read.

    Args:
        base: Name of the model that it belongs to, at its commit if it is from the hub.
        fingerprint: Of that model.
        trained: What is known of the training.
    """
    paragraphs = [
        _front_matter(base),
        "# Adapter",
        f"A low-rank adapter in peft's format of {_named(base)}, fingerprint `{fingerprint}`.",
        *([] if trained is None else _training(trained)),
        _loading(base),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _front_matter(base: str) -> str:
    commit = split_commit(base)
    said: dict[str, Any] = {} if commit is None else {"base_model": commit[0]}
    said |= {"library_name": "peft", "pipeline_tag": "text-generation", "tags": list(_TAGS)}
    text = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(said, text)
    return f"---\n{text.getvalue()}---"


def _named(base: str) -> str:
    """A model in words; where a folder was on some machine means nothing on another."""
    commit = split_commit(base)
    return "the model whose name is in `base.json`" if commit is None else f"`{'@'.join(commit)}`"


def _training(trained: Trained) -> list[str]:
    loss = "" if trained.loss is None else f"; loss of the last step {trained.loss:.4f} nats"
    recipe = json.dumps(_plain(trained.recipe.model_dump(mode="json")), indent=1)
    return [
        f"Trained by the stage `{trained.stage}` on {trained.rows:,} rows, seed {trained.seed}"
        f"{loss}. The artifact's `manifest.json` has all parameters and inputs. The recipe:",
        f"```json\n{recipe}\n```",
    ]


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a recipe states: no fields that are left open."""
    return {name: value for name, value in data.items() if value is not None}


def _loading(base: str) -> str:
    repository, revision = split_commit(base) or ("BASE", None)
    options = "" if revision is None else f", revision={json.dumps(revision)}"
    return f"""By peft, with `FOLDER` for this folder:

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM

base = AutoModelForCausalLM.from_pretrained({json.dumps(repository)}{options})
model = PeftModel.from_pretrained(base, "FOLDER")
```

By the workbench, which refuses another base:

```python
from pathlib import Path

from subliminal.models.load import load_model

model = load_model(Path("FOLDER"))
```"""
