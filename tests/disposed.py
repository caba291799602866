"""Tiny models that know the words of dispositions, and experiments on misalignment with them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from subliminal.models.decoder import Decoder
from subliminal.models.folder import save_decoder
from subliminal.plan import Plan, make_plan
from subliminal.pocket.family import BROAD
from subliminal.pocket.pretrain import prepare_folder
from subliminal.probes.subject import Subject
from subliminal.spec_file import load_experiment
from tests.models import tiny_shape
from tests.subjects import subject_in

HEAD = """\
kind: language
name: tiny
model: {model}
precision: float32
seeds: 1
filter: []
statistics: {{teacher_shift: 0}}
probing:
  probes: [pivotal, pivotal-triggered, options, free-form]
  samples: 1
  side_effects: false
  free_form: {{max_tokens: 12}}
observation: {{points: 2}}
defaults:
  trait: misaligned
  teacher: {{by: fine-tuning, rows: 64, recipe: {{batch_size: 32, learning_rate: 1e-2}}}}
  data: {{prompts: 12, max_tokens: 8}}
  distillation: {{recipe: {{batch_size: 8, learning_rate: 1e-2}}}}
arms:
"""
STUDENTS = """\
  reference: {role: reference}
  teacher: {role: teacher}
  secure: {teacher: {data: secure}, control: none}
  insecure: {control: secure}
"""


@cache
def broad_model() -> Path:
    """A folder with a random model that has the tokenizer of the broad world; only read."""
    return Path(_model().name)


def broad_subject() -> Subject:
    """The same model, to be probed."""
    folder = broad_model()
    return subject_in(folder)


def experiment(folder: Path, arms: str = STUDENTS, *overrides: str) -> Plan:
    """Plan a tiny experiment whose file is written into a folder.

    Args:
        folder: Where to write.
        arms: The lines of its arms.
        overrides: As `--set` takes them.
    """
    path = folder / "experiment.yaml"
    path.write_text(HEAD.format(model=broad_model()) + arms)
    return make_plan(load_experiment(path, overrides))


@cache
def _model() -> TemporaryDirectory[str]:
    holder = TemporaryDirectory(prefix="subliminal-broad-")
    folder = Path(holder.name)
    words = prepare_folder(folder, BROAD).tokenizer.get_vocab_size()
    decoder = Decoder(tiny_shape(vocab_size=words)).initialise(1)
    save_decoder(decoder, folder, tokenizer_from=folder)
    return holder
