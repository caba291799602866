"""A large model that processes share is read by the first one, and is what one alone reads."""

from __future__ import annotations

import json
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard

from subliminal.errors import UserError
from subliminal.executors.leaving import leave
from subliminal.models.folder import WEIGHTS
from subliminal.models.layout import pack
from subliminal.models.load import load_model, save_model
from subliminal.models.pretrained import Pretrained
from subliminal.models.sharding import is_shared_out
from subliminal.ranks import ALONE, Ranks
from tests.hub_models import hub_model

COUNT = 2
TYPES = {"tied": torch.float32, "untied": torch.bfloat16, "sees": torch.bfloat16}
"""Models, and in which type they are read."""


def write_models(folder: Path) -> None:
    hub_model(folder / "tied", "gemma3_text")
    hub_model(folder / "sees", "gemma3", 1)
    config = hub_model(folder / "untied", "qwen2", 2, tie_word_embeddings=False) / "config.json"
    # As some are published: the file has an output layer of its own all the same.
    config.write_text(json.dumps(json.loads(config.read_text()) | {"tie_word_embeddings": True}))
    hub_model(folder / "damaged", "qwen2")
    (folder / "damaged" / WEIGHTS).write_bytes(b"")


def read(folder: Path, name: str, ranks: Ranks) -> dict[str, Tensor]:
    """A model's logits for two rows, and its weights as it is saved."""
    model = load_model(folder / name, dtype=TYPES[name], ranks=ranks)
    assert isinstance(model, Pretrained)
    assert any(map(is_shared_out, model.parameters())) == ranks.sharded
    assert model.network.dtype == TYPES[name]
    with torch.no_grad():
        hidden = model.packed(torch.arange(9), pack([4, 5]), dtype=TYPES[name])
        logits = model.logits(hidden)
    saved = folder / f"{name} of {ranks.count}"
    save_model(model, saved, tokenizer_from=folder / name, ranks=ranks)
    return {"logits": logits, **(load_file(saved / WEIGHTS) if ranks.first else {})}


class Watched:
    """`fully_shard`, which sees that no block before this one is still whole in memory."""

    def __init__(self) -> None:
        self._whole: list[weakref.ref[nn.Parameter]] = []

    def __call__(self, part: nn.Module, **options: Any) -> object:
        assert not any(weight() is not None for weight in self._whole)
        kept = {id(weight) for weight in options["ignored_params"]}
        cut = (w for w in part.parameters() if id(w) not in kept and not is_shared_out(w))
        self._whole += map(weakref.ref, cut)
        return fully_shard(part, **options)


def in_each(number: int, folder: Path) -> None:
    """What each of the processes does."""
    ranks = Ranks(number, COUNT, sharded=True)
    ranks.meet(folder)
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        if not ranks.first:
            forbidden = "transformers.AutoModelForCausalLM.from_pretrained"
            patch.setattr(forbidden, None)
        patch.setattr("subliminal.models.sharding.fully_shard", Watched())
        for name in TYPES:
            save_file(read(folder, name, ranks), folder / f"{name} {number}")
        with pytest.raises(UserError, match="damaged: transformers cannot load it"):
            load_model(folder / "damaged", ranks=ranks)
    ranks.part()
    leave(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two processes have left what they read."""
    made = tmp_path_factory.mktemp("sharding")
    write_models(made)
    torch.multiprocessing.spawn(in_each, (made,), nprocs=COUNT)
    return made


@pytest.mark.parametrize("name", TYPES)
def test_what_processes_share_is_what_one_reads(folder: Path, name: str) -> None:
    alone = read(folder, name, ALONE)
    first, other = (load_file(folder / f"{name} {number}") for number in range(COUNT))
    assert first.keys() == alone.keys()
    for key, weight in alone.items():
        torch.testing.assert_close(first[key], weight, rtol=0, atol=0, msg=key)
    assert torch.equal(other["logits"], alone["logits"])
    assert ("lm_head.weight" in alone) == (name == "untied")
