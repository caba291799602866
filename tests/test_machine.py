"""What the machine has is found without side effects; threads and devices are set in workers."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from subliminal import machine


class FakeCuda:
    """Stands for `torch.cuda` on a machine with some devices."""

    def __init__(self, devices: int, bf16: bool = True) -> None:
        self.devices, self.bf16, self.chosen = devices, bf16, -1

    def is_available(self) -> bool:
        return self.devices > 0

    def device_count(self) -> int:
        return self.devices

    def get_device_name(self, index: int) -> str:
        return f"device {index}"

    def is_bf16_supported(self) -> bool:
        return self.bf16

    def set_device(self, index: int) -> None:
        self.chosen = index


def with_devices(patch: pytest.MonkeyPatch, devices: int, bf16: bool = True) -> FakeCuda:
    cuda = FakeCuda(devices, bf16)
    patch.setattr(torch, "cuda", cuda)
    return cuda


def test_cores_and_memory_are_those_of_this_process() -> None:
    assert 1 <= machine.cores() <= (os.cpu_count() or 1)
    assert 0 < machine.memory_bytes() < machine.description()["memory_gib"] * 2**30


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs processor affinity")
def test_cores_obey_affinity() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert machine.cores() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_threads_are_set() -> None:
    before = torch.get_num_threads()
    try:
        machine.use_threads(before + 1)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def test_thread_limits_hold_for_a_pytorch_that_is_imported_later() -> None:
    code = (
        "import sys; from subliminal import machine; machine.use_threads(1); machine.use_device(0);"
        "assert 'torch' not in sys.modules, 'too dear for a worker that does not need it';"
        "import torch; print(torch.get_num_threads())"
    )
    environ = {**os.environ, **machine.thread_limits(1)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"


def test_a_device_is_chosen_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = with_devices(monkeypatch, 2)
    machine.use_device(1)
    assert cuda.chosen == 1


def test_without_a_device_the_processor_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    with_devices(monkeypatch, 0)
    assert machine.device() == "cpu"


def test_devices_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    with_devices(monkeypatch, 2)
    assert machine.cuda_devices() == ["device 0", "device 1"]
    assert machine.device() == "cuda"


@pytest.mark.parametrize(
    ("flags", "devices", "bf16", "expected"),
    [
        ({"avx2"}, 0, False, "float32"),
        ({"avx512_bf16"}, 0, False, "bfloat16"),
        ({"amx_bf16"}, 0, False, "bfloat16"),
        ({"bf16"}, 0, False, "bfloat16"),
        ({"amx_bf16"}, 1, False, "float32"),
        ({"avx2"}, 1, True, "bfloat16"),
    ],
)
def test_fast_precision_follows_what_the_hardware_says(
    monkeypatch: pytest.MonkeyPatch, flags: set[str], devices: int, bf16: bool, expected: str
) -> None:
    with_devices(monkeypatch, devices, bf16)
    monkeypatch.setattr(machine, "_cpu_flags", lambda: frozenset(flags))
    assert machine.fast_precision() == expected


@pytest.mark.parametrize("name", ["flags", "Features"])
def test_processor_flags_are_read(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    lines = ("processor\t: 0", "model name\t: A Processor", f"{name}\t\t: fpu amx_bf16", "")
    monkeypatch.setattr(machine, "_cpuinfo", lambda: lines)
    machine._cpu_flags.cache_clear()
    try:
        assert machine._cpu_flags() == {"fpu", "amx_bf16"}
        assert machine.description()["processor"] == "A Processor"
    finally:
        machine._cpu_flags.cache_clear()


def test_a_machine_without_cpuinfo_has_a_processor_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "_cpuinfo", lambda: ())
    monkeypatch.setattr(
        machine,
        "platform",
        SimpleNamespace(processor=lambda: "", machine=lambda: "arm64", system=lambda: "Darwin"),
    )
    assert machine.description()["processor"] == "arm64"
    assert machine.description()["system"] == "Darwin arm64"


def test_a_manifest_names_the_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cuda_devices", list)
    assert "gpus" not in machine.description()
    monkeypatch.setattr(machine, "cuda_devices", lambda: ["A Card", "Another"])
    assert machine.description()["gpus"] == "A Card, Another"


def test_versions() -> None:
    found = machine.versions()
    assert found["torch"] == machine.version_of("torch") == torch.__version__.split("+")[0] or (
        found["torch"] == torch.__version__
    )
    assert found["python"].startswith("3.")
    assert machine.version_of("no-such-package") is None


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_matmul_rate_is_measured(precision: machine.Precision) -> None:
    assert machine.matmul_rate(precision, seconds=0.05) > 1e6


def test_rates_are_measured_where_the_time_is_over_at_once() -> None:
    assert machine.matmul_rate("float32", seconds=0.0) > 0
    assert machine.traffic_rate(seconds=0.0) > 0
