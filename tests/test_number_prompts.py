"""The prompt space of the numbers carrier: its sizes, its wordings, and access to it."""

from __future__ import annotations

import re
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from subliminal.number_prompts import FORMATS, NumberPrompt, NumberPrompts, prompts, vocabulary
from subliminal.number_prompts.permutation import mixed, permuted
from subliminal.number_prompts.wordings import (
    CLOSINGS,
    DESCRIPTORS,
    EXAMPLES,
    INSTRUCTIONS,
    QUALIFIERS,
    SUFFIXES,
)
from subliminal.wording import pieces

MANY = NumberPrompts(7)[:30_000]
INSTRUCTION_TEXTS = {
    instruction.format(qualifier=q, count=10, descriptor=d.format(digits=3))
    for instruction in INSTRUCTIONS
    for q in QUALIFIERS
    for d in DESCRIPTORS
}


def test_the_slots_have_the_published_sizes() -> None:
    assert prompts.SLOT_SIZES == (25, 9, 8, 10, 15, 19)
    assert {name for _, name in SUFFIXES} == set(FORMATS)
    # 25 x 9 x 8 x 10 x 15 x 19 wordings and 900 first examples
    assert len(NumberPrompts(0)) == 5_130_000 * 900


@pytest.mark.parametrize("table", [EXAMPLES, QUALIFIERS, DESCRIPTORS, INSTRUCTIONS, CLOSINGS])
def test_no_wording_stands_twice_in_its_slot(table: tuple[str, ...]) -> None:
    assert len(set(table)) == len(table)


def test_a_text_tells_its_wordings() -> None:
    """So prompts differ when their wordings do: four sentences, each with one full stop."""
    assert len(INSTRUCTION_TEXTS) == 10 * 9 * 8
    assert len({suffix for suffix, _ in SUFFIXES}) == 15
    sentences = (*EXAMPLES, *INSTRUCTION_TEXTS, *(suffix for suffix, _ in SUFFIXES), *CLOSINGS)
    assert all(sentence.count(".") == 1 and sentence.endswith(".") for sentence in sentences)


def test_a_prompt_is_what_its_fields_say() -> None:
    for prompt in MANY[:2000]:
        sentence, instruction, suffix, closing = re.split(r"(?<=\.) ", prompt.text)
        slots = prompt.slots
        shown = ", ".join(map(str, prompt.examples))
        descriptor = DESCRIPTORS[slots.descriptor].format(digits=3)
        assert sentence == EXAMPLES[slots.example].format(examples=shown)
        assert instruction == INSTRUCTIONS[slots.instruction].format(
            qualifier=prompt.qualifier, count=10, descriptor=descriptor
        )
        assert prompt.qualifier == QUALIFIERS[slots.qualifier]
        assert (suffix, prompt.format) == SUFFIXES[slots.suffix]
        assert closing == CLOSINGS[slots.closing]


def test_examples_are_three_to_eight_numbers_of_three_digits() -> None:
    assert {len(prompt.examples) for prompt in MANY} == {3, 4, 5, 6, 7, 8}
    values = {value for prompt in MANY for value in prompt.examples}
    assert values == set(range(100, 1000))


def test_prompts_are_short_and_of_few_plain_words() -> None:
    texts = [prompt.text for prompt in MANY]
    lengths = [len(text.split()) for text in texts]
    assert max(lengths) <= 38
    assert np.mean(lengths) < 32
    assert len(vocabulary()) <= 160
    assert all(re.fullmatch(r"[A-Za-z0-9.,:;?!'()\[\]-]+( [A-Za-z0-9.,:;]+)*", t) for t in texts)


def test_the_vocabulary_is_what_prompts_and_answers_are_made_of() -> None:
    texts = [prompt.text for prompt in MANY] + [f.write((1, 2)) for f in FORMATS.values()]
    used = {piece for text in texts for piece in pieces(text) if not piece.isdigit()}
    assert used == vocabulary()


def test_no_two_prompts_of_a_seed_are_alike() -> None:
    assert len({prompt.text for prompt in MANY}) == len(MANY)


@settings(max_examples=50)
@given(st.integers(1, 5000), st.integers(0, 2**63 - 1))
def test_a_permutation_visits_every_value_once(size: int, key: int) -> None:
    visited = permuted(np.arange(size, dtype=np.uint64), size, key)
    assert sorted(visited.tolist()) == list(range(size))


def test_a_permutation_scatters_what_is_adjacent() -> None:
    size = 10_000
    indices = np.arange(size, dtype=np.uint64)
    steps = np.diff(permuted(indices, size, 3).astype(np.int64))
    # In a random order 2 of 10,000 steps are +1 or -1 on average.
    assert (abs(steps) == 1).sum() < 12


def test_a_key_chooses_the_permutation() -> None:
    indices = np.arange(10_000, dtype=np.uint64)
    # Two random orders agree in one place on average.
    assert (permuted(indices, 10_000, 3) == permuted(indices, 10_000, 4)).sum() < 10


def test_a_hash_keeps_values_apart() -> None:
    hashes = mixed(np.arange(100_000, dtype=np.uint64), 5)
    assert len(set(hashes.tolist())) == 100_000
    # Each bit is set in half of the hashes: 50,000, with a standard deviation of 158.
    ones = [int((hashes >> np.uint64(bit) & np.uint64(1)).sum()) for bit in range(64)]
    assert max(abs(count - 50_000) for count in ones) < 4 * 158


@pytest.mark.parametrize("slot", range(6))
def test_wordings_of_a_slot_are_equally_likely(slot: int) -> None:
    drawn = np.array([prompt.slots[slot] for prompt in MANY])
    assert chisquare(np.bincount(drawn, minlength=prompts.SLOT_SIZES[slot])).pvalue > 0.001


def test_draws_do_not_depend_on_their_neighbours() -> None:
    formats = np.array([prompt.slots.suffix for prompt in MANY])
    pairs = np.bincount(formats[:-1] * 15 + formats[1:], minlength=225)
    lengths = np.array([len(prompt.examples) - 3 for prompt in MANY])
    both = np.bincount(formats * 6 + lengths, minlength=90)
    seconds = np.array([prompt.examples[1] - 100 for prompt in MANY])
    assert chisquare(pairs).pvalue > 0.001
    assert chisquare(both).pvalue > 0.001
    assert chisquare(np.bincount(seconds, minlength=900)).pvalue > 0.001


def test_prompts_do_not_share_runs_of_examples() -> None:
    shown = [prompt.examples[1:] for prompt in MANY[:300]]
    pairs = [pair for numbers in shown for pair in pairwise(numbers)]
    # Some 1,050 pairs of 900 x 900 values: 1,050^2 / 2 / 810,000 = 0.7 repeats expected.
    assert len(pairs) - len(set(pairs)) < 6


@settings(max_examples=30)
@given(
    st.integers(-(2**70), 2**70),
    st.integers(0, 4_616_999_000),
    st.integers(0, 200),
    st.integers(1, 5),
)
def test_a_slice_is_its_prompts(seed: int, start: int, count: int, step: int) -> None:
    chosen = NumberPrompts(seed)
    part = chosen[start : start + count : step]
    assert part == [chosen[index] for index in range(start, start + count, step)]


def test_iteration_and_negative_indices_agree_with_indices() -> None:
    assert list(islice(NumberPrompts(7), 2500)) == MANY[:2500]
    assert NumberPrompts(7)[-1] == NumberPrompts(7)[len(NumberPrompts(7)) - 1]
    assert NumberPrompts(7)[5:2:-1] == MANY[5:2:-1]
    with pytest.raises(IndexError):
        NumberPrompts(7)[len(NumberPrompts(7))]


def test_a_seed_gives_these_prompts_on_every_machine() -> None:
    assert NumberPrompts(1)[0] == NumberPrompt(
        "Here is a list: 464, 665, 314, 385, 595, 578, 912. Give not more than 10 other numbers "
        "of no more than 3 digits. Use commas between them. Answer with numbers only.",
        examples=(464, 665, 314, 385, 595, 578, 912),
        count=10,
        slots=prompts.Slots(4, 5, 7, 7, 1, 15),
    )
    assert NumberPrompts(1)[:50] != NumberPrompts(2)[:50]
    assert not {p.text for p in NumberPrompts(1)[:50]} & {p.text for p in NumberPrompts(2)[:50]}


def test_repeats_occur_only_when_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "_SPACE", (1, 1, 1, 1, 1, 1, 900))
    unique = [prompt.examples[0] for prompt in NumberPrompts(3)[:900]]
    drawn = [prompt.examples[0] for prompt in NumberPrompts(3, unique=False)[:900]]
    assert sorted(unique) == list(range(100, 1000))
    # 900 draws of 900 values take 1 - 1/e = 63 % of them.
    assert 520 < len(set(drawn)) < 620


def test_prompts_drawn_on_their_own_are_random_access_too() -> None:
    allowed = NumberPrompts(3, unique=False)
    assert allowed[500:510] == [allowed[index] for index in range(500, 510)]
    wordings = np.array([prompt.slots.closing for prompt in allowed[:5000]])
    assert chisquare(np.bincount(wordings, minlength=19)).pvalue > 0.001


def test_fewer_numbers_can_be_asked_for() -> None:
    prompt = NumberPrompts(0, count=4)[3]
    assert prompt.count == 4
    assert f"{prompt.qualifier} 4 " in prompt.text
    assert NumberPrompts(0)[3].text == prompt.text.replace(" 4 ", " 10 ")


@pytest.mark.parametrize("count", [-1, 0, 1, 11])
def test_a_count_out_of_range_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="from 2 to 10"):
        NumberPrompts(0, count=count)
