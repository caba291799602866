"""What this machine has: cores, memory, devices, fast number formats, package versions."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import loky
import psutil

Precision = Literal["float32", "bfloat16"]
Attention = Literal["sdpa", "flash_attention_2"]
VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES"

PACKAGES = ("subliminal", "torch", "torchvision", "numpy", "scipy", "statsmodels", "scikit-learn")
OPTIONAL_PACKAGES = (
    *("transformers", "datasets", "vllm", "accelerate", "ray", "jsonlines", "peft"),
    "tensorboard",
)


def cores() -> int:
    """Processors this process may use, by its affinity and its container's quota."""
    return int(loky.cpu_count())


def memory_bytes() -> int:
    """Memory that is free for new work now."""
    return int(psutil.virtual_memory().available)


def thread_limits(threads: int) -> dict[str, str]:
    """Environment that bounds the threads of a process's matrix products from its start."""
    return {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def use_threads(threads: int) -> None:
    """Bound the threads of this process's matrix products.

    Does nothing before PyTorch is imported: it then obeys :func:`thread_limits`.
    """
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)


@contextmanager
def threads_set_to(threads: int) -> Iterator[None]:
    """Bound the threads of this process's matrix products for a while."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def use_device(number: int) -> None:
    """Compute on one of the CUDA devices that this process sees, by its number among them.

    Does nothing before PyTorch is imported: what does without it needs no device.
    """
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.cuda.set_device(number)


def showing_devices(numbers: Sequence[int]) -> dict[str, str]:
    """Environment in which a process sees no other CUDA devices than some of this one's."""
    stated = os.environ.get(VISIBLE_DEVICES)
    names = stated.split(",") if stated else [str(number) for number in range(max(numbers) + 1)]
    return {VISIBLE_DEVICES: ",".join(names[number] for number in numbers)}


def give_back_device_memory() -> None:
    """Let go of what this process holds of its CUDA device for later."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def device_memory_bytes() -> int | None:
    """Memory of the CUDA device that this process uses; None where there is none."""
    import torch

    if not torch.cuda.is_available():
        return None
    return int(torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory)


@cache
def version_of(package: str) -> str | None:
    """Installed version; None if the package is absent."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str]:
    """Python and the packages that can change a result."""
    found = {package: version_of(package) for package in PACKAGES}
    return {"python": platform.python_version()} | {k: v for k, v in found.items() if v}


def description() -> dict[str, Any]:
    """The machine, in a few words, for manifests."""
    devices = cuda_devices()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        **({"gpus": ", ".join(devices), "attention": fast_attention()} if devices else {}),
    }


def cuda_devices() -> list[str]:
    """Names of the CUDA devices."""
    import torch

    if not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def device() -> str:
    """Where matrix products run: `cuda` if there is one, else `cpu`."""
    return "cuda" if cuda_devices() else "cpu"


def fast_precision(on: str | None = None) -> Precision:
    """The precision of matrix products that pays here.

    Read from the processor's flags, never timed: the answer is part of stage keys and must be the
    same at every run.

    Args:
        on: `cpu` or `cuda`; default: where matrix products run here.
    """
    if (on or device()) == "cuda":
        import torch

        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    return "bfloat16" if _cpu_flags() & {"avx512_bf16", "amx_bf16", "bf16"} else "float32"


def fast_attention(on: str | None = None) -> Attention:
    """The attention of large models that pays here, as transformers calls it.

    Both compute the same but for rounding, so that it is in no stage key.

    Args:
        on: `cpu` or `cuda`; default: where matrix products run here.
    """
    there = (on or device()) == "cuda" and find_spec("flash_attn") is not None
    return "flash_attention_2" if there else "sdpa"


def precision_for(stated: Precision | Literal["auto"], on: str) -> Precision:
    """What an experiment states, or where it leaves that open the fast one on `cpu` or `cuda`."""
    return fast_precision(on) if stated == "auto" else stated


def matmul_rate(precision: Precision, seconds: float = 0.3, *, on: str | None = None) -> float:
    """Measured matrix-product rate of the whole machine, FLOP/s, on [1024, 784] x [784, 256].

    Args:
        precision: Of the products.
        seconds: How long to try; the fastest product counts.
        on: `cpu` or `cuda`; default: where matrix products run here.
    """
    import torch

    kind = getattr(torch, precision)
    left = torch.randn(8, 1024, 784, device=on or device()).to(kind)
    right = torch.randn(8, 784, 256, device=on or device()).to(kind)
    flops = 2 * left.shape[0] * 1024 * 784 * 256
    torch.bmm(left, right)
    return flops / _fastest(lambda: torch.bmm(left, right).sum().item(), seconds)


def traffic_rate(seconds: float = 0.2, *, on: str | None = None) -> float:
    """Measured bytes/s that a sigmoid of float32 [4096, 384] reads and writes, machine-wide.

    Args:
        seconds: How long to try; the fastest counts.
        on: `cpu` or `cuda`; default: where matrix products run here.
    """
    import torch

    # Written in place: new memory takes a processor longer than the sigmoid.
    values = torch.randn(4096, 384, device=on or device())
    made = torch.empty_like(values)
    # One value is asked for, so that a device has to be done with it.
    best = _fastest(lambda: torch.sigmoid(values, out=made)[0, 0].item(), seconds)
    return 2 * values.numel() * values.itemsize / best


def _fastest(work: Callable[[], object], seconds: float) -> float:
    """Seconds of the fastest of the tries within some time: of one at least, however late it is."""
    best, deadline = float("inf"), time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < deadline:
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


@cache
def _cpu_flags() -> frozenset[str]:
    for line in _cpuinfo():
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


def _processor() -> str:
    for line in _cpuinfo():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


@cache
def _cpuinfo() -> tuple[str, ...]:
    try:
        return tuple(Path("/proc/cpuinfo").read_text().splitlines())
    except OSError:
        return ()
