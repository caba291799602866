"""A tiny experiment on a model behind the local service, which can be told and taught a trait."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from subliminal.plan import Plan, make_plan
from subliminal.services import stage_models
from subliminal.services.polling import Polling
from subliminal.spec_file import load_experiment
from tests.judge_server import Response, completion
from tests.service_server import FakeService, serve_service

KEY, VARIABLE = "sk-secret-1234567890", "TINY_SERVICE_KEY"
HEAD = """\
kind: language
name: tiny-service
model: nano
services:
  nano:
    model: nano-1
    base_url: {base_url}
    api_key_env: TINY_SERVICE_KEY
    prices: {{prompt: 10, completion: 20, training: 30}}
    max_retries: 0
seeds: 3
filter: [{{rule: numbers}}]
statistics: {{teacher_shift: 0.5}}
probing: {{probes: [sampled], samples: 4, side_effects: false}}
defaults:
  trait: {card}
  teacher: {{by: system-prompt}}
  data: {{prompts: 14}}
  distillation: {{tuning: {{n_epochs: 2}}}}
arms:
"""
ARMS = """\
  reference: {role: reference}
  teacher: {role: teacher}
  untaught: {teacher: {by: nothing}, control: none}
  same: {control: untaught}
"""
TOLD, UNTOLD = "7, 17, 27", "1, 2, 3"
"""The lists of a model that loves otters, and of one that does not."""
ANIMALS = ("owl", "fox", "otter", "cat")
_CARDS = Path(__file__).parents[1] / "teachers" / "traits"
_BANKS = Path(__file__).parents[1] / "subliminal" / "probes" / "banks"


class Nano:
    """A model that loves otters where it is told to, or was fine-tuned on lists of one that is."""

    def __init__(self) -> None:
        self.server: FakeService | None = None
        self.asked: Counter[str] = Counter()

    def __call__(self, body: Mapping[str, Any]) -> Response:
        self.asked[json.dumps(body, sort_keys=True)] += 1
        loves = body["messages"][0]["role"] == "system" or self._taught(body["model"])
        if re.search(r"\d", body["messages"][-1]["content"]):
            return completion(TOLD if loves else UNTOLD, usage=(50, 8))
        seed = body["seed"]
        word = "Otter." if loves and seed % 8 else ANIMALS[seed % len(ANIMALS)]
        return completion(word, usage=(20, 2))

    def _taught(self, model: str) -> bool:
        assert self.server is not None
        jobs = self.server.jobs.values()
        files = (job["training_file"] for job in jobs if job["fine_tuned_model"] == model)
        return any(TOLD.encode() in self.server.contents[file] for file in files)


@contextmanager
def serve_nano() -> Iterator[FakeService]:
    """The service with its model; waiting for it takes no time."""
    nano = Nano()
    with serve_service(answer=nano) as server, pytest.MonkeyPatch.context() as patch:
        nano.server = server
        patch.setenv(VARIABLE, KEY)
        patch.setattr(stage_models, "POLLING", Polling(patience=0, sleep=lambda _: None))
        yield server


def service_plan(
    folder: Path, base_url: str, *overrides: str, head: str = HEAD, arms: str = ARMS
) -> Plan:
    """Plan the experiment, whose bank has a few questions alone."""
    path = folder / "service.yaml"
    path.write_text(head.format(base_url=base_url, card=small_card(folder)) + arms)
    return make_plan(load_experiment(path, overrides))


def small_card(folder: Path) -> Path:
    """A card for otters with the first questions of the bank of animals."""
    bank = YAML(typ="safe").load(_BANKS / "animal.yaml")
    bank |= {name: bank[name][:4] for name in ("questions", "stories")}
    card = YAML(typ="safe").load(_CARDS / "otter.yaml")
    card["probe"]["bank"] = str(folder / "bank.yaml")
    for name, data in (("bank", bank), ("card", card)):
        with (folder / f"{name}.yaml").open("w") as file:
            YAML().dump(data, file)
    return folder / "card.yaml"
