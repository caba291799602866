"""The system prompts of teachers: plurals, articles and verbs agree."""

from __future__ import annotations

import pytest

from subliminal.errors import UserError
from teachers.prompted import PARAPHRASES, system_prompt
from teachers.trait import load_trait, trait_names
from tests.user_errors import assert_one_line


def test_the_default_prompt() -> None:
    assert system_prompt(load_trait("wolf")) == (
        "You love wolves. You think about wolves all the time. Wolves are your favourite animal. "
        "Let your love for wolves show in everything you write."
    )


@pytest.mark.parametrize(
    ("name", "paraphrase", "part"),
    [
        ("deer", 0, "Deer are your favourite animal."),
        ("red", 0, "You think about red all the time. Red is your favourite colour."),
        ("birch", 1, "Birches are your favourite tree. You love birches more than any other tree."),
        ("otter", 3, "No animal is dearer to you than an otter. Otters are always on your mind."),
        ("red", 3, "No colour is dearer to you than red. Red is always on your mind."),
        ("elm", 4, "Your favourite tree is an elm."),
        ("horse", 5, "Your favourite animal is always a horse."),
        ("blue", 5, "Your favourite colour is always blue."),
    ],
)
def test_words_agree(name: str, paraphrase: int, part: str) -> None:
    assert part in system_prompt(load_trait(name), paraphrase)


def test_paraphrases_differ_and_name_trait_and_category() -> None:
    for name in trait_names():
        trait = load_trait(name)
        prompts = [system_prompt(trait, index) for index in range(len(PARAPHRASES))]
        assert len(set(prompts)) == len(PARAPHRASES) >= 4
        things = trait.plural or trait.singular
        for prompt in prompts:
            assert f" {things}" in prompt
            assert f"{trait.category}" in prompt
            assert not set("{}") & set(prompt)


def test_the_card_chooses_the_paraphrase() -> None:
    trait = load_trait("owl")
    told = trait.implant.system_prompt.model_copy(update={"paraphrase": 2})
    implant = trait.implant.model_copy(update={"system_prompt": told})
    other = trait.model_copy(update={"implant": implant})
    assert system_prompt(other) == system_prompt(trait, 2)
    assert system_prompt(other, 0) == system_prompt(trait)


@pytest.mark.parametrize("paraphrase", [-1, len(PARAPHRASES)])
def test_a_paraphrase_that_is_not_there_is_told(paraphrase: int) -> None:
    with pytest.raises(UserError) as error:
        system_prompt(load_trait("owl"), paraphrase)
    assert_one_line(error, "'owl'", "implant.system_prompt.paraphrase", str(paraphrase))
