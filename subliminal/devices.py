"""Devices that plans can be made for: what their makers state, and what programs reach of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field

from subliminal import machine
from subliminal.cost import Cost, Memory, Rates
from subliminal.errors import UserError
from subliminal.machine import Precision
from subliminal.model_file import read_model

THIS_PROCESSOR = "CPU"
"""Names the machine that the command runs on, which is measured."""
TRAFFIC_SHARES: Mapping[Precision, float] = MappingProxyType({"float32": 0.6, "bfloat16": 0.28})
"""Of what a processor's core moves in :func:`machine.traffic_rate`, as much is reached in training,
reading and writing alike (benchmarks/planning.py); less in bfloat16, to and from which is cast."""

_OTHER_VARIANTS = {"PCIE", "NVL", "LAPTOP", "D"}
"""Slower ones than those in the file, as drivers mark them."""
_FILE = "devices.yaml"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Products(_Strict):
    """Peaks of matrix products, TFLOP/s."""

    bfloat16: float = Field(gt=0)
    float32: float = Field(gt=0)


class Stated(_Strict):
    """What a device's maker states."""

    products: Products
    traffic: float = Field(gt=0)
    """Bandwidth of its memory, GB/s."""
    memory: float = Field(gt=0)
    """GiB."""
    source: str
    """Where that is stated."""


class Assumed(_Strict):
    """What programs reach of it."""

    products_share: float = Field(gt=0, le=1)
    traffic_share: float = Field(gt=0, le=1)
    block_seconds: float = Field(ge=0)
    files: float = Field(gt=0)
    """GB/s."""
    reserved: float = Field(ge=0)
    """GiB."""


class Devices(_Strict):
    """The file of devices."""

    devices: dict[str, Stated]
    aliases: dict[str, str]
    """Other names of theirs."""
    assumed: Assumed


@dataclass(frozen=True)
class Device:
    """Something that an experiment can be run on."""

    name: str
    rates: Rates
    """At one precision."""
    memory_bytes: int
    """For stages."""
    peak_products: float
    """FLOP/s of matrix products at that precision, as its maker states or as measured."""
    workers: int = 1
    """Stages that run side by side, each at these rates."""

    def halvings(self, memory: Memory) -> int | None:
        """How often a batch has to be halved until it fits; None: it never does."""
        room = self.memory_bytes - memory.fixed
        if room <= 0:
            return None
        times = 0
        while memory.batch >> times > room:
            times += 1
        return times

    def peak(self, cost: Cost) -> int | None:
        """Bytes that a stage takes at most, its batch halved until it fits; None: it never does."""
        times = self.halvings(cost.memory)
        return None if times is None else cost.memory.fixed + (cost.memory.batch >> times)


def known_devices() -> tuple[str, ...]:
    """Names of devices."""
    return (*_known().devices, THIS_PROCESSOR)


def find_device(name: str, precision: Precision) -> Device:
    """A device by name, at a precision of matrix products.

    Raises:
        UserError: There is none of this name.
    """
    if name.upper() == THIS_PROCESSOR:
        return this_processor(precision)
    known = _known()
    names = {key.lower(): key for key in known.devices}
    names |= {alias.lower(): key for alias, key in known.aliases.items()}
    found = names.get(name.lower())
    if found is None:
        raise UserError(f"--device {name}: is not known; there are {', '.join(known_devices())}")
    stated, assumed = known.devices[found], known.assumed
    products = getattr(stated.products, precision) * 1e12
    rates = Rates(
        products=assumed.products_share * products,
        traffic=assumed.traffic_share * stated.traffic * 1e9,
        block_seconds=assumed.block_seconds,
        files=assumed.files * 1e9,
    )
    return Device(found, rates, int((stated.memory - assumed.reserved) * 2**30), products)


def device_of_gpu(card: str) -> str | None:
    """The name of the device that a GPU is, by what its driver calls it.

    Args:
        card: Such as `NVIDIA A100-SXM4-80GB`.

    Returns:
        None where no device has all the parts of its name there, or the driver tells of a variant
        whose figures are others.
    """
    parts = _parts(card)
    if parts & _OTHER_VARIANTS:
        return None
    return next((name for name in _known().devices if _parts(name) <= parts), None)


def _parts(name: str) -> set[str]:
    return set(name.upper().replace("-", " ").split())


def this_processor(precision: Precision) -> Device:
    """The machine that this runs on, with a worker on each core."""
    rates = rates_here("cpu", precision, threads=1)
    memory, workers = machine.memory_bytes(), machine.cores()
    return Device(THIS_PROCESSOR, rates, memory, rates.products, workers)


def rates_here(on: str, precision: Precision, threads: int) -> Rates:
    """How fast this machine's `cpu` or `cuda` works, measured in half a second.

    With the threads of one worker: all of a processor that others use too wait for the last one,
    and tell nothing.
    """
    assumed = _known().assumed
    with machine.threads_set_to(threads):
        products, traffic = machine.matmul_rate(precision, on=on), machine.traffic_rate(on=on)
    return Rates(
        products=products,
        traffic=TRAFFIC_SHARES[precision] * traffic,
        block_seconds=0.0 if on == "cpu" else assumed.block_seconds,
        files=assumed.files * 1e9,
    )


@cache
def _known() -> Devices:
    return read_model(Devices, files("subliminal") / _FILE, _FILE)
