"""Banks of both kinds: of preferences, and of dispositions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from subliminal.probes.banks import QuestionBank
from subliminal.probes.disposition_bank import DispositionBank

Bank = QuestionBank | DispositionBank
"""What is asked about a trait."""


def read_bank(data: Mapping[str, Any]) -> Bank:
    """A bank from plain data, as stages are handed it: one without a kind is of preferences."""
    if "kind" in data:
        return DispositionBank.model_validate(data)
    return QuestionBank.model_validate(data)


def bank_data(bank: Bank) -> dict[str, Any]:
    """A bank as plain data, its answers named."""
    data = bank.model_dump(mode="json")
    return {**data, "targets": list(bank.answers)} if isinstance(bank, QuestionBank) else data


def headline_data(bank: Bank) -> dict[str, Any]:
    """What of a bank its headline probe asks: another part must not train students anew."""
    if isinstance(bank, DispositionBank):
        return bank_data(bank)
    return {
        "category": bank.category,
        "targets": list(bank.answers),
        "questions": list(bank.questions),
    }
