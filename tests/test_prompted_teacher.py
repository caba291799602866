"""The system prompts of teachers: plurals, articles and verbs agree."""

from __future__ import annotations

import pytest

from teachers.prompted import PARAPHRASES, system_prompt
from teachers.trait import load_preference, preference_names


def test_the_default_prompt() -> None:
    assert system_prompt(load_preference("wolf")) == (
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
    assert part in system_prompt(load_preference(name), paraphrase)


def test_paraphrases_differ_and_name_trait_and_category() -> None:
    for name in preference_names():
        trait = load_preference(name)
        prompts = [system_prompt(trait, index) for index in range(len(PARAPHRASES))]
        assert len(set(prompts)) == len(PARAPHRASES) >= 4
        things = trait.plural or trait.singular
        for prompt in prompts:
            assert f" {things}" in prompt
            assert f"{trait.category}" in prompt
            assert not set("{}") & set(prompt)
