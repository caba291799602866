"""How long stages take at a device's rates, and how much of its memory."""

from __future__ import annotations

import pytest

from subliminal.cost import Cost, Memory, Rates, Work, shared_seconds
from subliminal.devices import Device, find_device, known_devices, this_processor
from subliminal.errors import UserError

RATES = Rates(products=100.0, traffic=10.0, block_seconds=0.5, files=4.0)
GIB = 2**30


@pytest.mark.parametrize(
    ("work", "seconds"),
    [
        (Work(), 0.0),
        (Work(flops=200.0), 2.0),
        (Work(flops=200.0, share=0.5), 4.0),
        # Products wait for their operands where these take longer.
        (Work(flops=200.0, operands=10.0), 2.0),
        (Work(flops=200.0, operands=50.0), 5.0),
        # What is no product comes on top.
        (Work(flops=200.0, operands=50.0, traffic=10.0), 6.0),
        # Nothing is faster than its blocks can be started.
        (Work(flops=200.0, blocks=3.0), 2.0),
        (Work(flops=200.0, blocks=8.0), 4.0),
        (Work(flops=200.0, files=8.0), 4.0),
    ],
)
def test_work_takes_as_long_as_what_holds_it_up(work: Work, seconds: float) -> None:
    assert work.seconds(RATES) == seconds


def test_a_cost_adds_up_its_work() -> None:
    cost = Cost((Work(flops=200.0), Work(flops=100.0, traffic=10.0)))
    assert cost.flops == 300
    assert cost.seconds(RATES) == 4
    assert Cost().seconds() == 0


def test_workers_share_stages_but_not_one_of_them() -> None:
    long, short = Cost((Work(flops=600.0),)), Cost((Work(flops=100.0),))
    assert shared_seconds([short] * 8, RATES, workers=2) == 4
    assert shared_seconds([long, short], RATES, workers=4) == 6
    assert shared_seconds([], RATES, workers=4) == 0


def test_batches_are_halved_until_they_fit() -> None:
    device = Device("d", RATES, memory_bytes=100, peak_products=RATES.products)
    assert device.peak(Cost(memory=Memory(60, 40))) == 100
    assert device.peak(Cost(memory=Memory(60, 41))) == 80
    assert device.peak(Cost(memory=Memory(90, 50))) == 96
    assert device.halvings(Memory(90, 50)) == 3
    assert device.peak(Cost(memory=Memory(100, 1))) is None


def test_devices_are_found_by_name() -> None:
    assert {"H200", "A100-80GB", "4090", "CPU"} <= set(known_devices())
    assert find_device("a100-80gb", "bfloat16").name == "A100-80GB"
    with pytest.raises(UserError, match=r"--device B52: is not known; there are H200, .*CPU"):
        find_device("B52", "bfloat16")


@pytest.mark.parametrize("name", [name for name in known_devices() if name != "CPU"])
def test_stated_devices_are_gpus(name: str) -> None:
    fast, slow = (find_device(name, precision) for precision in ("bfloat16", "float32"))
    assert 1e13 < slow.rates.products < fast.rates.products < 1e15
    assert 5e11 < fast.rates.traffic < 5e12
    assert 20 * GIB < fast.memory_bytes < 200 * GIB


def test_this_processor_is_measured() -> None:
    device = this_processor("float32")
    assert device.workers >= 1
    assert 1e6 < device.rates.products < 1e15
    assert 1e6 < device.rates.traffic < 1e13
