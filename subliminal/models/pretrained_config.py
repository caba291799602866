"""What transformers reads from a model's `config.json`, with the defaults of its own classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from subliminal.errors import UserError
from subliminal.packages import need

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

FAULTS = (
    *(OSError, ValueError, KeyError, RuntimeError, ImportError, AttributeError, TypeError),
    SafetensorError,
)
"""What transformers raises at files that are missing, damaged or beyond its version."""


def config_of(folder: Path) -> PreTrainedConfig:
    """What transformers reads from a model's `config.json`.

    Raises:
        UserError: It is missing or at fault, or this version knows no such architecture.
    """
    need_transformers(folder)
    from transformers import AutoConfig

    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except FAULTS as error:
        raise cannot_load(folder, error) from None
    return config


def decoder_config_of(folder: Path) -> PreTrainedConfig:
    """As :func:`config_of`; of a model that sees or hears too, its decoder's part."""
    return config_of(folder).get_text_config(decoder=True)


def need_transformers(folder: Path) -> None:
    """Ask for transformers, which is to read a folder.

    Raises:
        UserError: It is not installed.
    """
    need("transformers", extra="lm", where=str(folder))
    from transformers.utils import logging

    logging.disable_progress_bar()  # commands alone write to the terminal


def cannot_load(folder: Path, error: Exception) -> UserError:
    """What to tell of a folder that transformers refuses."""
    said = " ".join(str(error).split())[:300] or type(error).__name__
    return UserError(
        f"{folder}: transformers cannot load it ({said}); copy the model anew, or choose a causal "
        "model that this version of transformers knows"
    )
