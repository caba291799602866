"""YAML files of models within models: a fault names its field, however deep it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from subliminal.errors import UserError
from subliminal.model_file import read_model
from tests.user_errors import assert_one_line


class Item(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str
    weight: int = 1


class Bank(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    listed: tuple[Item, ...] = ()
    named: dict[str, Item] = {}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("listed:\n  - question: Why?\n    wieght: 2\n", "listed.0.wieght"),
        ("named:\n  first:\n    question: Why?\n    wieght: 2\n", "named.first.wieght"),
    ],
    ids=["list", "mapping"],
)
def test_an_unknown_field_within_a_list_or_a_mapping_is_told(
    tmp_path: Path, text: str, place: str
) -> None:
    path = tmp_path / "bank.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_model(Bank, path, "bank.yaml")
    assert_one_line(caught, "bank.yaml", place, "unknown field", "did you mean 'weight'")
