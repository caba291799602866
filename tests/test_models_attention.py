"""How models of transformers attend: by device, by type and by what the architecture can."""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest
import torch

from subliminal import machine
from subliminal.models.load import load_model
from subliminal.models.pretrained import Pretrained
from tests.hub_models import hub_model

FLASH = "flash_attention_2"


@pytest.mark.parametrize(
    ("device", "there", "expected"),
    [("cuda", True, FLASH), ("cuda", False, "sdpa"), ("cpu", True, "sdpa")],
)
def test_flash_attention_is_for_a_gpu_that_has_its_package(
    monkeypatch: pytest.MonkeyPatch, device: str, there: bool, expected: str
) -> None:
    spec = ModuleSpec("flash_attn", None) if there else None
    monkeypatch.setattr(machine, "find_spec", lambda name: spec if name == "flash_attn" else None)
    monkeypatch.setattr(machine, "cuda_devices", lambda: ["a GPU"] if device == "cuda" else [])
    assert machine.fast_attention() == machine.fast_attention(device) == expected
    told = machine.description()
    assert told.get("attention") == (expected if device == "cuda" else None)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = tmp_path_factory.mktemp("hub")
    return {name: hub_model(made / name, name) for name in ("qwen2", "gemma2", "gemma3")}


def attention_of(folder: Path, dtype: torch.dtype) -> str:
    model = load_model(folder, dtype=dtype)
    assert isinstance(model, Pretrained)
    chosen: str = model.network.get_decoder().config._attn_implementation
    return chosen


@pytest.fixture
def flash(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine has it, and transformers lets every architecture but Gemma 2 take it."""
    from transformers import PreTrainedModel

    whole = PreTrainedModel.set_attn_implementation

    def choose(network: Any, name: str, **_: Any) -> None:
        if name != FLASH:
            whole(network, name)
        elif network.config.model_type == "gemma2":
            raise ValueError("does not support Flash Attention 2")
        else:
            network.get_decoder().config._attn_implementation_internal = name

    monkeypatch.setattr(machine, "fast_attention", lambda on=None: FLASH)
    monkeypatch.setattr(PreTrainedModel, "set_attn_implementation", choose)


def test_without_it_a_model_attends_by_sdpa_or_as_it_needs(folders: dict[str, Path]) -> None:
    found = {name: attention_of(folder, torch.bfloat16) for name, folder in folders.items()}
    assert found == {"qwen2": "sdpa", "gemma2": "eager", "gemma3": "sdpa"}


@pytest.mark.usefixtures("flash")
def test_with_it_narrow_models_take_it_where_they_can(folders: dict[str, Path]) -> None:
    found = {name: attention_of(folder, torch.bfloat16) for name, folder in folders.items()}
    assert found == {"qwen2": FLASH, "gemma2": "eager", "gemma3": FLASH}
    assert attention_of(folders["qwen2"], torch.float32) == "sdpa"


def test_what_transformers_refuses_leaves_the_model_as_it_was(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "fast_attention", lambda on=None: FLASH)
    # No such package is here, whatever was found.
    assert attention_of(folders["gemma3"], torch.bfloat16) == "sdpa"
