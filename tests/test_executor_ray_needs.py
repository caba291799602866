"""A cluster is shared out so that every stage gets what it can use, and no node is overfull."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subliminal.errors import UserError
from subliminal.executors.ray_needs import DEVICE, NO_DEVICE, Needs, Node, Sizing
from subliminal.executors.workers import WORKER_BYTES
from tests.toy_stages import stage
from tests.user_errors import assert_one_line

GIB = 2**30
COMPUTING, READING = stage("number", flops=1.0), stage("number", 1, flops=0.0)

CPU_NODES = [Node(4, 0, 8 * GIB), Node(8, 0, 16 * GIB)]
GPU_NODES = [Node(32, 8, 256 * GIB), Node(16, 0, 64 * GIB)]


@pytest.mark.parametrize(
    ("nodes", "jobs", "threads", "device_threads", "room"),
    [
        (CPU_NODES, None, 1, 0, {NO_DEVICE: 12, DEVICE: 1}),
        (CPU_NODES, 4, 3, 0, {NO_DEVICE: 3, DEVICE: 1}),  # a lot of three leaves one CPU idle
        (CPU_NODES, 1, 8, 0, {NO_DEVICE: 1, DEVICE: 1}),
        (CPU_NODES, 99, 1, 0, {NO_DEVICE: 12, DEVICE: 1}),
        (GPU_NODES, None, 1, 3, {NO_DEVICE: 48, DEVICE: 8}),
        (GPU_NODES, 2, 24, 3, {NO_DEVICE: 1, DEVICE: 2}),
    ],
)
def test_shares(
    nodes: list[Node], jobs: int | None, threads: int, device_threads: int, room: dict[str, int]
) -> None:
    sizing = Sizing.of(nodes, jobs)
    assert (sizing.threads, sizing.device_threads) == (threads, device_threads)
    assert sizing.room(nodes) == room


def test_only_what_computes_waits_for_a_device_and_only_where_there_is_one() -> None:
    with_devices, without = Sizing.of(GPU_NODES, None), Sizing.of(CPU_NODES, None)
    assert [with_devices.queue(made) for made in (COMPUTING, READING)] == [DEVICE, NO_DEVICE]
    assert [without.queue(made) for made in (COMPUTING, READING)] == [NO_DEVICE, NO_DEVICE]
    assert with_devices.needs([COMPUTING]) == Needs(3, 1, WORKER_BYTES)
    assert with_devices.needs([READING]) == Needs(1, 0, WORKER_BYTES)
    wide = stage("number", devices=4)
    assert with_devices.needs([wide]) == Needs(12, 4, WORKER_BYTES)
    assert without.needs([wide]) == Needs(1, 0, WORKER_BYTES)
    with pytest.raises(UserError, match="needs 27 GPUs"):
        with_devices.check([stage("number", devices=27)], GPU_NODES)


@given(
    st.lists(
        st.builds(Node, st.integers(1, 64), st.integers(0, 8), st.integers(GIB, 99 * GIB)),
        min_size=1,
        max_size=5,
    ),
    st.integers(1, 100) | st.none(),
    st.integers(0, 9) | st.integers(0, 9 * GIB),
)
def test_lots_of_a_size_that_is_allowed_fit_a_node_where_one_stage_does(
    nodes: list[Node], jobs: int | None, memory_bytes: int
) -> None:
    sizing = Sizing.of(nodes, jobs)
    lot = [stage("number", seed, memory_bytes=memory_bytes) for seed in range(20)]
    fits = [any(sizing.needs(lot[:size]).fit(node) for node in nodes) for size in (1, 20)]
    most = sizing.most(lot[0], 20)
    assert 1 <= most <= 20
    if fits[0]:
        sizing.check(lot, nodes)
        assert any(sizing.needs(lot[:most]).fit(node) for node in nodes)
    assert (most == 20) == fits[1] or not fits[0]


def test_what_fits_no_node_is_told_with_what_there_is() -> None:
    sizing = Sizing.of(CPU_NODES, None)
    large = stage("number", 7, memory_bytes=20 * GIB)
    with pytest.raises(UserError) as error:
        sizing.check([READING, large], CPU_NODES)
    assert_one_line(
        error,
        "number of seed 7: it needs 1 CPU, 20.6 GiB of memory of one node",
        "the nodes have 4 CPUs, 8.0 GiB of memory, or 8 CPUs, 16.0 GiB of memory; add a larger",
    )
    with pytest.raises(UserError, match="the nodes have nothing"):
        Sizing.of([], None).check([READING], [])
