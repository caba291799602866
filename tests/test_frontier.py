"""Stages run after what they need, in lots, and every one of them once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from subliminal.executors.frontier import Frontier
from subliminal.stage import Stage
from tests.toy_stages import by_key, stage


def frontier(*stages: Stage, most: int = 10) -> Frontier:
    return Frontier(by_key(stages), lambda _: most)


def keys(lots: list[list[Stage]]) -> list[set[str]]:
    return [{stage.key for stage in lot} for lot in lots]


@st.composite
def graphs(draw: Any) -> list[Stage]:
    """Stages of a few lots: earlier ones are inputs, continued, or must merely come first."""
    stages: list[Stage] = []
    for seed in range(draw(st.integers(1, 12))):
        earlier = st.sampled_from(stages) if stages else st.nothing()
        inputs = draw(st.lists(earlier, max_size=2, unique_by=lambda s: s.key)) if stages else []
        made = stage("toy", seed, inputs, value=draw(st.integers(0, 1)))
        if stages and draw(st.booleans()):
            made = replace(made, continues=draw(earlier).key)
        if stages and draw(st.booleans()):
            made = replace(made, after=(draw(earlier).key,))
        stages.append(made)
    return stages


@given(graphs(), st.integers(1, 4), st.integers(1, 3), st.data())
def test_each_stage_is_taken_once_after_all_it_needs_or_is_blocked(
    stages: list[Stage], workers: int, most: int, data: st.DataObject
) -> None:
    left = frontier(*stages, most=most)
    taken: set[str] = set()
    ended: set[str] = set()
    lost: set[str] = set()
    while len(left):
        lots = left.take(workers)
        assert 0 < len(lots) <= workers
        for lot in lots:
            assert len({member.lot for member in lot}) == 1
            assert len(lot) <= most
            for member in lot:
                assert member.key not in taken | lost
                assert {*member.inputs.values(), *member.after} <= ended
                assert member.continues is None or member.continues in ended | lost
                taken.add(member.key)
        for member in (member for lot in lots for member in lot):
            if data.draw(st.booleans()):
                ended.add(member.key)
                left.end(member.key)
            else:
                lost.add(member.key)
                lost |= {blocked.key for blocked in left.fail(member.key)}
    assert ended | lost == {member.key for member in stages}
    assert all(lost & {*s.inputs.values(), *s.after} for s in stages if s.key in lost - taken)


def test_a_lot_is_shared_among_idle_workers() -> None:
    left = frontier(*(stage("toy", seed) for seed in range(7)))
    # 7 = 3 + 4 = 3 + 2 + 2
    assert sorted(map(len, left.take(3))) == [2, 2, 3]
    assert left.take(3) == []


def test_what_has_most_work_behind_it_comes_first() -> None:
    short = [stage("toy", seed, value=1, flops=5e9) for seed in range(3)]
    begins_long = stage("toy", 8, value=2, flops=1e9)
    long = [stage("toy", 9, [begins_long], value=3, flops=5e9)]
    left = frontier(*short, begins_long, *long)
    assert keys(left.take(1)) == [{begins_long.key}]
    assert keys(left.take(1)) == [{member.key for member in short}]
    left.end(begins_long.key)
    assert keys(left.take(1)) == [{long[0].key}]


def test_of_equal_chains_all_are_begun_before_one_is_ended() -> None:
    """Or the last one would be worked on alone."""
    chains = []
    for seed in range(3):
        first = stage("toy", seed, value=1)
        chains.append([first, stage("toy", seed, [first], value=2)])
    left = frontier(*(member for chain in chains for member in chain), most=1)
    order = []
    while len(left):
        [[member]] = left.take(1)
        order.append(member.params["value"])
        left.end(member.key)
    assert order == [1, 1, 1, 2, 2, 2]


def test_a_lot_offered_again_in_halves_comes_in_halves() -> None:
    four = [stage("toy", seed) for seed in range(4)]
    left = frontier(*four)
    assert len(left.take(1)) == 1
    for member in four:
        left.offer(member, most=2)
    assert [len(lot) for lot in (*left.take(1), *left.take(1))] == [2, 2]
    assert left.take(1) == []


def test_each_queue_is_taken_from_on_its_own() -> None:
    stages = [stage("toy", seed, flops=10.0 - seed) for seed in range(4)]
    left = Frontier(by_key(stages), lambda _: 1, lambda made: "odd" if made.seed % 2 else "even")
    assert keys(left.take(1, "odd")) == [{stages[1].key}]
    assert keys(left.take(9, "even")) == [{stages[0].key}, {stages[2].key}]
    assert left.take(9, "even") == []
    assert keys(left.take(9, "odd")) == [{stages[3].key}]
