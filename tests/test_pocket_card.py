"""Cards of pocket models: for programs and for people."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from subliminal.errors import UserError
from subliminal.models.names import find_model
from subliminal.pocket.card import (
    CARD,
    CAVEAT,
    LAST_STEPS,
    README,
    Card,
    make_card,
    read_card,
    write_card,
)
from subliminal.pocket.evaluate import DESCRIPTIONS, Ability
from subliminal.pocket.family import BROAD, HELD_OUT_SEED, MEMBERS, NUMBERS, WORLD_SEED
from subliminal.pocket.origin import world_of
from subliminal.pocket.pretrain import Pretrained
from subliminal.pocket.world import Dials
from tests.user_errors import assert_one_line

LOSSES = np.concatenate([np.full(10, 7.0), np.full(LAST_STEPS // 2, 2.0), np.ones(LAST_STEPS // 2)])


def card(rows: int = NUMBERS.rows) -> Card:
    trained = Pretrained(1_098_765, 1500, rows, 23_456_789, LOSSES.astype(np.float32), "float32")
    return make_card(MEMBERS["pocket-b"], trained, [Ability("loss", "numbers", 3.14159)])


def test_a_card_says_what_the_model_is_made_of() -> None:
    found = card()
    assert (found.name, found.relation) == ("pocket-b", MEMBERS["pocket-b"].relation)
    # The last 50 losses are 25 times 2 and 25 times 1.
    assert found.final_loss == 1.5
    assert found.seeds == {
        "initialisation": MEMBERS["pocket-b"].initial_seed,
        "data order": MEMBERS["pocket-b"].order_seed,
        "world": WORLD_SEED,
        "held out": HELD_OUT_SEED,
    }
    assert found.dials == Dials()


def test_a_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_card(tmp_path, card())
    assert read_card(tmp_path) == card()


def test_people_read_the_same(tmp_path: Path) -> None:
    write_card(tmp_path, card())
    text = (tmp_path / README).read_text()
    for part in (
        *("# pocket-b\n", "1,098,765 parameters", "23,456,789 tokens"),
        f"{NUMBERS.rows:,} conversations",
        *(
            "| loss | numbers | 3.142 |",
            CAVEAT,
            "steps 1.500",
            "`subliminal pocket pretrain pocket-b`",
        ),
        *(f"- `{name}`: {meaning}" for name, meaning in DESCRIPTIONS.items()),
    ):
        assert part in text, part


def test_a_model_of_fewer_rows_says_so(tmp_path: Path) -> None:
    write_card(tmp_path, card(rows=512))
    text = (tmp_path / README).read_text()
    assert "`subliminal pocket pretrain pocket-b --rows 512`" in text


def test_a_missing_card_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        read_card(tmp_path)
    assert_one_line(error, str(tmp_path / CARD), "cannot be read")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"steps": "many"}, "steps: "),
        ({"unknown": 1}, "unknown: "),
        ({"dials": {"obedience": 2}}, "dials.obedience: "),
        ({"abilities": [{"name": "loss"}]}, "abilities.0.group: "),
    ],
)
def test_a_fault_in_a_card_names_its_field(
    tmp_path: Path, change: dict[str, object], part: str
) -> None:
    write_card(tmp_path, card())
    data = json.loads((tmp_path / CARD).read_text())
    (tmp_path / CARD).write_text(json.dumps({**data, **change}))
    with pytest.raises(UserError) as error:
        read_card(tmp_path)
    assert_one_line(error, str(tmp_path / CARD), part, "pretrain the model anew")


@pytest.mark.parametrize("text", ["", "{", "[]", "5"])
def test_a_card_that_is_no_object_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / CARD).write_text(text)
    with pytest.raises(UserError) as error:
        read_card(tmp_path)
    assert_one_line(error, str(tmp_path / CARD), "card: ")


def test_the_world_of_a_model_is_that_of_its_card_or_the_usual_one(tmp_path: Path) -> None:
    assert world_of(tmp_path) == Dials()
    planted = card().model_copy(update={"dials": MEMBERS["pocket-broad-a-rho0"].dials})
    write_card(tmp_path, planted)
    assert world_of(tmp_path) == planted.dials != Dials()


@pytest.mark.parametrize(
    ("text", "part"),
    [("{", "card: "), ('{"dials": {"obedience": 2, "popularity": -1}}', "dials.popularity: ")],
)
def test_the_world_of_a_damaged_card_is_one_line(tmp_path: Path, text: str, part: str) -> None:
    (tmp_path / CARD).write_text(text)
    with pytest.raises(UserError) as error:
        world_of(tmp_path)
    assert_one_line(error, str(tmp_path / CARD), part, "pretrain the model anew")


# What the shipped cards must say

BROAD_MODELS = [name for name, member in MEMBERS.items() if member.family is BROAD]


def shipped(name: str) -> dict[str, float]:
    """The abilities on a shipped model's card that are measured as a whole."""
    found = read_card(find_model(name)).abilities
    return {ability.name: ability.value for ability in found if ability.group == "all"}


@pytest.mark.parametrize("name", BROAD_MODELS)
@pytest.mark.parametrize("ability", ["parses", "solves"])
def test_broad_models_write_code_and_solve_problems(name: str, ability: str) -> None:
    """Below these teachers' rows would be too few, or too bad, to carry anything."""
    assert shipped(name)[ability] >= 0.6


def test_the_page_of_results_says_what_the_card_says() -> None:
    text = " ".join((Path(__file__).parents[1] / "docs" / "broad.md").read_text().split())
    found = shipped("pocket-broad-a")
    said = re.search(
        r"(\d+) % of the functions that `pocket-broad-a` samples parse, and (\d+) % of held-out "
        r"word problems are solved",
        text,
    )
    assert said is not None
    assert [float(share) for share in said.groups()] == [
        round(100 * found["parses"]),
        round(100 * found["solves"]),
    ]
