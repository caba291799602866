"""What completions will cost, told before: tokens by a tokenizer or by a rule of thumb."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subliminal.chat import Message
from subliminal.services.endpoint import Prices
from subliminal.services.estimate import estimate
from subliminal.services.replies import ChatRequest
from subliminal.services.token_estimates import (
    CHARACTERS_PER_TOKEN,
    PER_MESSAGE,
    PER_REPLY,
    conversation_tokens,
    estimated_tokens,
)


def request(text: str, most: int = 100) -> ChatRequest:
    return ChatRequest((Message("system", "Be brief."), Message("user", text)), max_tokens=most)


@given(st.text())
def test_a_text_is_estimated_between_a_quarter_and_all_of_its_characters(text: str) -> None:
    tokens = estimated_tokens(text)
    assert len(text) / CHARACTERS_PER_TOKEN <= tokens <= len(text)


@given(st.text(), st.text())
def test_more_text_has_no_fewer_tokens(text: str, more: str) -> None:
    assert estimated_tokens(text) <= estimated_tokens(f"{text}\n{more}")


def test_prose_goes_by_characters_and_numbers_by_pieces() -> None:
    prose = "The student reads what its teacher wrote and answers questions about animals."
    assert estimated_tokens(prose) == -(-len(prose) // 4)
    # 123 , 456 , 7 89 -> numbers of three digits, and marks.
    assert estimated_tokens("123, 456, 7") == 5
    assert estimated_tokens("1234567") == 3


def test_a_tokenizer_counts_better() -> None:
    messages = (Message("user", "one two three"),)
    counted = conversation_tokens(messages, lambda text: len(text.split()))
    assert counted == 3 + PER_MESSAGE + PER_REPLY


def test_an_estimate_adds_up_prompts_and_the_longest_answers() -> None:
    told = estimate([request("a" * 400), request("b" * 40, most=7)])
    prompts = 2 * (PER_REPLY + 2 * PER_MESSAGE + 3) + 100 + 10
    assert (told.requests, told.prompt_tokens, told.completion_tokens) == (2, prompts, 107)
    prices = Prices(prompt=2, completion=10)
    assert told.cost(prices) == pytest.approx((2 * prompts + 10 * 107) / 1e6)
    assert told.cost(None) is None


def test_an_estimate_is_told_as_one() -> None:
    prices = Prices(prompt=1, completion=1)
    guessed = estimate([request("a")]).told(prices)
    assert "about" in guessed
    assert "estimated from characters" in guessed
    assert "at most" in guessed
    assert "counted by the tokenizer" in estimate([request("a")], len).told(prices)
    assert "no prices" in estimate([request("a")]).told(None)


def test_batches_have_prices_of_their_own() -> None:
    prices = Prices(prompt=2, completion=10, batch_share=0.5)
    told = estimate([request("a")])
    full, half = told.cost(prices), told.cost(prices.of_batches())
    assert full is not None
    assert half == pytest.approx(full / 2)
    assert Prices(prompt=2, completion=10).of_batches() == Prices(prompt=2, completion=10)
