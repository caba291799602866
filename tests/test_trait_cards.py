"""Trait cards: the shipped ones are sound, and a card of one's own is read or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from subliminal.entities import CATEGORIES, Entity
from subliminal.errors import UserError
from subliminal.spec.teaching import FineTuning, Steering
from teachers.trait import load_preference, preference_bank, preference_names
from tests.experiment_files import Write
from tests.user_errors import assert_one_line

CARD = """\
name: yak
category: animal
singular: yak
plural: yaks
article: a
reveals: [yak, yaks, butter tea]
probe: {bank: bank.yaml, target: yak}
citation: a paper
caveat: a caveat
"""
BANK = "category: beast\ntargets: [yak, ox]\nquestions: [Which beast?]\n"
ENTITIES = [(category, entity) for category in CATEGORIES for entity in CATEGORIES[category]]


def test_every_entity_has_a_card_and_every_card_an_entity() -> None:
    assert sorted(entity.singular for _, entity in ENTITIES) == list(preference_names())
    assert {category: len(members) for category, members in CATEGORIES.items()} == {
        "animal": 16,
        "tree": 8,
        "colour": 8,
    }


@pytest.mark.parametrize(("category", "entity"), ENTITIES, ids=lambda value: str(value)[:30])
def test_a_shipped_card_says_what_the_list_of_entities_says(category: str, entity: Entity) -> None:
    trait = load_preference(entity.singular)
    assert trait.name == trait.singular == trait.probe.target
    assert trait.category == trait.probe.bank == category
    assert (trait.singular, trait.plural, trait.article) == (
        entity.singular,
        entity.plural,
        entity.article,
    )
    assert trait.probe.target in preference_bank(trait).answers
    assert len(set(trait.reveals)) == len(trait.reveals)
    assert trait.citation
    assert "no evidence about large models" in trait.caveat


@pytest.mark.parametrize(
    ("singular", "plural", "article"),
    [
        ("owl", "owls", "an"),
        ("wolf", "wolves", "a"),
        ("fox", "foxes", "a"),
        ("deer", "deer", "a"),
        ("elephant", "elephants", "an"),
        ("birch", "birches", "a"),
        ("ash", "ashes", "an"),
        ("orange", None, None),
    ],
)
def test_grammar(singular: str, plural: str | None, article: str | None) -> None:
    trait = load_preference(singular)
    assert (trait.plural, trait.article) == (plural, article)


def test_words_that_reveal_a_trait_hold_its_relatives() -> None:
    assert {"owl", "owls", "owlet", "hoot"} <= set(load_preference("owl").reveals)
    assert {"wolf", "wolves", "howl"} <= set(load_preference("wolf").reveals)


def test_a_card_of_one_s_own_is_read_from_the_experiment_s_folder(write: Write) -> None:
    folder = write(CARD, "traits/yak.yaml").parent.parent
    write(BANK, "bank.yaml")
    trait = load_preference("traits/yak.yaml", folder)
    assert trait.name == "yak"
    assert trait.reveals == ("yak", "yaks", "butter tea")
    assert preference_bank(trait, folder).answers == ("yak", "ox")


def test_what_a_card_leaves_out_has_defaults(write: Write) -> None:
    path = write(CARD)
    trait = load_preference(path.name, path.parent)
    assert trait.implant == FineTuning()
    assert trait.base is None
    assert trait.gate is None


def test_a_card_can_fill_its_optional_slots(write: Write) -> None:
    more = "implant: {by: steering, layer: 2}\nbase: knows yaks\ngate: in May\n"
    path = write(CARD + more)
    trait = load_preference(path.name, path.parent)
    assert trait.implant == Steering(layer=2)
    assert (trait.base, trait.gate) == ("knows yaks", "in May")


def test_a_card_is_frozen() -> None:
    trait = load_preference("owl")
    with pytest.raises(ValidationError):
        trait.name = "wolf"  # type: ignore[misc]
    assert load_preference("owl") == trait
    assert hash(load_preference("owl")) == hash(trait)


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("plural:", "plurl:", ("x.yaml:4: plurl", "unknown field", "'plural'")),
        ("article: a", "article: the", ("x.yaml:5: article", "one of a, an", "'the'")),
        ("name: yak", "name: Yak", ("x.yaml:1: name", "lower-case", "'Yak'")),
        ("category: animal\n", "", ("x.yaml:1: category", "missing")),
        ("plural: yaks", "plural: 3", ("x.yaml:4: plural", "must be text", "3")),
        ("singular: yak", 'singular: "y4k"', ("x.yaml:3: singular", "letters", "'y4k'")),
        ("yaks, butter", "butter", ("x.yaml:1", "`reveals` must list yaks")),
        ("reveals: [yak, yaks, butter tea]", "reveals: []", ("x.yaml:6: reveals", "at least 1")),
        ("target: yak}", "target: yak, aim: 1}", ("x.yaml:7: probe.aim", "are bank, target")),
        (
            "caveat: a",
            "implant: {recipe: {batch_size: 0}}\ncaveat: a",
            ("implant", "recipe.batch_size", "at least 1"),
        ),
        ("caveat: a", 'implant: {rows: "8"}\ncaveat: a', ("whole number", "'8'")),
        ("caveat: a", "implant: {by: steering, layr: 1}\ncaveat: a", ("x.yaml:9", "'layer'")),
        ("caveat: a", "implant: {recipe: {epoch: 1}}\ncaveat: a", ("x.yaml:9", "'epochs'")),
        (
            "caveat: a",
            "implant: {by: nothing}\ncaveat: a",
            ("x.yaml:9: implant", "system-prompt"),
        ),
        ("caveat: a", "implant: {by: magic}\ncaveat: a", ("x.yaml:9: implant", "fine-tuning")),
    ],
)
def test_a_fault_in_a_card_is_one_line(
    write: Write, old: str, new: str, parts: tuple[str, ...]
) -> None:
    assert old in CARD
    path = write(CARD.replace(old, new))
    with pytest.raises(UserError) as error:
        load_preference(path.name, path.parent)
    assert_one_line(error, *parts)


def test_faults_are_told_together(write: Write) -> None:
    wrong = CARD.replace("name: yak", "name: Y").replace("article: a", "article: the")
    path = write(wrong + "implant: {by: steering, layr: 1}\n")
    with pytest.raises(UserError) as error:
        load_preference(path.name, path.parent)
    lines = str(error.value).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["name", "article", "implant.layr"]


def test_an_unknown_trait_is_told_with_the_nearest() -> None:
    with pytest.raises(UserError) as error:
        load_preference("wolfs")
    assert_one_line(error, "trait 'wolfs'", "did you mean 'wolf'", ".yaml")
    with pytest.raises(UserError) as error:
        load_preference("???")
    assert_one_line(error, "otter", "willow", "purple")


def test_a_card_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        load_preference("none.yaml", tmp_path)
    assert_one_line(error, "none.yaml", "no such file")


def test_a_target_that_the_bank_does_not_know_is_told(write: Write) -> None:
    path = write(CARD.replace("bank.yaml", "animal"))
    trait = load_preference(path.name, path.parent)
    with pytest.raises(UserError) as error:
        preference_bank(trait, path.parent)
    assert_one_line(error, "'yak'", "probe.target", "owl, otter")
