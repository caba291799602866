"""A stage's key names exactly what can change its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from subliminal.cost import Cost, Memory, Work
from subliminal.stage import Stage, digest, memory_of

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
) | st.text(max_size=8)
plain = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
params = st.dictionaries(st.text(max_size=5), plain, max_size=4)
keys = st.text("0123456789abcdef", min_size=4, max_size=4)
stages = st.builds(
    Stage,
    kind=st.sampled_from(["a.teach", "a.distil"]),
    version=st.integers(1, 3),
    params=params,
    seed=st.integers(0, 2**40),
    inputs=st.dictionaries(st.sampled_from(["teacher", "start"]), keys),
)


def reordered(value: Any) -> Any:
    """The same data with every mapping's entries the other way round."""
    if isinstance(value, Mapping):
        return {key: reordered(inner) for key, inner in reversed(list(value.items()))}
    return [reordered(inner) for inner in value] if isinstance(value, list) else value


def written_out(value: Any) -> str:
    """Text that differs for different data, whatever the order of the mappings' entries."""
    if isinstance(value, Mapping):
        return repr(sorted((key, written_out(inner)) for key, inner in value.items()))
    return repr([written_out(inner) for inner in value] if isinstance(value, list) else value)


@given(stages)
def test_key_is_the_same_for_the_same_data_in_another_order(stage: Stage) -> None:
    other = replace(stage, params=reordered(stage.params), inputs=reordered(stage.inputs))
    assert other.key == stage.key
    assert other.lot == stage.lot


@given(stages)
def test_key_ignores_what_cannot_change_the_result(stage: Stage) -> None:
    other = replace(
        stage,
        label="another name",
        cost=Cost((Work(1e12),), Memory(7), rows=1),
        local={"folder": "/elsewhere"},
        process="p",
        length=3.0,
        continues="c" * 32,
        keep_state=True,
    )
    assert (other.key, other.lot) == (stage.key, stage.lot)


@given(stages, params)
def test_key_depends_on_every_parameter(stage: Stage, other: dict[str, Any]) -> None:
    assume(written_out(other) != written_out(stage.params))
    assert replace(stage, params=other).key != stage.key


@given(stages, st.text(max_size=5), scalars)
def test_key_depends_on_a_single_entry(stage: Stage, name: str, value: Any) -> None:
    assume(name not in stage.params)
    assert replace(stage, params={**stage.params, name: value}).key != stage.key


@given(stages, st.integers(1, 5), keys)
def test_key_depends_on_seed_version_kind_and_inputs(stage: Stage, by: int, key: str) -> None:
    others = [
        replace(stage, seed=stage.seed + by),
        replace(stage, version=stage.version + by),
        replace(stage, kind=stage.kind + "x"),
        replace(stage, inputs={**stage.inputs, "reference": key}),
        *(replace(stage, inputs={**stage.inputs, role: key + "0"}) for role in stage.inputs),
    ]
    assert len({stage.key, *(other.key for other in others)}) == len(others) + 1


@given(stages, st.integers(1, 5), keys)
def test_seeds_and_their_inputs_form_one_lot(stage: Stage, by: int, key: str) -> None:
    sibling = replace(stage, seed=stage.seed + by, inputs=dict.fromkeys(stage.inputs, key))
    assert sibling.lot == stage.lot
    assert replace(stage, version=stage.version + 1).lot != stage.lot
    assert replace(stage, params={**stage.params, "another one": 1}).lot != stage.lot


@given(plain)
def test_digest_tells_types_apart_but_not_views_of_a_mapping(value: Any) -> None:
    assert digest({"x": value}) == digest(MappingProxyType({"x": value}))
    assert digest([value]) != digest([[value]])


def test_digest_tells_numbers_from_their_names() -> None:
    assert len({digest(value) for value in (1, 1.0, "1", True, [1], None)}) == 6


def test_digest_is_the_same_in_every_process_and_release() -> None:
    # sha256 of {"a":[1,2.5,null],"b":"\u00e9"}, first 32 hex digits, as sha256sum gives them.
    assert digest({"b": "é", "a": [1, 2.5, None]}) == "45584828a616e524473fb887d415f828"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), Path("x"), {1, 2}, b"x"])
def test_digest_refuses_what_is_not_plain_data(bad: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        digest({"x": bad})


def test_stages_that_run_one_by_one_are_in_memory_one_by_one() -> None:
    def lot(at_once: bool) -> list[Stage]:
        cost = Cost(memory=Memory(7), at_once=at_once)
        return [Stage("a", 1, {}, seed, cost=cost) for seed in range(5)]

    assert memory_of(lot(at_once=True)) == 35
    assert memory_of(lot(at_once=False)) == 7
    assert memory_of(lot(at_once=False), workers=2) == 14
    assert memory_of(lot(at_once=False), workers=9) == 35
    assert memory_of([]) == 0
