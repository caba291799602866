"""The devices of an engine: those of the worker that starts it."""

from __future__ import annotations

import os

import torch

VISIBLE = "CUDA_VISIBLE_DEVICES"


def devices_of_engine(count: int) -> dict[str, str]:
    """The variable that shows an engine so many devices, from the worker's own on.

    Workers stand in slots of as many devices as an engine takes. Nothing where there is no GPU.
    """
    if not torch.cuda.is_available():
        return {}
    stated = os.environ.get(VISIBLE)
    names = stated.split(",") if stated else [str(n) for n in range(torch.cuda.device_count())]
    first = torch.cuda.current_device() * count
    return {VISIBLE: ",".join(names[(first + n) % len(names)] for n in range(count))}


def give_back_memory() -> None:
    """Let go of what this process holds of its device for later."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
